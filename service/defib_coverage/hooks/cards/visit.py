"""The visit card: the shared decision-making visit that is missing, with its order to accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.frame import Content
from defib_coverage.hooks.cards.points import warnings
from defib_coverage.hooks.outlook import lacks_visit, visit_may_be_held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.response import Card


def visit_card(frame: Frame, determinations: Sequence[Determination]) -> Card | None:
    """The card; None where the visit is on file or ordered, or nobody is known to order it."""
    concerned = [
        d for d in determinations if warnings(d, "sdm-missing") and lacks_visit(d, frame.policy(d))
    ]
    unseen = any(visit_may_be_held(d, frame.policy(d)) for d in concerned)
    offer = frame.suggestions.visit(concerned, recommended=not unseen) if concerned else None
    if offer is None:
        return None
    (finding, *_) = warnings(concerned[0], "sdm-missing")
    content = Content(
        topic="clinical-reminder",
        indicator="info",
        summary=frame.wording.summary("visit", {}),
        parts=[f"{frame.wording.detail('visit', {})} ({finding.citation})"],
        offers=[offer],
    )
    return frame.shared_card(content, concerned)
