"""Deleting what is older than an installation keeps: whole days, whose place in the chain stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from defib_coverage.database.tables import CARD, DAY, DECISION, FEEDBACK
from defib_coverage.ledger.chain import seal_of
from defib_coverage.ledger.records import moment

if TYPE_CHECKING:
    from sqlalchemy import Connection


def purge(connection: Connection, key: bytes, keep_days: int, today: date) -> list[date]:
    """Delete the rows of days that are more than a number of days ago.

    Args:
        connection: to the database, in a transaction that has the ledger's lock.
        key: of the chain.
        keep_days: how many days before today are kept, at least 1.
        today: the UTC day.

    Returns:
        The days that were purged.
    """
    first = today - timedelta(days=keep_days)
    old = select(DAY).where(DAY.c.day < first, DAY.c.purged.is_(None)).order_by(DAY.c.day)
    purged = moment(datetime.now(UTC))
    done = []
    for day in connection.execute(old).all():
        ids = select(DECISION.c.id).where(DECISION.c.day == day.day)
        connection.execute(delete(CARD).where(CARD.c.decision.in_(ids)))
        for table in (DECISION, FEEDBACK):
            connection.execute(delete(table).where(table.c.day == day.day))
        seal = seal_of(key, day.day, day.length, day.head, purged)
        changed = {"purged": purged, "seal": seal}
        connection.execute(update(DAY).where(DAY.c.day == day.day), changed)
        done.append(day.day)
    return done
