"""Ledgers for tests: records to keep, what a database holds, whether its chain holds.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import select, text

from defib_coverage.database.engine import open_database, read_url
from defib_coverage.database.tables import DECISION, FEEDBACK
from defib_coverage.ledger.records import Answered, Card, Decision, Feedback
from defib_coverage.ledger.secrets import Secrets
from defib_coverage.ledger.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Row, Table

SECRET = "the secret of a ledger that is for tests only"  # noqa: S105 - it keeps nothing
KEY = Secrets(SECRET).chain


def decision(number: int = 0, cards: int = 2, **changes: Any) -> Decision:  # noqa: ANN401
    """A decision of its own."""
    given: dict[str, Any] = {
        "id": str(uuid4()),
        "time": f"2026-11-22T10:00:00.{number:06}Z",
        "call": str(uuid4()),
        "hook_instance": str(uuid4()),
        "service": "defibrillator-order-sign",
        "client": "ehr",
        "patient": f"{number:032}",
        "order_code": "33249",
        "order_class": "initial-implant",
        "service_date": date(2026, 11, 20),
        "policy": "2018-02-15",
        "data_digest": "d" * 64,
        "status": "conditional",
        "findings": ("sdm-missing",),
        "assertion_id": f"{number:032x}",
        "milliseconds": 1.234,
        "cards": tuple(Card(str(uuid4()), "limits", (str(uuid4()),)) for _ in range(cards)),
        "determination": b"\x00\xffpacked",
    }
    return Decision(**(given | changes))


def call(number: int = 0, orders: int = 1, **changes: Any) -> Answered:  # noqa: ANN401
    """An answered call."""
    return Answered(tuple(decision(number + n, **changes) for n in range(orders)))


def feedback(card: str, said: str | None = None, **changes: Any) -> Feedback:  # noqa: ANN401
    """What a clinician did with a card."""
    given: dict[str, Any] = {
        "id": str(uuid4()),
        "time": "2026-11-22T10:00:01.000000Z",
        "service": "defibrillator-order-sign",
        "client": "ehr",
        "card": card,
        "outcome": "overridden",
        "said": said or str(uuid4()),
        "comment": b"locked",
    }
    return Feedback(**(given | changes))


def rows(url: str, table: Table = DECISION) -> list[Row[Any]]:
    """The rows of a table in the order of the chain."""
    engine = open_database(read_url(url), transactions="read")
    with engine.connect() as connection:
        found = connection.execute(select(table).order_by(table.c.day, table.c.position)).all()
    engine.dispose()
    return list(found)


def breaches(url: str, key: bytes = KEY) -> list[str]:
    """What is wrong with the chain."""
    engine = open_database(read_url(url), transactions="read")
    with engine.connect() as connection:
        found = [breach.what for day in verify(connection, key) for breach in day.breaches]
    engine.dispose()
    return found


def positions(url: str) -> list[int]:
    """The places of all rows in the chain, of one day."""
    return sorted(row.position for table in (DECISION, FEEDBACK) for row in rows(url, table))


@contextmanager
def held(url: str) -> Iterator[None]:
    """Let nobody else write to a ledger meanwhile."""
    engine = open_database(read_url(url))
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("BEGIN IMMEDIATE"))
        else:
            connection.execute(text("SELECT pg_advisory_lock(2037184)"))
        try:
            yield
        finally:
            connection.execute(
                text(
                    "ROLLBACK"
                    if connection.dialect.name == "sqlite"
                    else "SELECT pg_advisory_unlock(2037184)"
                )
            )
    engine.dispose()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let nobody else write to the ledger."""
    database = folder / "defib-coverage.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
