"""What the service counts and measures: nothing of a patient, and no label without bounds.

Services, statuses, kinds and codes are those of the product and its data files; clients are those
of the client file.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from defib_coverage import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from defib_coverage.running.watching import Answered, Refused, Taken

_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
# How often what is no event is looked at.
_LOOK_SECONDS = 1.0


class Depths(NamedTuple):
    """What a worker has before it at one moment: calls, and what waits for the ledger."""

    calls: int
    queue: int = 0
    spool: int = 0
    down: bool = False


class Described(NamedTuple):
    """A metric as it is told of."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


class _ByLabel(dict[str, "Callable[[float], None]"]):
    """What counts one label's value up: looked for once, since that costs more than counting."""

    def __init__(self, metric: Counter | Histogram) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, label: str) -> Callable[[float], None]:
        child = self._metric.labels(label)
        count: Callable[[float], None]
        count = child.inc if isinstance(child, Counter) else child.observe
        self[label] = count
        return count


class Metrics:
    """The metrics of one worker; several workers' are added up where they are read."""

    def __init__(self, data_digest: str) -> None:
        """Begin at nought.

        Args:
            data_digest: of the data files that calls are judged by.
        """
        # When a series began is told by the process's own start.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._described: list[Described] = []
        self._calls = self._counter(
            "calls", "Calls by service, client and outcome", "service", "client", "outcome"
        )
        self._call_children: dict[tuple[str, str | None, str], Callable[[], None]] = {}
        self._call_seconds = _ByLabel(self._histogram("call_seconds", "Whole calls", "service"))
        self._stages = _ByLabel(self._histogram("stage_seconds", "Stages of calls", "stage"))
        self._refused = _ByLabel(self._counter("refused", "Refused calls by status", "status"))
        self._failed = self._counter("incidents", "Faults of the service itself")
        self._statuses = _ByLabel(self._counter("determinations", "Orders by status", "status"))
        self._gaps = _ByLabel(self._counter("gaps", "What was not known, by kind", "kind"))
        self._findings = _ByLabel(self._counter("findings", "Findings by code", "code"))
        self._feedback = self._counter(
            "feedback", "Cards by what clinicians did with them", "service", "outcome"
        )
        self._fetches = self._counter("fetches", "Queries to FHIR servers")
        self._not_fetched = _ByLabel(
            self._counter("fetch_failures", "Queries that brought not all, by cause", "cause")
        )
        self._commits = self._histogram("ledger_commit_seconds", "Transactions of the ledger")
        self._shadow = _ByLabel(
            self._counter("shadow", "Orders by what the shadow made of them", "outcome")
        )
        self._shadow_seconds = self._histogram(
            "shadow_seconds", "What the shadow took for a call, after its answer"
        )
        self._in_progress = self._gauge("calls_in_progress", "Calls that are being answered")
        self._queue = self._gauge("ledger_queue", "Records that wait for their transaction")
        self._spool = self._gauge("ledger_spool_bytes", "Records that wait for the database")
        self._down = self._gauge("ledger_down", "Workers that cannot write to the database")
        build = self._gauge("build_info", "Version and data in use", "version", "data", mode="max")
        build.labels(__version__, data_digest).set(1)

    def answered(self, call: Answered) -> None:
        """Count a call that was answered."""
        line = call.line
        self._call(line.service, line.client, "answered")
        self._call_seconds[line.service](call.seconds)
        for stage, milliseconds in line.milliseconds.items():
            if milliseconds:  # nothing was fetched by most calls
                self._stages[stage](milliseconds / 1000)
        for status, number in line.statuses.items():
            self._statuses[status](number)
        for kind, number in line.gaps.items():
            self._gaps[kind](number)
        for one in call.found:
            for finding in one.findings:
                self._findings[finding.code](1)
        if line.fetches:
            self._fetches.inc(line.fetches)
        for cause, number in line.not_fetched.items():
            self._not_fetched[cause](number)

    def refused(self, call: Refused) -> None:
        """Count a call that was refused."""
        line = call.line
        self._call(line.service, line.client, "refused")
        self._refused[str(line.status)](1)
        for cause, number in line.not_fetched.items():
            self._not_fetched[cause](number)

    def taken(self, feedback: Taken) -> None:
        """Count feedback that was kept."""
        line = feedback.line
        for outcome, number in line.outcomes.items():
            self._feedback.labels(line.service, outcome).inc(number)

    def failed(self) -> None:
        """Count a fault of our own."""
        self._failed.inc()

    def committed(self, seconds: float) -> None:
        """Measure a transaction of the ledger, in whatever thread it was."""
        self._commits.observe(seconds)

    def shadowed(self, outcomes: Mapping[str, int], seconds: float) -> None:
        """Count the orders of a call by what became of them in the shadow."""
        for outcome, number in outcomes.items():
            self._shadow[outcome](number)
        self._shadow_seconds.observe(seconds)

    def look(self, depths: Depths) -> None:
        """Take what is no event."""
        self._in_progress.set(depths.calls)
        self._queue.set(depths.queue)
        self._spool.set(depths.spool)
        self._down.set(depths.down)

    async def watch(self, depths: Callable[[], Depths]) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look(depths())
            await asyncio.sleep(_LOOK_SECONDS)

    def _call(self, service: str, client: str | None, outcome: str) -> None:
        key = (service, client, outcome)
        count = self._call_children.get(key)
        if count is None:
            count = self._calls.labels(service, client or "", outcome).inc
            self._call_children[key] = count
        count()

    @property
    def described(self) -> Sequence[Described]:
        """All metrics, in the order in which they are told of."""
        return self._described

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        name = self._told(name, "counter", labels, meaning)
        return Counter(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, *labels: str) -> Histogram:
        name = self._told(name, "histogram", labels, meaning)
        return Histogram(name, meaning, labels, buckets=_SECONDS, registry=self.registry)

    def _gauge(
        self, name: str, meaning: str, *labels: str, mode: Literal["livesum", "max"] = "livesum"
    ) -> Gauge:
        name = self._told(name, "gauge", labels, meaning)
        return Gauge(name, meaning, labels, registry=self.registry, multiprocess_mode=mode)

    def _told(self, name: str, kind: str, labels: tuple[str, ...], meaning: str) -> str:
        """The full name of a metric, which is told of from now on."""
        name = f"defib_coverage_{name}"
        self._described.append(Described(name, kind, labels, meaning))
        return name
