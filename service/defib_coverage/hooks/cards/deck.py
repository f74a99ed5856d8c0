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
from defib_coverage.hooks.cards.points import Subject, needs_card
from defib_coverage.hooks.cards.reference import reference_card
from defib_coverage.hooks.cards.stock import Stock
from defib_coverage.hooks.cards.verdict import verdict_card
from defib_coverage.hooks.cards.visit import visit_card
from defib_coverage.hooks.cards.waiting import waiting_card

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.configuration import CardTopic
    from defib_coverage.hooks.evaluation import Evaluation
    from defib_coverage.hooks.outlook import Outlooks
    from defib_coverage.hooks.response import Card

# The cards that a call gets once, of the orders that need a verdict card.
_ONCE: tuple[
    tuple[CardTopic, tuple[Callable[[Frame, Sequence[Subject]], Card | None], ...]],
    ...,
] = (
    ("claim", (claim_card,)),
    ("limits", (waiting_card,)),
    ("clinical-reminder", (visit_card, checklist_card)),
    ("guideline", (reference_card,)),
)


class Deck:
    """Makes the cards of calls."""

    def __init__(self, knowledge: Knowledge, outlooks: Outlooks) -> None:
        """Make cards by what is known."""
        self._stock = Stock(knowledge)
        self._outlooks = outlooks

    def cards(
        self, evaluation: Evaluation, asked: Asked
    ) -> tuple[tuple[Card, ...], tuple[str, ...]]:
        """The cards of one call, the most important first; as many as may be sent.

        Returns:
            The cards, and beside them the references of the orders that each tells of first.
        """
        stock, by_policy = self._stock, self._outlooks.by_policy
        subjects = [
            Subject(ordered, found, by_policy(found), asked, stock.wording)
            for ordered, found in zip(evaluation.ordered, evaluation.determinations, strict=True)
            if needs_card(found)
        ]
        if not subjects:
            return (), ()
        frame = Frame(stock, evaluation, asked)
        cards = tuple(islice(_cards(frame, subjects), asked.configuration.most_cards))
        return cards, tuple([frame.about[card.uuid] for card in cards])


def _cards(frame: Frame, subjects: Sequence[Subject]) -> Iterator[Card]:
    wants = frame.asked.configuration.wants
    if wants("appropriate-use"):
        for subject in subjects:
            yield verdict_card(frame, subject)
    for topic, made in _ONCE:
        if wants(topic):
            for make in made:
                card = make(frame, subjects)
                if card is not None:
                    yield card
