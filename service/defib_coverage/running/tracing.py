"""Traces of calls by OpenTelemetry: a span a call, and in it one for each of its stages.

The usual variables ``OTEL_...`` say where they go. Spans are made when a call is over, from the
times that were taken anyway; nothing in them tells of a patient.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from defib_coverage import __version__
from defib_coverage.logs import News, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.util.types import AttributeValue

    from defib_coverage.running.watching import Answered, Refused, Taken

_NAME = "defib-coverage"
_WANTED = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)
_NANOSECONDS = 1_000_000_000
_SERVER_FAULT = 500


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether an environment asks for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    return any(environment.get(name) for name in _WANTED)


def tracing(environment: Mapping[str, str]) -> Tracing | None:
    """What traces calls, where the environment asks for it and the packages are there."""
    if not wanted(environment):
        return None
    # Costs memory and time to import: only where it is used.
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        text = "No traces: the packages are missing. pip install 'defib-coverage[otel]'"
        write(News(text=text), logging.WARNING)
        return None
    return Tracing(BatchSpanProcessor(OTLPSpanExporter()))


class Tracing:
    """Makes the spans of calls that are over."""

    def __init__(self, processor: SpanProcessor) -> None:
        """Hand all spans to ``processor``."""
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        ours = Resource({"service.name": _NAME, "service.version": __version__})
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(_NAME, __version__)
        self._extract = TraceContextTextMapPropagator().extract
        self._inside = set_span_in_context
        self._kind = SpanKind.SERVER

    def answered(self, call: Answered) -> None:
        """A call was answered."""
        line = call.line
        attributes: dict[str, AttributeValue] = {
            "defib_coverage.hook_instance": line.hook_instance,
            "defib_coverage.cards": line.cards,
            "defib_coverage.fetches": line.fetches,
            "http.response.status_code": 200,
        }
        for status, number in line.statuses.items():
            attributes[f"defib_coverage.determinations.{status}"] = number
        stages = {name: passed / 1000 for name, passed in line.milliseconds.items()}
        self._span(call, attributes, stages)

    def refused(self, call: Refused) -> None:
        """A call was refused."""
        line = call.line
        attributes: dict[str, AttributeValue] = {"http.response.status_code": line.status}
        if line.hook_instance is not None:
            attributes["defib_coverage.hook_instance"] = line.hook_instance
        if line.status >= _SERVER_FAULT:
            attributes["error.type"] = str(line.status)
        self._span(call, attributes, {})

    def taken(self, feedback: Taken) -> None:
        """Feedback was kept."""
        attributes: dict[str, AttributeValue] = {"http.response.status_code": 200}
        for outcome, number in feedback.line.outcomes.items():
            attributes[f"defib_coverage.feedback.{outcome}"] = number
        self._span(feedback, attributes, {}, "/feedback")

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()

    def _span(
        self,
        call: Answered | Refused | Taken,
        attributes: dict[str, AttributeValue],
        stages: Mapping[str, float],
        ending: str = "",
    ) -> None:
        """A span that ends now, and those of its stages, which followed each other."""
        end = time.time_ns()
        at = begin = end - int(call.seconds * _NANOSECONDS)
        if call.line.client is not None:
            attributes["defib_coverage.client"] = call.line.client
        context = None if call.parent is None else self._extract({"traceparent": call.parent})
        span = self._tracer.start_span(
            call.line.service + ending, context, self._kind, attributes, start_time=begin
        )
        if span.is_recording():
            inside = self._inside(span)
            for name, passed in stages.items():
                child = self._tracer.start_span(name, inside, start_time=at)
                at += int(passed * _NANOSECONDS)
                child.end(at)
        span.end(end)
