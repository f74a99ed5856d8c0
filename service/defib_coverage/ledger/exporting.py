"""The ledger's rows for other programs: read in the chain's order, a part at a time.

What is encrypted stays behind, but for comments where they are asked for.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, select

from defib_coverage.database.tables import DAY, DECISION, FEEDBACK
from defib_coverage.ledger.counting import within
from defib_coverage.ledger.records import Card
from defib_coverage.ledger.secrets import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Row, Table

    from defib_coverage.ledger.report import Period
    from defib_coverage.ledger.secrets import Secrets

_decode_cards = msgspec.json.Decoder(tuple[Card, ...]).decode
_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode
PART = 1000
"""Rows that are in memory at a time."""


class DecisionRow(msgspec.Struct, frozen=True):
    """A decision, its columns as the ledger has them; ``link`` in hexadecimal digits."""

    id: str
    day: date
    position: int
    link: str
    time: str
    call: str
    hook_instance: str
    service: str
    client: str | None
    patient: str
    order_code: str | None
    order_class: str
    service_date: date
    policy: str | None
    data_digest: str
    status: str
    findings: tuple[str, ...]
    indications: tuple[str, ...]
    assertion_id: str | None
    milliseconds: float
    cards: tuple[Card, ...]
    determination: msgspec.Raw | None


class FeedbackRow(msgspec.Struct, frozen=True):
    """An answer to a card; ``comment`` is None unless comments are wanted."""

    id: str
    day: date
    position: int
    link: str
    time: str
    client: str | None
    service: str
    card: str
    decision: str | None
    outcome: str
    outcome_time: str | None
    suggestions: tuple[str, ...]
    reason_system: str | None
    reason_code: str | None
    has_comment: bool
    comment: str | None


class Expected(msgspec.Struct, frozen=True):
    """What the rows of the days say: how many there are, and how many are kept no longer."""

    rows: int
    purged: int


def expected(connection: Connection, period: Period) -> Expected:
    """How many rows a period has."""
    lengths = select(DAY.c.purged.is_not(None), func.sum(DAY.c.length))
    found = lengths.where(*within(DAY, period)).group_by(DAY.c.purged.is_not(None))
    sums = {bool(purged): int(length) for purged, length in connection.execute(found)}
    return Expected(rows=sums.get(False, 0), purged=sums.get(True, 0))


def decisions(connection: Connection, period: Period) -> Iterator[DecisionRow]:
    """The decisions of a period, in the chain's order."""
    for row in _rows(connection, DECISION, period):
        yield DecisionRow(
            **_plain(row, DecisionRow),
            link=row.link.hex(),
            findings=_decode_words(row.findings),
            indications=_decode_words(row.indications),
            cards=_decode_cards(row.cards),
            determination=(
                None if row.determination is None else msgspec.Raw(unpack(row.determination))
            ),
        )


def feedback(
    connection: Connection, period: Period, secrets: Secrets | None
) -> Iterator[FeedbackRow]:
    """The answers of a period, in the chain's order.

    Args:
        connection: to the database.
        period: the days on which they came.
        secrets: to open comments with; without it they stay behind.

    Raises:
        ValueError: a comment was locked with another key, or has changed since.
    """
    for row in _rows(connection, FEEDBACK, period):
        comment = None
        if secrets is not None and row.comment is not None:
            comment = secrets.open(row.comment).decode("utf-8", "replace")
        yield FeedbackRow(
            **_plain(row, FeedbackRow),
            link=row.link.hex(),
            suggestions=_decode_words(row.suggestions),
            has_comment=row.comment is not None,
            comment=comment,
        )


_MADE = {
    "link",
    "findings",
    "indications",
    "cards",
    "determination",
    "suggestions",
    "has_comment",
    "comment",
}


def _plain(row: Row[Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The columns that are exported as they are."""
    return {name: getattr(row, name) for name in kind.__struct_fields__ if name not in _MADE}


def _rows(connection: Connection, table: Table, period: Period) -> Iterator[Row[Any]]:
    found = select(table).where(*within(table, period)).order_by(table.c.day, table.c.position)
    with connection.execute(found.execution_options(yield_per=PART)) as rows:
        yield from rows
