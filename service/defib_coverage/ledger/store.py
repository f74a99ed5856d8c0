"""The ledger's tables written and read: rows are appended under one lock, never changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import insert, select, text, update

from defib_coverage.database.engine import is_shared, open_database
from defib_coverage.database.tables import CARD, DAY, DECISION, FEEDBACK
from defib_coverage.ledger.chain import START, link_of, seal_of
from defib_coverage.ledger.records import Answered, Decision, Feedback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import URL, Connection, Table

    from defib_coverage.ledger.records import Record

# All writers of a PostgreSQL take this advisory lock for a transaction: rows stand in one order.
_LOCK = text("SELECT pg_advisory_xact_lock(2037184)")
_encode = msgspec.json.Encoder().encode
_OUTSIDE_CHAIN = {"link"}


def today() -> date:
    """The UTC day."""
    return datetime.now(UTC).date()


def columns_of(table: Table) -> tuple[str, ...]:
    """The columns of a row that its link covers, in the table's order."""
    return tuple(c.name for c in table.columns if c.name not in _OUTSIDE_CHAIN)


_CHAINED = {table.name: columns_of(table) for table in (DECISION, FEEDBACK)}


class _Tail(NamedTuple):
    """Where the chain ends; ``is_new`` where its day has no row yet."""

    day: date
    length: int
    head: bytes
    is_new: bool


class Store:
    """Appends to a ledger; for one thread at a time."""

    def __init__(self, url: URL, key: bytes, now: Callable[[], date] = today) -> None:
        """Open the database.

        Args:
            url: as ``read_url`` gives it.
            key: of the chain.
            now: the UTC day.

        Raises:
            SettingsError: the driver is not installed.
        """
        self._engine = open_database(url, transactions="write")
        self._shared = is_shared(url)
        self._key = key
        self._now = now

    def append(self, records: Sequence[Record], *, again: bool = False) -> None:
        """Append records, all or none; when this returns, they are on the disk.

        Args:
            records: what to append.
            again: whether some may be there already: those are left out.

        Raises:
            SQLAlchemyError: they could not be appended, or it is not known whether they were.
        """
        with self._engine.begin() as connection:
            if self._shared:
                connection.execute(_LOCK)
            decisions = [d for r in records if isinstance(r, Answered) for d in r.decisions]
            if again:
                known = _known(connection, DECISION, "id", [d.id for d in decisions])
                decisions = [d for d in decisions if d.id not in known]
            answers = [r for r in records if isinstance(r, Feedback)]
            if answers:
                answers = _unsaid(connection, answers)
            if decisions or answers:
                self._append(connection, decisions, answers)

    def _append(
        self, connection: Connection, decisions: Sequence[Decision], answers: Sequence[Feedback]
    ) -> None:
        tail = _tail(connection, self._now())
        row_of = _Rows(self._key, tail)
        rows = [row_of(DECISION, _decision_row(one)) for one in decisions]
        if rows:
            connection.execute(insert(DECISION), rows)
        cards = [
            {"id": card.id, "decision": one.id, "kind": card.kind}
            for one in decisions
            for card in one.cards
        ]
        if cards:
            connection.execute(insert(CARD), cards)
        if answers:
            # After the cards: the first answer may come with the decision that it is about.
            about = _decisions_of(connection, [one.card for one in answers])
            rows = [
                row_of(FEEDBACK, _feedback_row(a, about.get((a.card, a.client)))) for a in answers
            ]
            connection.execute(insert(FEEDBACK), rows)
        day = {
            "length": row_of.length,
            "head": row_of.head,
            "seal": seal_of(self._key, tail.day, row_of.length, row_of.head, None),
        }
        if tail.is_new:
            connection.execute(insert(DAY), {"day": tail.day, **day})
        else:
            connection.execute(update(DAY).where(DAY.c.day == tail.day), day)

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()


class _Rows:
    """Makes rows of the tables, each linked to the one before it."""

    def __init__(self, key: bytes, tail: _Tail) -> None:
        self._key = key
        self._day = tail.day
        self.length = tail.length
        self.head = tail.head

    def __call__(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        self.length += 1
        row |= {"day": self._day, "position": self.length}
        self.head = link_of(self._key, self.head, [row[c] for c in _CHAINED[table.name]])
        row["link"] = self.head
        return row


def _tail(connection: Connection, day: date) -> _Tail:
    """The end of the chain. No day begins before the last: clocks of several machines differ."""
    last = connection.execute(select(DAY).order_by(DAY.c.day.desc()).limit(1)).one_or_none()
    if last is None:
        return _Tail(day, 0, START, is_new=True)
    if last.day >= day:
        return _Tail(last.day, last.length, last.head, is_new=False)
    return _Tail(day, 0, last.head, is_new=True)


def _decision_row(decision: Decision) -> dict[str, Any]:
    row = msgspec.structs.asdict(decision)
    for name in ("findings", "indications", "cards"):
        row[name] = _encode(row[name]).decode()
    return row


def _feedback_row(answer: Feedback, decision: str | None) -> dict[str, Any]:
    row = msgspec.structs.asdict(answer)
    row["suggestions"] = _encode(answer.suggestions).decode()
    return row | {"decision": decision}


def _known(connection: Connection, table: Table, name: str, values: Iterable[str]) -> set[str]:
    """Which of these values a table has."""
    column = table.c[name]
    return set(connection.execute(select(column).where(column.in_(list(values)))).scalars())


def _unsaid(connection: Connection, answers: Sequence[Feedback]) -> list[Feedback]:
    """The answers that were not given before, each once."""
    known = _known(connection, FEEDBACK, "said", [one.said for one in answers])
    fresh = {one.said: one for one in answers if one.said not in known}
    return list(fresh.values())


def _decisions_of(
    connection: Connection, cards: Iterable[str]
) -> dict[tuple[str, str | None], str]:
    """The decisions that cards tell of, by the cards' uuids and the clients that got them."""
    found = (
        select(CARD.c.id, DECISION.c.client, CARD.c.decision)
        .join_from(CARD, DECISION, DECISION.c.id == CARD.c.decision)
        .where(CARD.c.id.in_(list(cards)))
    )
    return {(row.id, row.client): row.decision for row in connection.execute(found)}
