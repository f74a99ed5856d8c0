"""The reference card: where the rule stands, and what serves the decision with the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.frame import Content
from defib_coverage.hooks.cards.points import unique
from defib_coverage.hooks.response import Link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.response import Card

# The shared decision-making visit is still to be held.
_VISIT_OPEN = frozenset({"sdm-missing", "sdm-ordered"})


def reference_card(frame: Frame, determinations: Sequence[Determination]) -> Card:
    """The card: CRD's External Reference, with links and without suggestions."""
    labels = frame.wording.labels
    policies = {policy.version: policy for policy in map(frame.policy, determinations)}.values()
    deciding = any(f.code in _VISIT_OPEN for d in determinations for f in d.findings)
    links = [
        link
        for policy in policies
        for link in (
            Link(labels["link-policy"], policy.ncd_url),
            Link(labels["link-article"], policy.article_url),
        )
    ]
    if deciding:
        links += [Link(labels["link-decision-aid"], p.decision_aid_url) for p in policies]
    name = "reference-visit" if deciding else "reference"
    content = Content(
        topic="guideline",
        indicator="info",
        summary=frame.wording.summary(name, {}),
        parts=[frame.wording.detail(name, {})],
        links=tuple(unique(links)),
    )
    return frame.shared_card(content, determinations)
