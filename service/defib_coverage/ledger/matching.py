"""Which decision an answer of a clinician is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from defib_coverage.database.tables import CARD, DECISION, FEEDBACK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement


def about() -> ColumnElement[str | None]:
    """The decision that a row of feedback is about, also where it was kept after the feedback.

    That is so where the decision waited in the spool of one process while another took the
    feedback. Use it in the place of the column.
    """
    later = (
        select(CARD.c.decision)
        .join(DECISION, DECISION.c.id == CARD.c.decision)
        .where(
            CARD.c.id == FEEDBACK.c.card,
            DECISION.c.client.is_not_distinct_from(FEEDBACK.c.client),
        )
        .correlate(FEEDBACK)
        .scalar_subquery()
    )
    return func.coalesce(FEEDBACK.c.decision, later)


def answers_to(decision: str, client: str | None, cards: Iterable[str]) -> ColumnElement[bool]:
    """The rows of feedback that are about a decision, as ``about`` finds them.

    Args:
        decision: its id.
        client: who asked for it.
        cards: the ids of its cards.
    """
    late = and_(
        FEEDBACK.c.decision.is_(None),
        FEEDBACK.c.card.in_(list(cards)),
        FEEDBACK.c.client.is_not_distinct_from(client),
    )
    return or_(FEEDBACK.c.decision == decision, late)
