"""In whose name a card speaks: the label of its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from defib_coverage.coverage.determination import JudgedCoverage
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.hooks.asked import Asked


def source_label(asked: Asked, coverage: JudgedCoverage | None, policy: PolicyVersion) -> str:
    """The label of a card's source.

    What the client wants wins; then comes the configured payer, then, for CRD 2.2, the payer's name
    as the chart has it (row 70), then the policy. A coverage that is not in force names nobody, nor
    does one that is only taken as Medicare's.
    """
    if asked.label:
        return asked.label
    if coverage is not None and coverage.standing == "medicare":
        plan = asked.plan(coverage.plan)
        if plan is not None:
            return plan.label
        if asked.configuration.version == "2.2" and coverage.insurer is not None:
            return coverage.insurer
    return policy.source_label
