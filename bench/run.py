"""What an order-sign call costs, beside two endpoints that only parse the same call.

``python bench/run.py``; README.md says how to read the result. Ends with 0 whatever was measured,
and with 1 if a server fails or answers wrongly.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from charts import EXPECTED_TOPICS, Chart, make_chart
from fetches import Latencies, measure_fetches, print_fetches
from ledger import Kept, measure_ledger, print_ledger
from load import Connection, WrongAnswerError, drive, make_request, percentile
from servers import Server, StartError, Subject
from slow_fhir import LATENCY
from terminology import Asked, measure_terminology, print_terminology

OURS = Subject(
    "ours",
    "defib_coverage.command.serving:application",
    cards=len(EXPECTED_TOPICS),
    factory=True,
    protocol="defib_coverage.edge.protocol:BoundedProtocol",
    environment=(("DEFIB_COVERAGE_LEDGER", "off"),),
)
FASTAPI = Subject("(a) FastAPI, json", "bare_fastapi:app", cards=1)
STARLETTE = Subject("(b) Starlette, orjson", "bare_starlette:app", cards=1)
SUBJECTS = (OURS, STARLETTE, FASTAPI)

SMALL, MIDDLE, LARGE = SIZES = (25, 300, 3000)
# Calls a server and round, for about half a second of work each: CPU time comes in steps of 10 ms.
CALLS = {SMALL: 2000, MIDDLE: 200, LARGE: 20}
WARM_UP = {SMALL: 200, MIDDLE: 30, LARGE: 4}
MOST_ROUNDS = 9
FEWEST_ROUNDS = 3
SECONDS = 100.0  # no further round begins after this


class Cost(NamedTuple):
    """What a call costs: CPU milliseconds of the whole server; calls per second of wall time."""

    cpu_ms: float
    per_second: float


class Target(NamedTuple):
    """A bound, and what was measured against it."""

    text: str
    bound: float
    measured: float

    @property
    def met(self) -> bool:
        """Whether the measurement keeps the bound."""
        return self.measured <= self.bound


Costs = dict[tuple[Subject, int], Cost]


class Results(NamedTuple):
    """Medians of all rounds, their number, and the megabytes of our server after one call."""

    costs: Costs
    rounds: int
    resident_mb: float


def main() -> int:
    """Measure and print; the exit code."""
    # Asked to stop, it still stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    charts = {size: make_chart(size) for size in SIZES}
    try:
        results = measure(charts)
        fetched = measure_fetches(OURS)
        without, kept = measure_ledger(OURS)
        asked = measure_terminology(OURS)
    except (WrongAnswerError, StartError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print_costs(results, charts)
    print_fetches(fetched)
    print_ledger(without, kept)
    print_terminology(asked)
    print_targets(
        [
            *targets(results),
            *fetch_targets(fetched),
            *ledger_targets(without, kept),
            *terminology_targets(asked),
        ]
    )
    return 0


def measure(charts: dict[int, Chart]) -> Results:
    """Run all servers at once and load them in turn.

    Raises:
        StartError: a server did not start.
        WrongAnswerError: a server answered wrongly.
        OSError: a server could not be reached.
    """
    requests = {size: make_request(chart.body) for size, chart in charts.items()}
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(subject)) for subject in SUBJECTS]
        for server in servers:
            server.wait()
        ours = next(server for server in servers if server.subject is OURS)
        check_cards(ours, requests[SMALL])
        resident = ours.resident_mb()
        for size, request in requests.items():
            check_cards(ours, request)
            for server in servers:
                drive(server.port, request, WARM_UP[size], server.subject.cards)
        begin = time.monotonic()
        seen: defaultdict[tuple[Subject, int], list[Cost]] = defaultdict(list)
        rounds = 0
        while rounds < MOST_ROUNDS:
            if rounds >= FEWEST_ROUNDS and time.monotonic() - begin > SECONDS:
                break
            # The machine's speed drifts: the servers take turns, and none is always the first.
            turn = rounds % len(servers)
            for size, request in requests.items():
                for server in servers[turn:] + servers[:turn]:
                    seen[server.subject, size].append(cost(server, request, CALLS[size]))
            rounds += 1
            if sys.stderr.isatty():
                print(f"round {rounds} of {MOST_ROUNDS}", end="\r", file=sys.stderr)
    medians = {
        key: Cost(median(c.cpu_ms for c in found), median(c.per_second for c in found))
        for key, found in seen.items()
    }
    return Results(medians, rounds, resident)


def cost(server: Server, request: bytes, calls: int) -> Cost:
    """What ``calls`` calls cost the server, per call."""
    before = server.cpu_seconds()
    seconds = drive(server.port, request, calls, server.subject.cards)
    return Cost((server.cpu_seconds() - before) * 1000 / calls, calls / seconds)


def check_cards(server: Server, request: bytes) -> None:
    """Our answer has the cards that the synthetic patient must get.

    Raises:
        WrongAnswerError: it has others.
    """
    connection = Connection(server.port)
    try:
        answer = connection.call(request)
    finally:
        connection.close()
    cards = json.loads(answer.body).get("cards", [])
    topics = tuple(card["source"]["topic"]["code"] for card in cards)
    if topics != EXPECTED_TOPICS:
        message = f"expected cards about {EXPECTED_TOPICS}, got {answer.status} with {topics}"
        raise WrongAnswerError(message)


def targets(results: Results) -> list[Target]:
    """The bounds that the project sets itself."""
    costs = results.costs

    def share(size: int, yardstick: Subject) -> float:
        return costs[OURS, size].cpu_ms / costs[yardstick, size].cpu_ms

    ours = {size: costs[OURS, size].cpu_ms for size in SIZES}
    first = (ours[MIDDLE] - ours[SMALL]) / (MIDDLE - SMALL)
    later = (ours[LARGE] - ours[MIDDLE]) / (LARGE - MIDDLE)
    return [
        Target("25 resources: share of (b)", 2.0, share(SMALL, STARLETTE)),
        Target("300 resources: share of (b)", 0.6, share(MIDDLE, STARLETTE)),
        Target("300 resources: share of (a)", 0.35, share(MIDDLE, FASTAPI)),
        Target("3,000 resources: share of (b)", 0.4, share(LARGE, STARLETTE)),
        Target("growth: a resource more, 300-3,000 over 25-300", 1.2, later / first),
        Target("memory at rest after one call, MB", 90.0, results.resident_mb),
    ]


def fetch_targets(found: Latencies) -> list[Target]:
    """The bounds on calls that fetch."""
    p99 = percentile(found.stream, 99)
    return [
        Target("five searches, 20 calls/s: p99 ms", 250.0, p99 * 1000),
        Target("the same over one search's latency", 5.0, p99 / LATENCY),
    ]


def ledger_targets(without: Kept, kept: Kept) -> list[Target]:
    """The bounds on what the ledger may cost."""
    late = percentile(kept.together, 99) / percentile(without.together, 99)
    return [
        Target("ledger: CPU with over without", 1.4, kept.cpu_ms / without.cpu_ms),
        Target("ledger: p99 of eight callers, with over without", 2.0, late),
    ]


def terminology_targets(asked: Asked) -> list[Target]:
    """The bounds on questions about codes: 60 % of a constant's throughput, 100,000 in a batch."""
    get, post = asked.constant.get / asked.ours.get, asked.constant.post / asked.ours.post
    return [
        Target("a constant over $validate-code, GET", 1 / 0.6, get),
        Target("the same, POST", 1 / 0.6, post),
        Target("a code of a batch, GET: microseconds", 10.0, 1e6 / asked.batch_get),
        Target("the same, POST", 10.0, 1e6 / asked.batch_post),
    ]


def print_costs(results: Results, charts: dict[int, Chart]) -> None:
    """Print what was measured, a table each for CPU time and for calls per second."""
    print(f"order-sign, one worker each, median of {results.rounds} interleaved rounds\n")
    head = f"{'resources':>9} {'KB':>6}" + "".join(f"{s.name:>23}" for s in SUBJECTS)
    shares = "".join(f"{'ours/' + s.name[:3]:>10}" for s in SUBJECTS[1:])
    print(f"CPU ms a call, whole server process\n{head}{shares}")
    for size, chart in charts.items():
        row = [results.costs[s, size].cpu_ms for s in SUBJECTS]
        ratios = "".join(f"{row[0] / other:>10.2f}" for other in row[1:])
        print(_start(chart) + "".join(f"{v:>23.3f}" for v in row) + ratios)
    print(f"\ncalls per second\n{head}{shares}")
    for size, chart in charts.items():
        row = [results.costs[s, size].per_second for s in SUBJECTS]
        ratios = "".join(f"{row[0] / other:>10.2f}" for other in row[1:])
        print(_start(chart) + "".join(f"{v:>23.1f}" for v in row) + ratios)
    per = results.costs[OURS, LARGE].cpu_ms / results.costs[OURS, MIDDLE].cpu_ms
    print(f"\nours, 3,000 resources over 300: {per:.1f} times the cost")


def _start(chart: Chart) -> str:
    return f"{chart.resources:>9,} {len(chart.body) / 1000:>6.0f}"


def print_targets(found: list[Target]) -> None:
    """Print each target and whether it is met."""
    print(f"\n{'target':<48}{'at most':>9}{'measured':>10}  met")
    for target in found:
        met = "yes" if target.met else "NO"
        print(f"{target.text:<48}{target.bound:>9.2f}{target.measured:>10.2f}  {met}")


if __name__ == "__main__":
    sys.exit(main())
