"""Which cards a call gets, in which order.

One verdict card an order that needs one; beside it, once for the whole call, what is missing on the
claim, the waiting periods, the visit to order, the documentation that is open, and the sources.
Nothing for orders that are not ours and nothing where all is met. A card is built when its turn
comes: one that is switched off, or one too many, costs nothing.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.checklist import checklist_card
from defib_coverage.hooks.cards.claim import claim_card
from defib_coverage.hooks.cards.frame import Frame
from defib_coverage.hooks.cards.points import needs_card
from defib_coverage.hooks.cards.reference import reference_card
from defib_coverage.hooks.cards.verdict import verdict_card
from defib_coverage.hooks.cards.visit import visit_card
from defib_coverage.hooks.cards.waiting import waiting_card

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.configuration import CardTopic
    from defib_coverage.hooks.evaluation import Evaluation
    from defib_coverage.hooks.response import Card

# The cards that a call gets once, of the orders that need a verdict card.
_ONCE: tuple[
    tuple[CardTopic, Callable[[Frame, Sequence[Determination]], Card | None]],
    ...,
] = (
    ("claim", claim_card),
    ("limits", waiting_card),
    ("clinical-reminder", visit_card),
    ("clinical-reminder", checklist_card),
    ("guideline", reference_card),
)


def build_cards(
    evaluation: Evaluation,
    asked: Asked,
    knowledge: Knowledge,
) -> tuple[Card, ...]:
    """The cards of one call, the most important first; as many as may be sent."""
    frame = Frame(evaluation, asked, knowledge)
    verdicts = [d for d in evaluation.determinations if needs_card(d)]
    return tuple(islice(_cards(frame, verdicts), asked.configuration.most_cards))


def _cards(frame: Frame, verdicts: Sequence[Determination]) -> Iterator[Card]:
    wants = frame.asked.configuration.wants
    if not verdicts:
        return
    if wants("appropriate-use"):
        for determination in verdicts:
            yield verdict_card(frame, determination)
    for topic, make in _ONCE:
        card = make(frame, verdicts) if wants(topic) else None
        if card is not None:
            yield card
