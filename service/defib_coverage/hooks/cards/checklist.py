"""The checklist: what is left to document, and what was checked and is left to attest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.content import Content
from defib_coverage.hooks.cards.points import unique
from defib_coverage.hooks.cards.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.response import Card


def checklist_card(frame: Frame, subjects: Sequence[Subject]) -> Card | None:
    """The card: CRD's Instructions, without links and suggestions; None where nothing is open."""
    points = unique([ask for one in subjects for ask in one.asks])
    if not points:
        return None
    attested = unique(
        [
            criterion.label
            for one in subjects
            for indication in one.candidates
            for criteria in (indication.criteria, one.found.always)
            for criterion in criteria
            if criterion.attest
        ]
    )
    parts = [
        frame.stock.details["to-document"],
        "\n".join([f"- [ ] {plain(point)}" for point in points]),
    ]
    if attested:
        parts.append(frame.stock.details["checked"])
        parts.append("\n".join([f"- [ ] {label}" for label in attested]))
    summary = frame.wording.summary("checklist", {"count": str(len(points))})
    content = Content(topic="clinical-reminder", indicator="info", summary=summary, parts=parts)
    return frame.shared_card(content, subjects)
