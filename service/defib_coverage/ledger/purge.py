"""Deleting what is older than an installation keeps: whole days, whose place in the chain stays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from defib_coverage.database.tables import CARD, CHAINED, DAY, DECISION
from defib_coverage.ledger.chain import START, seal_of
from defib_coverage.ledger.records import moment

if TYPE_CHECKING:
    from sqlalchemy import Connection


def purge_oldest(connection: Connection, key: bytes, first: date) -> date | None:
    """Delete the rows of the oldest day that is not kept any longer; never of the last day.

    Args:
        connection: to the database, in a transaction that has the ledger's lock.
        key: of the chain.
        first: the first day that is kept.

    Returns:
        The day that was purged; None where there is none.
    """
    # What is appended goes on where the last day ends.
    last = select(func.max(DAY.c.day)).scalar_subquery()
    old = select(DAY).where(DAY.c.day < first, DAY.c.day < last, DAY.c.purged.is_(None))
    day = connection.execute(old.order_by(DAY.c.day).limit(1)).one_or_none()
    if day is None:
        return None
    ids = select(DECISION.c.id).where(DECISION.c.day == day.day)
    connection.execute(delete(CARD).where(CARD.c.decision.in_(ids)))
    for table in CHAINED:
        connection.execute(delete(table).where(table.c.day == day.day))
    earlier = select(DAY.c.head).where(DAY.c.day < day.day).order_by(DAY.c.day.desc()).limit(1)
    before = connection.execute(earlier).scalar() or START
    purged = moment(datetime.now(UTC))
    seal = seal_of(key, day.day, before, day.length, day.head, purged)
    changed = {"purged": purged, "seal": seal}
    connection.execute(update(DAY).where(DAY.c.day == day.day), changed)
    return day.day  # type: ignore[no-any-return] # a row knows no types
