"""The visit card: the shared decision-making visit that is missing, with its order to accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.content import Content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determination import CriterionResult
    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.response import Card


def visit_card(frame: Frame, subjects: Sequence[Subject]) -> Card | None:
    """The card; None where the visit is on file or ordered, or nobody is known to order it."""
    concerned: list[Subject] = []
    visits: list[CriterionResult] = []
    for subject in subjects:
        missing = "sdm-missing" in subject.warned and subject.outlook.open_visits(subject.found)
        if missing:
            concerned.append(subject)
            visits += missing
    if not concerned:
        return None
    # It may stand in a part of the record that could not be had.
    unseen = any(gap.kind == "not-fetched" for visit in visits for gap in visit.gaps)
    offer = frame.suggestions.visit(concerned, recommended=not unseen)
    if offer is None:
        return None
    (finding, *_) = concerned[0].warnings("sdm-missing")
    content = Content(
        topic="clinical-reminder",
        indicator="info",
        summary=frame.stock.visit_summary,
        parts=[f"{frame.stock.details['visit']} ({finding.citation})"],
        offers=[offer],
    )
    return frame.shared_card(content, concerned)
