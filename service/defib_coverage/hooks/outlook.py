"""What could still bring an order to be covered: another day, or a visit that is held first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.policy import Visit, WaitingPeriod
from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.coverage.determination import CriterionResult, Determination
    from defib_coverage.coverage.policy import PolicyVersion


def waits_only(found: Determination, policy: PolicyVersion) -> bool:
    """Whether an order is kept by waiting periods, and by nothing else that is certain.

    Not where a measurement or a sign decides against it as well: another day would not help.
    """
    if found.earliest_eligible_date is None:
        return False
    if any(result.truth is Truth.NOT_MET for result in found.always):
        return False
    return any(
        all(
            result.truth is not Truth.NOT_MET
            or isinstance(policy.criteria[result.id], WaitingPeriod)
            for result in indication.criteria
        )
        for indication in found.indications
        if indication.candidate
    )


def lacks_visit(found: Determination, policy: PolicyVersion) -> bool:
    """Whether to hold the visit would bring an order nearer."""
    if found.status != "conditional" and not waits_only(found, policy):
        return False
    return any(result.gaps for result in _visits(found, policy))


def visit_may_be_held(found: Determination, policy: PolicyVersion) -> bool:
    """Whether the visit may stand in a part of the record that could not be had."""
    return any(
        gap.kind == "not-fetched" for result in _visits(found, policy) for gap in result.gaps
    )


def _visits(found: Determination, policy: PolicyVersion) -> Iterator[CriterionResult]:
    """The visit's criterion as the candidates have it."""
    for indication in found.indications:
        if indication.candidate:
            for result in indication.criteria:
                if isinstance(policy.criteria[result.id], Visit):
                    yield result
