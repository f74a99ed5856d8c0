"""Whether one row of the chain is whole: by the rows beside it and the row of its day alone.

It costs the same however long the ledger is. Only ``verify`` looks at the chain from end to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import select

from defib_coverage.database.tables import CARD, CHAINED, DAY, DECISION
from defib_coverage.ledger.chain import START, link_of
from defib_coverage.ledger.store import columns_of
from defib_coverage.ledger.verify import bytes_of, cards_told, is_sealed, may_be, raw

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection, Row, Table

Link = Literal["row", "next", "day", "cards"]


class Neighbourhood(msgspec.Struct, frozen=True):
    """What was looked at around a row of decisions, and which of it does not hold.

    ``length`` is how many rows its day says that it has, None where the day has no row.
    """

    day: date
    position: int
    length: int | None
    broken: tuple[Link, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.broken


class _Found:
    """The rows at three positions, as the driver gives them."""

    def __init__(self, connection: Connection, day: date, position: int) -> None:
        self._rows: dict[int, list[tuple[Table, Row[Any]]]] = {}
        for table in CHAINED:
            near = table.c.position.between(position - 1, position + 1)
            rows = select(*raw(connection, table, (*columns_of(table), "link")))
            for row in connection.execute(rows.where(table.c.day == day, near)):
                self._rows.setdefault(row.position, []).append((table, row))

    def link(self, position: int) -> bytes | None:
        """The link of the one row at a position; None where there is not one."""
        rows = self._rows.get(position, [])
        return bytes_of(rows[0][1].link) if len(rows) == 1 else None

    def follows(self, key: bytes, previous: bytes | None, position: int) -> bool:
        """Whether the link of a row follows from the one before and from what the row says."""
        rows = self._rows.get(position, [])
        if previous is None or len(rows) != 1:
            return False
        ((table, row),) = rows
        values: list[Any] = list(row[:-1])
        return may_be(table, values) and row.link == link_of(key, previous, values)

    def decision(self, position: int) -> Row[Any] | None:
        rows = [row for table, row in self._rows.get(position, []) if table is DECISION]
        return rows[0] if len(rows) == 1 else None


def neighbourhood(connection: Connection, key: bytes, day: date, position: int) -> Neighbourhood:
    """Look at a row of decisions and at what stands beside it.

    Args:
        connection: to the database, in one transaction.
        key: of the chain.
        day: the row's day.
        position: its number on it.
    """
    columns = raw(connection, DAY, DAY.columns.keys())
    newest = select(*columns).where(DAY.c.day <= day).order_by(DAY.c.day.desc()).limit(2)
    days = connection.execute(newest).all()
    if not days or str(days[0].day) != day.isoformat():
        return Neighbourhood(day, position, None, ("day",))
    own = days[0]
    before = bytes_of(days[1].head) if len(days) > 1 else START
    found = _Found(connection, day, position)
    previous = before if position == 1 else found.link(position - 1)
    link = found.link(position)
    if position == own.length:
        goes_on = link == own.head and found.link(position + 1) is None
    else:
        goes_on = found.follows(key, link, position + 1)
    holds: dict[Link, bool] = {
        "row": found.follows(key, previous, position),
        "next": goes_on,
        "day": is_sealed(key, own, before),
        "cards": _has_its_cards(connection, found.decision(position)),
    }
    broken = tuple(name for name, whole in holds.items() if not whole)
    return Neighbourhood(day, position, own.length, broken)


def _has_its_cards(connection: Connection, decision: Row[Any] | None) -> bool:
    """Whether the table of cards says what the decision says, which the chain covers."""
    if decision is None:
        return False
    stand = select(*raw(connection, CARD, ("id", "kind"))).where(CARD.c.decision == decision.id)
    return {(row.id, row.kind) for row in connection.execute(stand)} == cards_told(decision.cards)
