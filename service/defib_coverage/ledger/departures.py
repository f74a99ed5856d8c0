"""Where drafts depart from what was decided, read back: row by row, and counted by draft."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, select

from defib_coverage.coverage.determination import Status
from defib_coverage.database.tables import DECISION, DIFFERENCE
from defib_coverage.ledger.counting import within
from defib_coverage.ledger.secrets import unpack
from defib_coverage.replaying.difference import Difference
from defib_coverage.replaying.summary import Counted, ordered_reasons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Row

    from defib_coverage.ledger.report import Period

PART = 1000
"""Rows that are in memory at a time."""
_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_difference = msgspec.json.Decoder(Difference).decode
_MADE = frozenset({"link", "reasons", "difference"})


class DepartureRow(msgspec.Struct, frozen=True):
    """A departure, its columns as the ledger has them; ``link`` in hexadecimal digits.

    ``difference`` is None where it was not kept; its references are keyed digests.
    """

    id: str
    day: date
    position: int
    link: str
    time: str
    decision: str | None
    client: str | None
    service: str
    order_code: str | None
    order_class: str
    service_date: date
    data_digest: str
    draft_digest: str
    status_before: Status
    status_after: Status
    reasons: tuple[str, ...]
    unread: int
    difference: Difference | None


class DraftSum(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What was found of one draft beside one state of the data files.

    ``flips`` have another status, ``differences`` the same one for other reasons. ``statuses`` are
    those before, then after. ``unread`` counts the orders for which the draft would have looked up
    more than the call did. An order counts under each of its reasons.
    """

    draft_digest: str
    data_digest: str
    first: str
    last: str
    flips: int
    differences: int
    unread: int
    statuses: dict[str, dict[str, int]]
    flips_by_reason: tuple[Counted, ...]
    differences_by_reason: tuple[Counted, ...]


def departures(connection: Connection, period: Period) -> Iterator[DepartureRow]:
    """The departures of a period, in the chain's order.

    Raises:
        ValueError: a row was changed to what nothing can read.
    """
    found = select(DIFFERENCE).where(*within(DIFFERENCE, period))
    found = found.order_by(DIFFERENCE.c.day, DIFFERENCE.c.position)
    with connection.execute(found.execution_options(yield_per=PART)) as rows:
        for row in rows:
            yield _departure(row)


def departed(connection: Connection, period: Period) -> bool:
    """Whether any draft departs from anything in a period."""
    one = select(DIFFERENCE.c.id).where(*within(DIFFERENCE, period)).limit(1)
    return connection.execute(one).first() is not None


def newest(
    connection: Connection, period: Period, most: int, *, flips_only: bool
) -> list[DepartureRow]:
    """Departures of a period, newest first.

    Args:
        connection: to the database.
        period: the days on which they came.
        most: how many of them.
        flips_only: only those with another status.

    Raises:
        ValueError: a row was changed to what nothing can read.
    """
    table = DIFFERENCE
    found = select(table).where(*within(table, period))
    if flips_only:
        found = found.where(table.c.status_before != table.c.status_after)
    found = found.order_by(table.c.day.desc(), table.c.position.desc()).limit(most)
    return [_departure(row) for row in connection.execute(found)]


def sums(connection: Connection, period: Period) -> list[DraftSum]:
    """What was found of each draft in a period, the newest draft first."""
    table = DIFFERENCE
    what = (table.c.status_before, table.c.status_after, table.c.reasons)
    whose = (table.c.draft_digest, table.c.data_digest)
    counted = select(
        *whose,
        *what,
        func.count().label("orders"),
        func.count().filter(table.c.unread > 0).label("unread"),
        func.min(table.c.time).label("first"),
        func.max(table.c.time).label("last"),
    )
    found = counted.where(*within(table, period)).group_by(*whose, *what)
    drafts: dict[tuple[str, str], _Sum] = {}
    for row in connection.execute(found):
        drafts.setdefault((row.draft_digest, row.data_digest), _Sum()).add(row)
    told = [one.told(*digests) for digests, one in drafts.items()]
    return sorted(told, key=lambda one: one.last, reverse=True)


def decided_in(connection: Connection, period: Period) -> int:
    """How many decisions a period has."""
    number = select(func.count()).select_from(DECISION).where(*within(DECISION, period))
    return int(connection.execute(number).scalar() or 0)


class _Sum:
    """Adds up the groups of one draft."""

    def __init__(self) -> None:
        self._times: list[str] = []
        self._statuses: dict[str, dict[str, int]] = {}
        self._reasons: dict[bool, dict[str, int]] = {True: {}, False: {}}
        self._orders = {True: 0, False: 0}
        self._unread = 0

    def add(self, row: Row[Any]) -> None:
        flips = row.status_before != row.status_after
        self._times += [row.first, row.last]
        self._orders[flips] += row.orders
        self._unread += row.unread
        after = self._statuses.setdefault(row.status_before, {})
        after[row.status_after] = after.get(row.status_after, 0) + row.orders
        reasons = self._reasons[flips]
        for reason in _decode_words(row.reasons):
            reasons[reason] = reasons.get(reason, 0) + row.orders

    def told(self, draft_digest: str, data_digest: str) -> DraftSum:
        return DraftSum(
            draft_digest=draft_digest,
            data_digest=data_digest,
            first=min(self._times),
            last=max(self._times),
            flips=self._orders[True],
            differences=self._orders[False],
            unread=self._unread,
            statuses=self._statuses,
            flips_by_reason=ordered_reasons(self._reasons[True]),
            differences_by_reason=ordered_reasons(self._reasons[False]),
        )


def _departure(row: Row[Any]) -> DepartureRow:
    plain = {n: getattr(row, n) for n in DepartureRow.__struct_fields__ if n not in _MADE}
    detail = row.detail
    return DepartureRow(
        **plain,
        link=row.link.hex(),
        reasons=_decode_words(row.reasons),
        difference=None if detail is None else _decode_difference(unpack(detail)),
    )
