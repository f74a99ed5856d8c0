"""What the ledger costs: the same calls to a service that keeps decisions and one that does not."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from charts import make_chart
from load import Connection, check, drive, make_request, percentile
from servers import Server, Subject

RESOURCES = 300
CALLERS = 8
_ROUNDS = 7
_CALLS = 150
_WARM_UP = 30


class Kept(NamedTuple):
    """What a call costs: CPU milliseconds of the server, and seconds of each call by crowd."""

    cpu_ms: float
    alone: list[float]
    together: list[float]


def measure_ledger(ours: Subject) -> tuple[Kept, Kept]:
    """Measure without and with a ledger, in turn: SQLite, every answer waits for its commit.

    Raises:
        StartError: a server did not start.
        WrongAnswerError: a call was answered wrongly.
        OSError: a server could not be reached.
    """
    request = make_request(make_chart(RESOURCES).body)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        state = ("DEFIB_COVERAGE_STATE", folder)
        keeping = ours._replace(environment=(("DEFIB_COVERAGE_LEDGER", "refuse"), state))
        servers = [stack.enter_context(Server(subject)) for subject in (ours, keeping)]
        cpu: list[list[float]] = [[], []]
        alone: list[list[float]] = [[], []]
        together: list[list[float]] = [[], []]
        for server in servers:
            server.wait()
            drive(server.port, request, _WARM_UP, ours.cards)
        for turn in range(_ROUNDS):
            for which in (0, 1) if turn % 2 else (1, 0):
                server = servers[which]
                before = server.cpu_seconds()
                alone[which] += _callers(server.port, request, ours.cards, 1)
                cpu[which].append((server.cpu_seconds() - before) * 1000 / _CALLS)
                together[which] += _callers(server.port, request, ours.cards, CALLERS)
    off, on = (Kept(median(c), a, t) for c, a, t in zip(cpu, alone, together, strict=True))
    return off, on


def _callers(port: int, request: bytes, cards: int, number: int) -> list[float]:
    """Callers that call one after another, each as soon as it has its answer; seconds of each."""
    begin = threading.Barrier(number)

    def one(_: int) -> list[float]:
        connection = Connection(port)
        found = []
        try:
            begin.wait()
            for _ in range(_CALLS // number):
                start = time.perf_counter()
                check(connection.call(request), cards)
                found.append(time.perf_counter() - start)
        finally:
            connection.close()
        return found

    with ThreadPoolExecutor(number) as pool:
        return [seconds for part in pool.map(one, range(number)) for seconds in part]


def print_ledger(off: Kept, on: Kept) -> None:
    """Print both, in milliseconds."""
    print(f"\nthe ledger, {RESOURCES} resources, milliseconds")
    heads = ("CPU a call", "p50", "p99", f"p50 of {CALLERS}", f"p99 of {CALLERS}")
    print(" " * 24 + "".join(f"{head:>11}" for head in heads))
    for name, one in (("without", off), ("with, SQLite", on)):
        times = [percentile(s, p) * 1000 for s in (one.alone, one.together) for p in (50, 99)]
        print(f"{name:<24}{one.cpu_ms:>11.3f}" + "".join(f"{time_:>11.2f}" for time_ in times))
