"""What several cards read off a determination: its warnings, its candidates, what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.determination import Determination, Finding, IndicationResult
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.coverage.wording import Wording

Item = TypeVar("Item")
# Nothing leads anywhere: the one thing to document is the diagnosis.
NO_DIAGNOSIS = frozenset({"no-covered-diagnosis-found", "no-group1-diagnosis"})

_WHOSE = frozenset({"several-coverages", "coverage-not-in-force"})


def unique(items: Iterable[Item]) -> list[Item]:
    """The items in their order, each once."""
    return list(dict.fromkeys(items))


def needs_card(determination: Determination) -> bool:
    """Whether something is open, and not told by the order it depends on.

    Which coverage it is that pays is open too, where one is on file and cannot be the one.
    """
    if determination.status == "not-applicable" or determination.order.depends_on is not None:
        return False
    return determination.status != "covered" or any(
        f.severity == "warning" or f.code in _WHOSE for f in determination.findings
    )


def warnings(determination: Determination, *codes: str) -> list[Finding]:
    """The findings of these codes that are warnings: coverage depends on them."""
    return [f for f in determination.findings if f.severity == "warning" and f.code in codes]


def candidates(determination: Determination) -> list[IndicationResult]:
    """The indications that a diagnosis of the chart leads to."""
    return [i for i in determination.indications if i.candidate]


def closest(determination: Determination) -> IndicationResult | None:
    """The candidate with the least left to settle."""
    return min(
        candidates(determination),
        key=lambda i: (i.truth is Truth.NOT_MET, sum(bool(c.gaps) for c in i.criteria)),
        default=None,
    )


def exempt(determination: Determination, policy: PolicyVersion) -> list[IndicationResult]:
    """The open indications under which no waiting period binds."""
    return [
        i
        for i in candidates(determination)
        if i.truth is Truth.UNKNOWN and policy.indications[i.id].exempt
    ]


def open_points(determination: Determination, wording: Wording) -> list[str]:
    """What is left to document, each point once: of the indications that can still be met."""
    leading = [] if determination.indications_met else candidates(determination)
    asks = [g.ask for i in leading for c in i.criteria for g in c.gaps]
    asks += [g.ask for c in determination.always for g in c.gaps]
    if not leading:
        asks += [wording.ask(f.code, {}) for f in determination.findings if f.code in NO_DIAGNOSIS]
    return unique(asks)
