"""The answer to a call: its cards and its system actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards import build_cards
from defib_coverage.hooks.coverage_information import check_coverage, coverage_actions
from defib_coverage.hooks.response import HookResponse

if TYPE_CHECKING:
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.evaluation import Evaluation
    from defib_coverage.hooks.response import Action


def build_answer(evaluation: Evaluation, asked: Asked, knowledge: Knowledge) -> HookResponse:
    """The answer to a call.

    Raises:
        RequestError: 400 where CRD 2.2 is asked for and the Coverage cannot be told.
    """
    configuration = asked.configuration
    check_coverage(evaluation, configuration.version)
    cards = build_cards(evaluation, asked, knowledge)
    actions: tuple[Action, ...] = ()
    if configuration.coverage_information:
        actions = coverage_actions(evaluation, asked, knowledge)
    return HookResponse(cards, actions)
