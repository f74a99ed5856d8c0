"""Verifying the chain: every row that was changed, deleted or put in is found.

Values are taken as the driver gives them: a row that was changed to what no column should hold is a
breach like any other.
"""

from __future__ import annotations

import heapq
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Date, LargeBinary, func, literal_column, select, type_coerce
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import NullType

from defib_coverage.database.engine import open_database
from defib_coverage.database.tables import CARD, CHAINED, DAY, DECISION, TAIL
from defib_coverage.database.upgrade import unusable
from defib_coverage.ledger.chain import START, link_of, seal_of, tail_of
from defib_coverage.ledger.records import Card
from defib_coverage.ledger.store import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import URL, Connection, Label, Row, Table

_decode_cards = msgspec.json.Decoder(tuple[Card, ...]).decode
# Which values of a row are bytes: JSON would not tell them from text.
_BINARY = {
    table.name: tuple(isinstance(table.c[c].type, LargeBinary) for c in columns_of(table))
    for table in CHAINED
}
# Rows that are read at a time.
_PART = 2000


class Breach(NamedTuple):
    """Where the chain does not hold: on which day, from which row on, and why."""

    day: str
    position: int | None
    what: str


class DayState(NamedTuple):
    """A day of the ledger, and what is wrong with it.

    ``head`` is its last link, in hexadecimal digits: kept elsewhere, it shows later that the ledger
    was longer than it is.
    """

    day: str
    length: int
    purged: str | None
    head: str
    breaches: tuple[Breach, ...]


def is_sealed_with(url: URL, key: bytes) -> bool:
    """Whether the row of a ledger's last day has a seal of this key; a ledger without one has.

    Raises:
        SettingsError: the row cannot be read.
    """
    engine = open_database(url)
    try:
        with engine.connect() as connection:
            last = select(*raw(connection, DAY, DAY.columns.keys()))
            last = last.order_by(DAY.c.day.desc()).limit(2)
            newest = connection.execute(last).all()
    except SQLAlchemyError as error:
        raise unusable(url, error) from error
    finally:
        engine.dispose()
    if not newest:
        return True
    return is_sealed(key, newest[0], bytes_of(newest[1].head) if len(newest) > 1 else START)


def _ignore(_: int) -> None:
    pass


def verify(
    connection: Connection, key: bytes, seen: Callable[[int], None] = _ignore
) -> Iterator[DayState]:
    """Every day of a ledger, oldest first.

    Args:
        connection: to the database, in one transaction: what is appended meanwhile is not seen.
        key: of the chain.
        seen: is told how many rows more were looked at.
    """
    previous = START
    columns = raw(connection, DAY, DAY.columns.keys())
    days = connection.execute(select(*columns).order_by(DAY.c.day)).all()
    for day in days:
        breaches = []
        head = bytes_of(day.head)
        name = str(day.day)
        if not is_sealed(key, day, previous):
            what = "the row of the day was changed, or that of the day before"
            breaches.append(Breach(name, None, what))
        if day.purged is None:
            breaches += _check_day(connection, key, day, previous, seen)
        elif _has_rows(connection, day.day):
            breaches.append(Breach(name, None, "a row was put into a day that was purged"))
        previous = head
        yield DayState(name, day.length, day.purged, head.hex(), tuple(breaches))
    yield from _check_end(connection, key, days[-1] if days else None)
    yield from _strays(connection)


def _check_end(connection: Connection, key: bytes, last: Row[Any] | None) -> Iterator[DayState]:
    """Whether the ledger ends where it says that it does."""
    told = connection.execute(select(*raw(connection, TAIL, TAIL.columns.keys()))).all()
    if last is None:
        holds = not told
    else:
        sound = isinstance(last.head, bytes)
        seal = tail_of(key, last.day, last.length, last.head) if sound else None
        holds = [(one.day, one.seal) for one in told] == [(last.day, seal)]
    if not holds:
        name = "" if last is None else str(last.day)
        breach = Breach(name, None, "the last days are missing, or the row of the end was changed")
        yield DayState(name, 0, None, "", (breach,))


def holds_link(connection: Connection, link: bytes) -> bool:
    """Whether a link is that of a row, or the last of a day: else rows after it were taken away."""
    columns = (DAY.c.head, *(table.c.link for table in CHAINED))
    found = (select(column).where(column == link).limit(1) for column in columns)
    return any(connection.execute(one).first() is not None for one in found)


def is_sealed(key: bytes, day: Row[Any], previous: bytes) -> bool:
    """Whether a day's row has its seal; ``previous`` is the link before the day's first."""
    if not isinstance(day.head, bytes) or isinstance(day.purged, bytes):
        return False
    seal = seal_of(key, day.day, previous, day.length, day.head, day.purged)
    return bool(day.seal == seal)


def _strays(connection: Connection) -> Iterator[DayState]:
    """Rows that no day and no decision leads to."""
    known = select(DAY.c.day)
    for table in CHAINED:
        (day,) = raw(connection, table, ("day",))
        for (found,) in connection.execute(
            select(day).where(table.c.day.not_in(known)).distinct()
        ).all():
            breach = Breach(str(found), None, f"rows of {table.name} stand on a day without a row")
            yield DayState(str(found), 0, None, "", (breach,))
    lost = select(CARD.c.id).where(CARD.c.decision.not_in(select(DECISION.c.id)))
    for (card,) in connection.execute(lost).all():
        breach = Breach("", None, f"card {card} tells of no decision")
        yield DayState("", 0, None, "", (breach,))


def _check_day(
    connection: Connection,
    key: bytes,
    day: Row[Any],
    previous: bytes,
    seen: Callable[[int], None],
) -> Iterator[Breach]:
    """What is wrong with the rows of a day; after a gap each row is held to the one before it."""
    position: Any = 0
    looked = 0
    name = str(day.day)
    for table, row in _rows(connection, day.day):
        looked += 1
        if looked == _PART:
            seen(looked)
            looked = 0
        values: list[Any] = list(row[:-1])
        link = row[-1]
        position += 1
        if row.position != position:
            missing = _place(row.position) > position
            what = "a row is missing" if missing else "a row was put in"
            yield Breach(name, position, f"{what} before {table.name} {row.id}")
            position = _place(row.position)
        elif not may_be(table, values) or link != link_of(key, previous, values):
            yield Breach(name, position, f"{table.name} {row.id} was changed, or one before it")
        previous = bytes_of(link)
    seen(looked)
    if position != day.length or previous != day.head:
        yield Breach(name, day.length, "the last rows are missing, or others stand there")
    yield from _check_cards(connection, day)


def _check_cards(connection: Connection, day: Row[Any]) -> Iterator[Breach]:
    """The table of cards says what the decisions say, which the chain covers."""
    told = (DECISION.c.position, DECISION.c.id, DECISION.c.cards)
    stand = (
        select(*(type_coerce(c, NullType()) for c in (*told, CARD.c.id, CARD.c.kind)))
        .join_from(DECISION, CARD, CARD.c.decision == DECISION.c.id, isouter=True)
        .where(DECISION.c.day == _typed(day.day))
        .order_by(DECISION.c.position)
        .execution_options(yield_per=_PART)
    )
    by_decision = groupby(connection.execute(stand), lambda row: tuple(row[:3]))
    for (position, decision, text), rows in by_decision:
        cards: set[tuple[Any, Any]] = {(row[3], row[4]) for row in rows if row[3] is not None}
        if cards != cards_told(text):
            yield Breach(str(day.day), position, f"the cards of decision {decision} were changed")


def cards_told(text: str | bytes) -> set[tuple[str, str]] | None:
    """What a decision says of its cards; None where that is unreadable."""
    try:
        return {(one.id, one.kind) for one in _decode_cards(text)}
    except (msgspec.DecodeError, TypeError, RecursionError):
        return None


def _rows(connection: Connection, day: object) -> Iterator[tuple[Table, Row[Any]]]:
    """The rows of all tables of a day, by their positions; the link is a row's last value."""
    streams = [_rows_of(connection, table, day) for table in CHAINED]
    return heapq.merge(*streams, key=lambda one: _place(one[1].position))


def _rows_of(connection: Connection, table: Table, day: object) -> Iterator[tuple[Table, Row[Any]]]:
    rows = select(*raw(connection, table, (*columns_of(table), "link")))
    rows = rows.where(table.c.day == _typed(day)).order_by(table.c.position)
    with connection.execute(rows.execution_options(yield_per=_PART)) as found:
        for row in found:
            yield table, row


def _has_rows(connection: Connection, day: object) -> bool:
    first = (select(t.c.id).where(t.c.day == _typed(day)).limit(1) for t in CHAINED)
    return any(connection.execute(one).first() is not None for one in first)


def raw(connection: Connection, table: Table, names: Iterable[str]) -> list[Label[Any]]:
    """Columns as the driver gives them: a value that its column's type refuses is no error.

    Dates of PostgreSQL are taken as text, as SQLite has them: its driver fails on those that Python
    cannot hold. JSON writes a date alike whatever ``DateStyle`` says.
    """
    shared = connection.dialect.name == "postgresql"
    columns = [table.c[name] for name in names]
    return [
        (
            func.to_json(column).op("#>>")(literal_column("'{}'"))
            if shared and isinstance(column.type, Date)
            else type_coerce(column, NullType())
        ).label(column.name)
        for column in columns
    ]


def _typed(day: object) -> Any:  # noqa: ANN401 - of whatever type the driver gives
    return type_coerce(day, NullType())


def may_be(table: Table, values: list[Any]) -> bool:
    """Whether bytes stand where bytes belong, and nowhere else."""
    return all(
        isinstance(value, bytes) == binary or value is None
        for value, binary in zip(values, _BINARY[table.name], strict=True)
    )


def _place(position: object) -> float:
    return position if isinstance(position, int | float) else float("inf")


def bytes_of(value: object) -> bytes:
    """A value that should be bytes; none where it is not."""
    return value if isinstance(value, bytes) else b""
