"""The answer to a call: its cards and its system actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.hooks.cards import Deck
from defib_coverage.hooks.coverage_information import Statements, check_coverage
from defib_coverage.hooks.outlook import Outlooks
from defib_coverage.hooks.response import HookResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.evaluation import Evaluation
    from defib_coverage.hooks.response import Action


class Answer(NamedTuple):
    """The answer to a call, and which orders it speaks of.

    ``cards_about`` is the order that each card tells of first; ``assertions`` are the ids of what
    was stated of orders, now or in an earlier call. Orders are named by their references.
    """

    response: HookResponse
    cards_about: tuple[str, ...]
    assertions: Mapping[str, str]


class Answerer:
    """Answers calls by what is known."""

    def __init__(self, knowledge: Knowledge) -> None:
        """Answer by ``knowledge``; what it comes to in every answer is made here, once."""
        outlooks = Outlooks(knowledge.library)
        self._deck = Deck(knowledge, outlooks)
        self._statements = Statements(knowledge.wording, outlooks)

    def answer(self, evaluation: Evaluation, asked: Asked) -> Answer:
        """The answer to a call.

        Raises:
            RequestError: 400 where CRD 2.2 is asked for and the Coverage cannot be told.
        """
        configuration = asked.configuration
        check_coverage(evaluation, configuration.version)
        cards, about = self._deck.cards(evaluation, asked)
        actions: tuple[Action, ...] = ()
        assertions: Mapping[str, str] = {}
        if configuration.coverage_information:
            actions, assertions = self._statements.actions(evaluation, asked)
        return Answer(HookResponse(cards, actions), about, assertions)
