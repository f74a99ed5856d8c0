"""What the service answers to the body of a hook call, without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.answer import Answerer
from defib_coverage.hooks.asked import Asked
from defib_coverage.hooks.configuration import read_configuration
from defib_coverage.hooks.wire import decode_request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from defib_coverage.fhir.plans import Plan
    from defib_coverage.hooks.evaluation import Evaluator
    from defib_coverage.hooks.response import HookResponse


def answer_to(
    evaluator: Evaluator,
    body: bytes,
    today: date,
    plans: Sequence[Plan] = (),
) -> HookResponse:
    """The answer of the service of the call's hook."""
    decoded = decode_request(body, evaluator.knowledge.index)
    configuration = read_configuration(decoded.request.extension)
    longer = configuration.longer_reading
    evaluation = evaluator.evaluate(decoded, today, longer_reading=longer)
    asked = Asked(
        decoded=decoded,
        configuration=configuration,
        today=today,
        plans={plan.id: plan for plan in plans},
    )
    return Answerer(evaluator.knowledge).answer(evaluation, asked).response
