"""The ledger's tables written: rows are appended under one lock, never changed.

Every answer waits for this, so it goes to the driver directly: what SQLAlchemy does for a statement
costs more than the statement.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from defib_coverage.database.engine import is_shared, open_database
from defib_coverage.database.tables import (
    CARD,
    CHAINED,
    DAY,
    DECISION,
    DIFFERENCE,
    FEEDBACK,
    TAIL,
)
from defib_coverage.ledger.chain import START, link_of, seal_of, tail_of
from defib_coverage.ledger.purge import purge_oldest
from defib_coverage.ledger.records import Answered, Decision, Departure, Feedback, Shadowed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import URL, PoolProxiedConnection, Table

    from defib_coverage.ledger.records import Record

# All writers of a PostgreSQL take this advisory lock for a transaction: rows stand in one order.
# Its clock is the one that all of them share.
_LOCK = "SELECT pg_advisory_xact_lock(2037184), (now() AT TIME ZONE 'UTC')::date"
_BEGIN = "BEGIN IMMEDIATE"
# A large day takes its time.
_UNHURRIED = "SET LOCAL statement_timeout = 0"
# Values that one look for known ones may name; drivers take some ten thousands.
_MOST_NAMED = 5000
_WRITE_OVER = "PRAGMA secure_delete=ON"
_encode = msgspec.json.Encoder().encode
_OUTSIDE_CHAIN = {"link"}


class StoreError(Exception):
    """Records could not be appended, or it is not known whether they were; names the cause."""


def columns_of(table: Table) -> tuple[str, ...]:
    """The columns of a row that its link covers, in the table's order."""
    return tuple(c.name for c in table.columns if c.name not in _OUTSIDE_CHAIN)


_CHAINED = {table.name: columns_of(table) for table in CHAINED}


class _Tail(NamedTuple):
    """Where the chain ends; ``is_new`` where its day has no row yet.

    ``before`` is the last link of the day before.
    """

    day: date
    before: bytes
    length: int
    head: bytes
    is_new: bool


class Store:
    """Appends to a ledger; for one thread at a time."""

    def __init__(self, url: URL, key: bytes, now: Callable[[], date] | None = None) -> None:
        """Open the database when it is first written to.

        Args:
            url: as ``read_url`` gives it.
            key: of the chain.
            now: the UTC day; by default the database server's, or this machine's where the
                database is a file.

        Raises:
            SettingsError: the driver is not installed.
        """
        self._engine = open_database(url, transactions="write")
        self._shared = is_shared(url)
        self._words = _Words("%s" if self._shared else "?")
        self._error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        self._connection: PoolProxiedConnection | None = None
        self._key = key
        self._now = now
        self._day = datetime.now(UTC).date()

    def append(self, records: Sequence[Record], *, again: bool = False) -> None:
        """Append records, all or none; when this returns, they are on the disk.

        Without any, try whether one could be appended.

        Args:
            records: what to append.
            again: whether some may be there already: those are left out.

        Raises:
            StoreError: they could not be appended, or it is not known whether they were.
        """
        stale = self._connection is not None
        try:
            self._transact(records, again=again)
        except StoreError:
            if not stale:
                raise
            # It may have been cut while nothing was written: a new one tells.
            self._transact(records, again=True)

    def _transact(self, records: Sequence[Record], *, again: bool) -> None:
        done = False
        try:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            cursor.execute(_LOCK if self._shared else _BEGIN)
            self._day = self._today(cursor.fetchone() if self._shared else None)
            self._append(cursor, records, again=again)
            self._connection.commit()
            done = True
        except (self._error, SQLAlchemyError) as error:
            raise StoreError(type(error).__name__) from error
        finally:
            if not done and self._connection is not None:
                with suppress(self._error):
                    self._connection.rollback()
                self._connection.invalidate()
                self._connection = None

    def _today(self, locked: Sequence[Any] | None) -> date:
        """The day, once the lock is taken."""
        if self._now is not None:
            return self._now()
        return datetime.now(UTC).date() if locked is None else locked[1]

    def _append(self, cursor: Any, records: Sequence[Record], *, again: bool) -> None:  # noqa: ANN401
        """Append in a transaction that has begun."""
        decisions, answers, departures = self._new(cursor, records, again=again)
        words = self._words
        if not decisions and not answers and not departures:
            cursor.execute(words.touch_tail)
            return
        cursor.execute(words.last_days)
        tail = _tail(cursor.fetchall(), self._day)
        row_of = _Rows(self._key, tail)
        if decisions:
            rows = [row_of(DECISION, _decision_row(one)) for one in decisions]
            cursor.executemany(words.insert[DECISION.name], rows)
        cards = [(card.id, one.id, card.kind) for one in decisions for card in one.cards]
        if cards:
            cursor.executemany(words.insert[CARD.name], cards)
        if answers:
            # After the cards: the first answer may come with the decision that it is about.
            about = self._decisions_of(cursor, [one.card for one in answers])
            rows = [
                row_of(FEEDBACK, _feedback_row(a, about.get((a.card, a.client)))) for a in answers
            ]
            cursor.executemany(words.insert[FEEDBACK.name], rows)
        if departures:
            rows = [row_of(DIFFERENCE, _departure_row(one)) for one in departures]
            cursor.executemany(words.insert[DIFFERENCE.name], rows)
        seal = seal_of(self._key, tail.day, tail.before, row_of.length, row_of.head, None)
        day = tail.day.isoformat()
        if tail.is_new:
            cursor.execute(words.insert[DAY.name], (day, row_of.length, row_of.head, seal, None))
        else:
            cursor.execute(words.update_day, (row_of.length, row_of.head, seal, day))
        end = tail_of(self._key, tail.day, row_of.length, row_of.head)
        cursor.execute(words.update_tail, (day, end))
        if not cursor.rowcount:
            cursor.execute(words.insert[TAIL.name], (1, day, end))

    def _new(
        self,
        cursor: Any,  # noqa: ANN401 - the driver's own
        records: Sequence[Record],
        *,
        again: bool,
    ) -> tuple[list[Decision], list[Feedback], list[Departure]]:
        """What of these records is not there yet; without ``again`` only feedback may be."""
        decisions = [d for r in records if isinstance(r, Answered) for d in r.decisions]
        departures = [d for r in records if isinstance(r, Shadowed) for d in r.departures]
        if again:
            known = self._known(cursor, "decision", "id", [d.id for d in decisions])
            decisions = [d for d in decisions if d.id not in known]
            known = self._known(cursor, "difference", "id", [d.id for d in departures])
            departures = [d for d in departures if d.id not in known]
        answers = [r for r in records if isinstance(r, Feedback)]
        if answers:
            known = self._known(cursor, "feedback", "said", [one.said for one in answers])
            answers = list({one.said: one for one in answers if one.said not in known}.values())
        return decisions, answers, departures

    def _known(
        self,
        cursor: Any,  # noqa: ANN401 - the driver's own
        table: str,
        column: str,
        values: Sequence[str],
    ) -> set[str]:
        """Which of these values a table has."""
        found: set[str] = set()
        for start in range(0, len(values), _MOST_NAMED):
            part = values[start : start + _MOST_NAMED]
            marks = ", ".join([self._words.mark] * len(part))
            cursor.execute(f"SELECT {column} FROM {table} WHERE {column} IN ({marks})", part)  # noqa: S608 - names of our own
            found.update(one for (one,) in cursor.fetchall())
        return found

    def _decisions_of(
        self,
        cursor: Any,  # noqa: ANN401 - the driver's own
        cards: Sequence[str],
    ) -> dict[tuple[str, str | None], str]:
        """The decisions that cards tell of, by the cards' uuids and the clients that got them."""
        marks = ", ".join([self._words.mark] * len(cards))
        cursor.execute(
            "SELECT card.id, decision.client, decision.id FROM card "  # noqa: S608 - only marks
            f"JOIN decision ON decision.id = card.decision WHERE card.id IN ({marks})",
            cards,
        )
        return {(card, client): decision for card, client, decision in cursor.fetchall()}

    def purge(self, keep_days: int) -> date | None:
        """Delete the rows of the oldest day that is not kept any longer; its links stay.

        Args:
            keep_days: how many days before today are kept, at least 1.

        Returns:
            The day that was purged; None where there is none, or none any more.

        Raises:
            StoreError: it could not be purged, or it is not known whether it was.
        """
        try:
            with self._engine.begin() as connection:
                locked = None
                if self._shared:
                    connection.exec_driver_sql(_UNHURRIED)
                    locked = connection.exec_driver_sql(_LOCK).one()
                else:
                    # What is deleted is not left in free pages.
                    connection.exec_driver_sql(_WRITE_OVER)
                today = self._today(locked)
                # No number of days reaches back before the calendar.
                first = today - timedelta(days=min(max(keep_days, 1), (today - date.min).days))
                return purge_oldest(connection, self._key, first)
        except (SQLAlchemyError, TypeError, ValueError) as error:
            # The latter where the row of a day was changed to what none can be.
            raise StoreError(type(error).__name__) from error

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()


class _Words:
    """The statements, as one driver wants them."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.insert = {
            table.name: (
                f"INSERT INTO {table.name} ({', '.join(c.name for c in table.columns)}) "  # noqa: S608
                f"VALUES ({', '.join([mark] * len(table.columns))})"
            )
            for table in (DAY, TAIL, CARD, *CHAINED)
        }
        self.last_days = "SELECT day, length, head FROM day ORDER BY day DESC LIMIT 2"
        self.touch_tail = "UPDATE tail SET id = 1"
        self.update_tail = f"UPDATE tail SET day = {mark}, seal = {mark}"  # noqa: S608
        self.update_day = (
            f"UPDATE day SET length = {mark}, head = {mark}, seal = {mark} WHERE day = {mark}"  # noqa: S608
        )


class _Rows:
    """Makes rows of the tables, each linked to the one before it."""

    def __init__(self, key: bytes, tail: _Tail) -> None:
        self._key = key
        self._day = tail.day
        self.length = tail.length
        self.head = tail.head

    def __call__(self, table: Table, row: dict[str, Any]) -> list[Any]:
        self.length += 1
        row |= {"day": self._day, "position": self.length}
        self.head = link_of(self._key, self.head, [row[c] for c in _CHAINED[table.name]])
        row["link"] = self.head
        # Drivers differ in how they write a date; none does in a text.
        return [
            value.isoformat() if isinstance(value := row[c.name], date) else value
            for c in table.columns
        ]


def _tail(newest: Sequence[Sequence[Any]], day: date) -> _Tail:
    """The end of the chain. No day begins before the last: clocks of several machines differ."""
    if not newest:
        return _Tail(day, START, 0, START, is_new=True)
    found, length, head = newest[0]
    if isinstance(found, str):
        found = date.fromisoformat(found)
    if found >= day:
        before = newest[1][2] if len(newest) > 1 else START
        return _Tail(found, before, length, head, is_new=False)
    return _Tail(day, head, 0, head, is_new=True)


def _decision_row(decision: Decision) -> dict[str, Any]:
    row = msgspec.structs.asdict(decision)
    for name in ("findings", "indications", "cards"):
        row[name] = _encode(row[name]).decode()
    row["card_count"] = len(decision.cards)
    row["offer_count"] = sum([1 for card in decision.cards if card.suggestions])
    return row


def _feedback_row(answer: Feedback, decision: str | None) -> dict[str, Any]:
    row = msgspec.structs.asdict(answer)
    row["suggestions"] = _encode(answer.suggestions).decode()
    return row | {"decision": decision}


def _departure_row(departure: Departure) -> dict[str, Any]:
    row = msgspec.structs.asdict(departure)
    row["reasons"] = _encode(departure.reasons).decode()
    return row
