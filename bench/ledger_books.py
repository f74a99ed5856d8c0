"""What reading a large ledger costs: the report, ``show``, and verifying, over many decisions.

Fills a file of SQLite with decisions whose chain holds, then reads it as the commands do.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, text

from defib_coverage.content import load
from defib_coverage.coverage.findings import FINDINGS
from defib_coverage.database.engine import open_database, open_reader, read_url
from defib_coverage.database.tables import CARD, DAY, DECISION, FEEDBACK, TAIL
from defib_coverage.database.upgrade import upgrade
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from defib_coverage.ledger.chain import START, link_of, seal_of, tail_of
from defib_coverage.ledger.counting import count
from defib_coverage.ledger.page import page_of
from defib_coverage.ledger.reading import by_assertion, by_card, by_patient, decided
from defib_coverage.ledger.records import moment
from defib_coverage.ledger.report import Period, report
from defib_coverage.ledger.secrets import Secrets, pack
from defib_coverage.ledger.store import columns_of
from defib_coverage.ledger.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Table

Json = dict[str, Any]
ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "docs" / "samples" / "order-sign-waiting-period.json"
SECRETS = Secrets("a secret of a ledger that is filled to be measured")
FIRST = date(2025, 11, 22)
DAYS = 365
CLIENTS = tuple(f"hospital-{number}" for number in range(12))
KINDS = ("appropriate-use", "limits", "claim", "clinical-reminder", "guideline")
REASONS = ("documented-elsewhere", "clinical-exception", "patient-declined", None)
REPORT_TARGET, SHOW_TARGET = 10.0, 0.050
LOOKS, LIMIT = 50, 21
ANSWERED, ACCEPTED = 0.3, 0.6


class Filler:
    """Makes the rows of a ledger, each linked to the one before it."""

    def __init__(self, seed: int) -> None:
        """Make the same rows for the same seed."""
        self.random = random.Random(seed)
        self.sample = determination()
        self.head = START
        self.columns = {table: columns_of(table) for table in (DECISION, FEEDBACK)}
        codes = sorted(FINDINGS)
        self.findings = [
            tuple(self.random.sample(codes, self.random.randint(0, 4))) for _ in range(60)
        ]

    def uuid(self) -> str:
        """An id."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def fill(self, connection: Connection, day: date, number: int) -> None:
        """One day with a number of decisions; three in ten are answered."""
        before, position = self.head, 0
        rows: dict[Table, list[Json]] = {DECISION: [], CARD: [], FEEDBACK: []}
        for one in range(number):
            time = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=one)
            cards = self.cards()
            decision = self.decision(moment(time), cards)
            position += 1
            rows[DECISION].append(self.linked(DECISION, decision, day, position))
            rows[CARD] += [
                {"id": card["id"], "decision": decision["id"], "kind": card["kind"]}
                for card in cards
            ]
            if cards and self.random.random() < ANSWERED:
                position += 1
                answer = self.answer(moment(time), decision, cards[0])
                rows[FEEDBACK].append(self.linked(FEEDBACK, answer, day, position))
        for table, made in rows.items():
            if made:
                connection.execute(insert(table), made)
        seal = seal_of(SECRETS.chain, day, before, position, self.head, None)
        row = {"day": day, "length": position, "head": self.head, "seal": seal, "purged": None}
        connection.execute(insert(DAY), row)
        connection.execute(delete(TAIL))
        end = tail_of(SECRETS.chain, day, position, self.head)
        connection.execute(insert(TAIL), {"id": 1, "day": day, "seal": end})

    def linked(self, table: Table, row: Json, day: date, position: int) -> Json:
        """A row with its place and its link."""
        row |= {"day": day, "position": position}
        values = [row[name] for name in self.columns[table]]
        self.head = row["link"] = link_of(SECRETS.chain, self.head, values)
        return row

    def cards(self) -> list[Json]:
        """None to three cards."""
        kinds = self.random.sample(KINDS, self.random.choice((0, 1, 2, 3)))
        return [
            {"id": self.uuid(), "kind": kind, "suggestions": [self.uuid()] if n == 0 else []}
            for n, kind in enumerate(kinds)
        ]

    def decision(self, time: str, cards: list[Json]) -> Json:
        """A decision, with a determination that is as large as one is."""
        choose = self.random.choice
        return {
            "id": self.uuid(),
            "time": time,
            "call": self.uuid(),
            "hook_instance": self.uuid(),
            "service": "defibrillator-order-sign",
            "client": choose(CLIENTS),
            "patient": SECRETS.digest("patient", "", str(self.random.randrange(300_000))),
            "order_code": "33249",
            "order_class": "initial-implant",
            "service_date": FIRST,
            "policy": "2018-02-15",
            "data_digest": "d" * 64,
            "status": choose(("covered", "conditional", "conditional", "not-covered")),
            "findings": msgspec.json.encode(choose(self.findings)).decode(),
            "indications": "[]",
            "assertion_id": f"{self.random.getrandbits(128):032x}",
            "milliseconds": 1.5,
            "cards": msgspec.json.encode(cards).decode(),
            "card_count": len(cards),
            "offer_count": sum(1 for card in cards if card["suggestions"]),
            "determination": self.sample,
            "response": None,
        }

    def answer(self, time: str, decision: Json, card: Json) -> Json:
        """A clinician's answer to a card."""
        accepted = self.random.random() < ACCEPTED
        return {
            "id": self.uuid(),
            "time": time,
            "client": decision["client"],
            "service": decision["service"],
            "card": card["id"],
            "decision": decision["id"],
            "outcome": "accepted" if accepted else "overridden",
            "outcome_time": time,
            "suggestions": msgspec.json.encode(card["suggestions"] if accepted else []).decode(),
            "reason_system": None,
            "reason_code": None if accepted else self.random.choice(REASONS),
            "comment": None,
            "said": self.uuid(),
        }


def determination() -> bytes:
    """A determination as it is kept."""
    knowledge = load().knowledge()
    call = decode_request(SAMPLE.read_bytes(), knowledge.index)
    (found,) = Evaluator(knowledge).evaluate(call, date(2026, 11, 21)).determinations
    return pack(SECRETS.without_names(msgspec.json.encode(found)))


def fill(url: URL, number: int) -> None:
    """Fill a new database with decisions of a year."""
    upgrade(url)
    engine = open_database(url, transactions="write")
    filler = Filler(seed=1)
    with engine.connect() as connection:
        for day in range(DAYS):
            share = number * (day + 1) // DAYS - number * day // DAYS
            filler.fill(connection, FIRST + timedelta(days=day), share)
            connection.commit()
    engine.dispose()


def measured(what: str, target: float | None, work: Callable[[], object]) -> bool:
    """Print how long something takes, and whether that is within its target."""
    begin = time.perf_counter()
    work()
    took = time.perf_counter() - begin
    unit = f"{took:8.2f} s " if took >= 1 else f"{took * 1000:8.2f} ms"
    told = ""
    if target is not None:
        told = f"   target {target:g} s: {'yes' if took <= target else 'NO'}"
    print(f"{what:<44}{unit}{told}", flush=True)
    return target is None or took <= target


def looks(connection: Connection) -> Iterator[tuple[str, Callable[[], object]]]:
    """What ``show`` asks, of decisions all over the ledger; the slowest of many counts."""
    some = text(
        "SELECT d.assertion_id, (SELECT id FROM card WHERE decision = d.id LIMIT 1) "
        "FROM decision d WHERE d.rowid = (SELECT max(rowid) FROM decision) * :part / 1000"
    )
    rows = [connection.execute(some, {"part": 20 * n + 7}).one() for n in range(LOOKS)]
    key = SECRETS.chain
    for assertion, card in rows:
        yield "assertion", partial(decided, connection, key, by_assertion(assertion), LIMIT)
        yield "card", partial(decided, connection, key, by_card(card or "none"), LIMIT)
    for number in range(LOOKS):
        where = by_patient(SECRETS, None, str(number))
        yield "patient", partial(decided, connection, key, where, LIMIT)


def read(url: URL, *, everything: bool) -> bool:
    """Measure the report and ``show``; whether they are within their targets."""
    engine = open_reader(url)
    with engine.connect() as connection:
        good = measured(
            "report, counted and written as a page",
            REPORT_TARGET,
            lambda: page_of(report(count(connection, Period())), "all"),
        )
        slowest: dict[str, float] = {}
        for kind, look in looks(connection):
            begin = time.perf_counter()
            look()
            slowest[kind] = max(slowest.get(kind, 0.0), time.perf_counter() - begin)
        for kind, took in slowest.items():
            within = "yes" if took <= SHOW_TARGET else "NO"
            name = f"show by {kind}, slowest of {LOOKS}"
            print(f"{name:<44}{took * 1000:8.2f} ms   target 0.05 s: {within}", flush=True)
        if everything:
            measured("verify", None, lambda: _verified(connection))
    engine.dispose()
    return good and max(slowest.values()) <= SHOW_TARGET


def _verified(connection: Connection) -> None:
    for state in verify(connection, SECRETS.chain):
        if state.breaches:
            message = f"the chain does not hold: {state.breaches[0]}"
            raise SystemExit(message)


def main() -> None:
    """Fill and measure; 0 whatever was measured, as the other benches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where the database is made, and kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(options.folder or made)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "ledger.db"
        url = read_url(f"sqlite:///{path}")
        if not path.exists():
            name = f"filling, {options.decisions:,} decisions"
            measured(name, None, lambda: fill(url, options.decisions))
        print(f"{path.stat().st_size / 2**30:.2f} GiB on disk", flush=True)
        read(url, everything=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
