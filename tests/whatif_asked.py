"""Orders and charts as the product reads them, for what is asked about them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from defib_coverage.whatif.trial import Asked
from fhir_builders import by_keys, sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determine import Knowledge
    from fhir_builders import Json

TODAY = date(2026, 11, 21)
ORDER = "ServiceRequest/order-1"


def asked_of(
    knowledge: Knowledge,
    orders: Sequence[Json],
    resources: Sequence[Json] = (),
    reference: str = ORDER,
) -> Asked:
    """The question what would make an order covered, of a call as the product reads it."""
    return asked_by(knowledge, sign(orders, by_keys(resources)), TODAY, reference)


def asked_by(knowledge: Knowledge, body: bytes, today: date, reference: str) -> Asked:
    """The same, of the body of a call."""
    found = Evaluator(knowledge).evaluate(decode_request(body, knowledge.index), today)
    return Asked(found.orders, found.chart, knowledge, found.terms, reference)
