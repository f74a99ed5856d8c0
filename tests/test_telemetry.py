"""Traces: a span a call with its stages inside, nothing of a patient, and nothing when off."""

from __future__ import annotations

import gzip
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from defib_coverage.logs import CallAnswered, CallRefused, FeedbackTaken
from defib_coverage.running.tracing import Tracing, tracing, wanted
from defib_coverage.running.watching import Answered, Refused, Taken
from live_server import covered_chart, running, sign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

STAGES = {"receive": 1.0, "decode": 2.0, "fetch": 30.0, "judge": 3.0, "answer": 4.0, "ledger": 5.0}
LINE = CallAnswered(
    service="defibrillator-order-sign",
    hook_instance="d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    client="ehr",
    statuses={"conditional": 2},
    cards=3,
    fetches=4,
    milliseconds=STAGES,
)
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(exporter: InMemorySpanExporter) -> Iterator[Tracing]:
    found = Tracing(SimpleSpanProcessor(exporter))
    yield found
    found.close()


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def milliseconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e6


def test_a_call_is_a_span_and_its_stages_follow_each_other_inside(
    traced: Tracing, exporter: InMemorySpanExporter
) -> None:
    traced.answered(Answered(LINE, (), 0.046))
    found = spans(exporter)
    whole = found.pop("defibrillator-order-sign")
    assert milliseconds(whole) == pytest.approx(46, abs=0.001)
    assert list(found) == list(STAGES)
    at = whole.start_time
    for name, span in found.items():
        assert milliseconds(span) == pytest.approx(STAGES[name], abs=0.001)
        assert span.start_time == at
        assert span.parent is not None
        assert whole.context is not None
        assert span.parent.span_id == whole.context.span_id
        at = span.end_time
    assert whole.parent is None
    assert dict(whole.attributes or {}) == {
        "http.response.status_code": 200,
        "defib_coverage.client": "ehr",
        "defib_coverage.hook_instance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "defib_coverage.cards": 3,
        "defib_coverage.fetches": 4,
        "defib_coverage.determinations.conditional": 2,
    }
    assert whole.resource.attributes["service.name"] == "defib-coverage"


def test_a_span_belongs_to_the_trace_of_the_call(
    traced: Tracing, exporter: InMemorySpanExporter
) -> None:
    traced.answered(Answered(LINE, (), 0.046, f"00-{TRACE}-{PARENT}-01"))
    for span in exporter.get_finished_spans():
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == TRACE
    whole = spans(exporter)["defibrillator-order-sign"]
    assert whole.parent is not None
    assert f"{whole.parent.span_id:016x}" == PARENT


@pytest.mark.parametrize(
    "parent", ["", "00-0-0-01", "x" * 5000, f"ff-{TRACE}-{PARENT}-01", "\x00é"]
)
def test_a_parent_that_is_none_begins_a_trace(
    traced: Tracing, exporter: InMemorySpanExporter, parent: str
) -> None:
    traced.answered(Answered(LINE, (), 0.046, parent))
    assert spans(exporter)["defibrillator-order-sign"].parent is None


def test_what_the_caller_does_not_sample_is_not_traced(
    traced: Tracing, exporter: InMemorySpanExporter
) -> None:
    traced.answered(Answered(LINE, (), 0.046, f"00-{TRACE}-{PARENT}-00"))
    assert not exporter.get_finished_spans()


@pytest.mark.parametrize(("status", "fault"), [(400, None), (401, None), (503, "503")])
def test_a_refused_call_is_a_span_too(
    traced: Tracing, exporter: InMemorySpanExporter, status: int, fault: str | None
) -> None:
    line = CallRefused(service="determinations", status=status, issue="structure")
    traced.refused(Refused(line, 0.001))
    (span,) = exporter.get_finished_spans()
    attributes = dict(span.attributes or {})
    assert attributes["http.response.status_code"] == status
    assert attributes.get("error.type") == fault


def test_feedback_is_a_span(traced: Tracing, exporter: InMemorySpanExporter) -> None:
    line = FeedbackTaken(service="defibrillator-order-sign", outcomes={"accepted": 2})
    traced.taken(Taken(line, 0.001))
    (span,) = exporter.get_finished_spans()
    assert span.name == "defibrillator-order-sign/feedback"
    assert (span.attributes or {})["defib_coverage.feedback.accepted"] == 2


def test_traces_are_made_where_the_environment_asks_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    assert wanted(endpoint)
    assert wanted({"OTEL_TRACES_EXPORTER": "otlp"})
    assert not wanted({})
    assert not wanted({"OTEL_SERVICE_NAME": "icd"})
    assert not wanted(endpoint | {"OTEL_SDK_DISABLED": "true"})
    assert not wanted(endpoint | {"OTEL_TRACES_EXPORTER": "none"})
    assert tracing({}) is None
    monkeypatch.setenv("OTEL_SERVICE_NAME", "icd")
    exporter = InMemorySpanExporter()
    named = Tracing(SimpleSpanProcessor(exporter))
    named.answered(Answered(LINE, (), 0.046))
    (first, *_) = exporter.get_finished_spans()
    assert first.resource.attributes["service.name"] == "icd"
    named.close()


def test_without_the_packages_there_are_no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    monkeypatch.setitem(sys.modules, module, None)
    assert tracing({"OTEL_TRACES_EXPORTER": "otlp"}) is None


# ------------------------------------------------------------------------------ over the network


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """What collects traces: where it is, and what it got."""
    got: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            got.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


def test_a_service_sends_its_traces_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as (endpoint, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        with running(ledger="refuse", state=str(tmp_path)) as live:
            request = sign(chart=covered_chart())
            request["context"]["patientId"] = "larkwell-40031"
            assert live.send(sign(chart=covered_chart())).status_code == 200
            assert live.send(request).status_code == 200
            assert live.post("/determinations", b"{").status_code == 400
    names = [
        span.name
        for one in got
        for resource in one.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert names.count("defibrillator-order-sign") == 2
    assert names.count("determinations") == 1
    assert names.count("ledger") >= 1
    for private in ("larkwell", "order-1", "33249", "I25"):
        assert all(private.encode() not in one.SerializeToString() for one in got)


def test_a_collector_that_is_not_there_hinders_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with running(state=str(tmp_path)) as live:
        assert live.send(sign(chart=covered_chart())).status_code == 200
