"""What a call costs that must fetch five needs from a FHIR server, alone and in a crowd."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from charts import EXPECTED_TOPICS, make_chart
from load import Connection, check, make_request, percentile
from servers import Server, Subject
from slow_fhir import LATENCY, RESOURCES

FETCHED = ("conditions", "procedures", "observations", "medicationRequests", "encounters")
CROWD = 50
ROUNDS = 4
PER_SECOND = 20
SECONDS = 15
_FHIR = Subject("a FHIR server that takes 50 ms", "slow_fhir:app", cards=0)


class Latencies(NamedTuple):
    """Seconds: of a call in a crowd that comes at once, and of one in a steady stream."""

    crowd: list[float]
    stream: list[float]


def measure_fetches(ours: Subject) -> Latencies:
    """Measure.

    Raises:
        StartError: a server did not start.
        WrongAnswerError: a call was answered wrongly.
        OSError: a server could not be reached.
    """
    with Server(_FHIR) as fhir:
        fhir.wait()
        base = f"http://127.0.0.1:{fhir.port}/fhir"
        environment = (
            *ours.environment,
            ("DEFIB_COVERAGE_FHIR_SERVERS", base),
            ("DEFIB_COVERAGE_DEVELOPMENT", "true"),
        )
        with Server(ours._replace(environment=environment)) as service:
            service.wait()
            request = make_request(_call(base))
            _together(service.port, request)
            crowd = [s for _ in range(ROUNDS) for s in _together(service.port, request)]
            return Latencies(crowd, _stream(service.port, request))


def _call(base: str) -> bytes:
    """The synthetic patient's call without what is to be fetched."""
    call = json.loads(make_chart(RESOURCES).body)
    call["prefetch"] = {
        key: value for key, value in call["prefetch"].items() if key not in FETCHED
    } | {"medicationStatements": None, "serviceRequests": None, "documents": None, "devices": None}
    call["fhirServer"] = base
    return json.dumps(call).encode()


def _together(port: int, request: bytes) -> list[float]:
    """Fifty calls at the same moment; the seconds of each."""
    begin = threading.Barrier(CROWD)

    def one() -> float:
        connection = Connection(port)
        try:
            begin.wait()
            start = time.perf_counter()
            check(connection.call(request), len(EXPECTED_TOPICS))
            return time.perf_counter() - start
        finally:
            connection.close()

    with ThreadPoolExecutor(CROWD) as pool:
        return [f.result() for f in [pool.submit(one) for _ in range(CROWD)]]


def _stream(port: int, request: bytes) -> list[float]:
    """Twenty calls a second, each at its own moment whatever became of those before it."""
    start = time.perf_counter() + 0.1

    def one(number: int) -> float:
        planned = start + number / PER_SECOND
        connection = Connection(port)
        try:
            time.sleep(max(planned - time.perf_counter(), 0))
            check(connection.call(request), len(EXPECTED_TOPICS))
            return time.perf_counter() - planned
        finally:
            connection.close()

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(one, range(PER_SECOND * SECONDS)))


def print_fetches(found: Latencies) -> None:
    """Print the latencies, in milliseconds and as multiples of one search's."""
    print(f"\nfive searches of {LATENCY * 1000:.0f} ms a call, milliseconds")
    for name, seconds in (
        (f"{CROWD} calls at once", found.crowd),
        (f"{PER_SECOND} calls a second", found.stream),
    ):
        p50, p99 = percentile(seconds, 50), percentile(seconds, 99)
        print(
            f"{name:<24} p50 {p50 * 1000:7.1f}  p99 {p99 * 1000:7.1f}  "
            f"p99 over one search {p99 / LATENCY:5.1f}  ({len(seconds)} calls, no error)"
        )
