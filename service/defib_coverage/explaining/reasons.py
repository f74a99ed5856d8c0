"""The tree of reasons of a determination: which parts are shown, and records in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.coverage.determination import (
        CriterionResult,
        Determination,
        Evidence,
        IndicationResult,
    )

VERDICTS = {
    "covered": "covered",
    "conditional": "conditional",
    "not-covered": "not covered",
    "not-applicable": "not applicable",
}
"""Statuses in words."""


def led_to(determination: Determination) -> tuple[IndicationResult, ...]:
    """The indications that something in the chart leads to; they are shown in full."""
    return tuple(one for one in determination.indications if one.candidate)


def not_led_to(determination: Determination) -> tuple[IndicationResult, ...]:
    """The other indications; naming them is enough."""
    return tuple(one for one in determination.indications if not one.candidate)


def shown_criteria(determination: Determination) -> Iterator[CriterionResult]:
    """The criteria that are shown: of each indication that is, then what every indication asks."""
    for indication in led_to(determination):
        yield from indication.criteria
    yield from determination.always


def record(evidence: Evidence) -> str:
    """A record in words, as the chart has them: what, which code, which value, of when."""
    parts = [evidence.reference, *details(evidence)]
    return ", ".join(parts)


def details(evidence: Evidence) -> Iterator[str]:
    """What is known of a record beside its name."""
    yield evidence.code
    if evidence.value is not None:
        yield evidence.value
    if evidence.date is not None:
        yield f"of {evidence.date[:10]}"


def shown_by(determination: Determination) -> tuple[Evidence, ...]:
    """What documents a partner diagnosis without its claim code."""
    supported = {code for m in determination.missing_secondary for code in m.supported}
    return tuple(
        dict.fromkeys(
            evidence
            for finding in determination.findings
            if finding.code == "needs-icd10-code" and any(c in finding.text for c in supported)
            for evidence in finding.evidence
        )
    )
