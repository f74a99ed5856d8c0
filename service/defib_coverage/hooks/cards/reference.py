"""The reference card: where the rule stands, and what serves the decision with the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.points import unique

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.response import Card

# The shared decision-making visit is still to be held.
_VISIT_OPEN = frozenset({"sdm-missing", "sdm-ordered"})


def reference_card(frame: Frame, subjects: Sequence[Subject]) -> Card:
    """The card: CRD's External Reference, with links and without suggestions."""
    versions = unique([one.outlook.policy.version for one in subjects])
    deciding = not all(_VISIT_OPEN.isdisjoint(one.codes) for one in subjects)
    return frame.shared_card(frame.stock.reference(versions, with_aid=deciding), subjects)
