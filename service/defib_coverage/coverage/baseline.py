"""What the criteria come to where a chart says nothing: the same for every chart, so told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.determination import CriterionResult, IndicationResult
from defib_coverage.coverage.truth import all_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.coverage.results import Result


class Baseline(msgspec.Struct, frozen=True):
    """The criteria and the indications of an empty chart on one day."""

    results: dict[str, Result]
    shown: dict[str, CriterionResult]
    indications: dict[str, IndicationResult]


def make_baseline(policy: PolicyVersion, judged: Mapping[str, Result]) -> Baseline:
    """Tell everything of an empty chart by what its criteria come to."""
    results = {name: judged[name] for name in policy.criteria}
    shown = {name: tell_criterion(policy, name, result) for name, result in results.items()}
    indications = {
        name: tell_indication(policy, name, [shown[c] for c in indication.candidates])
        for name, indication in policy.indications.items()
    }
    return Baseline(results, shown, indications)


def tell_criterion(policy: PolicyVersion, name: str, result: Result) -> CriterionResult:
    """What a criterion came to, as the contract tells it."""
    criterion = policy.criteria[name]
    return CriterionResult(
        id=name,
        label=criterion.label,
        truth=result.truth,
        citation=criterion.cite,
        evidence=result.evidence,
        gaps=result.gaps,
        attest=result.attest,
    )


def tell_indication(
    policy: PolicyVersion,
    name: str,
    criteria: Sequence[CriterionResult],
    *,
    candidate: bool = False,
) -> IndicationResult:
    """What an indication came to, as the contract tells it."""
    indication = policy.indications[name]
    return IndicationResult(
        id=name,
        label=indication.label,
        candidate=candidate,
        truth=all_of([criterion.truth for criterion in criteria]),
        citation=indication.cite,
        criteria=tuple(criteria),
    )
