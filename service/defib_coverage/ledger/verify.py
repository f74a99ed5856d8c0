"""Verifying the chain: every row that was changed, deleted or put in is found."""

from __future__ import annotations

import heapq
import hmac
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import select

from defib_coverage.database.engine import open_database
from defib_coverage.database.tables import CARD, DAY, DECISION, FEEDBACK
from defib_coverage.ledger.chain import START, link_of, seal_of
from defib_coverage.ledger.records import Card
from defib_coverage.ledger.store import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sqlalchemy import URL, Connection, Row, Table

_TABLES = (DECISION, FEEDBACK)
_decode_cards = msgspec.json.Decoder(tuple[Card, ...]).decode
# Rows that are read at a time.
_PART = 2000


class Breach(NamedTuple):
    """Where the chain does not hold: on which day, from which row on, and why."""

    day: date
    position: int | None
    what: str


class DayState(NamedTuple):
    """A day of the ledger, and what is wrong with it."""

    day: date
    length: int
    purged: str | None
    breaches: tuple[Breach, ...]


def is_sealed_with(url: URL, key: bytes) -> bool:
    """Whether the row of a ledger's last day has a seal of this key; a ledger without one has."""
    engine = open_database(url)
    try:
        with engine.connect() as connection:
            last = connection.execute(select(DAY).order_by(DAY.c.day.desc()).limit(1)).one_or_none()
    finally:
        engine.dispose()
    return last is None or _is_sealed(last, key)


def _is_sealed(day: Row[Any], key: bytes) -> bool:
    seal = seal_of(key, day.day, day.length, day.head, day.purged)
    return hmac.compare_digest(day.seal, seal)


def verify(connection: Connection, key: bytes) -> Iterator[DayState]:
    """Every day of a ledger, oldest first.

    Args:
        connection: to the database, in one transaction: what is appended meanwhile is not seen.
        key: of the chain.
    """
    previous = START
    days = connection.execute(select(DAY).order_by(DAY.c.day)).all()
    for day in days:
        breaches = []
        if not _is_sealed(day, key):
            breaches.append(Breach(day.day, None, "the row of the day was changed"))
        if day.purged is None:
            breaches += _check_day(connection, key, day, previous)
        elif next(_rows(connection, day.day), None) is not None:
            breaches.append(Breach(day.day, None, "a row was put into a day that was purged"))
        previous = day.head
        yield DayState(day.day, day.length, day.purged, tuple(breaches))
    for table in _TABLES:
        known = select(DAY.c.day)
        lost = select(table.c.day).where(table.c.day.not_in(known)).distinct()
        for row in connection.execute(lost):
            breach = Breach(row.day, None, f"rows of {table.name} stand on a day without a row")
            yield DayState(row.day, 0, None, (breach,))


def _check_day(
    connection: Connection, key: bytes, day: Row[Any], previous: bytes
) -> Iterator[Breach]:
    """What is wrong with the rows of a day; after a gap each row is held to the one before it."""
    position = 0
    for table, row in _rows(connection, day.day):
        position += 1
        if row.position != position:
            what = "a row is missing" if row.position > position else "a row was put in"
            yield Breach(day.day, position, f"{what} before {table.name} {row.id}")
            position = row.position
        elif row.link != link_of(key, previous, [getattr(row, c) for c in columns_of(table)]):
            yield Breach(day.day, position, f"{table.name} {row.id} was changed, or one before it")
        previous = row.link
    if position != day.length or previous != day.head:
        yield Breach(day.day, day.length, "the last rows are missing, or others stand there")
    yield from _check_cards(connection, day.day)


def _check_cards(connection: Connection, day: date) -> Iterator[Breach]:
    """The table of cards says what the decisions say, which the chain covers."""
    stand = (
        select(DECISION.c.position, DECISION.c.id, DECISION.c.cards, CARD.c.id, CARD.c.kind)
        .join_from(DECISION, CARD, CARD.c.decision == DECISION.c.id, isouter=True)
        .where(DECISION.c.day == day)
        .order_by(DECISION.c.position)
        .execution_options(yield_per=_PART)
    )
    for (position, decision, told), rows in groupby(connection.execute(stand), lambda row: row[:3]):
        cards = {(card, kind) for _, _, _, card, kind in rows if card is not None}
        if cards != {(one.id, one.kind) for one in _decode_cards(told)}:
            yield Breach(day, position, f"the cards of decision {decision} were changed")


def _rows(connection: Connection, day: date) -> Iterator[tuple[Table, Row[Any]]]:
    """The rows of both tables of a day, by their positions."""
    streams = [_rows_of(connection, table, day) for table in _TABLES]
    return heapq.merge(*streams, key=lambda one: one[1].position)


def _rows_of(connection: Connection, table: Table, day: date) -> Iterator[tuple[Table, Row[Any]]]:
    rows = select(table).where(table.c.day == day).order_by(table.c.position)
    for row in connection.execute(rows.execution_options(yield_per=_PART)):
        yield table, row
