"""The tree of reasons: indications, their criteria, the records behind them, what is missing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.explaining.reasons import details, led_to, not_led_to, shown_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from defib_coverage.coverage.determination import (
        CriterionResult,
        Determination,
        Evidence,
        Finding,
    )

_TRUTHS = {"met": "met", "not-met": "not met", "unknown": "unknown"}
_GAPS = {
    "not-found": "not found",
    "not-fetched": "could not be had",
    "unreadable": "cannot be read",
    "too-imprecise": "too imprecise",
    "conflicting": "contradicts itself",
    "judgement": "for a person to judge",
}


# Of each list, so that a page stays light whatever a chart holds.
_MOST_RECORDS = 10
_MOST_FINDINGS = 20


class Record(msgspec.Struct, frozen=True):
    """A record of the chart; ``anchor`` is where it stands in the request that is shown."""

    reference: str
    details: str
    anchor: str | None


class Records(msgspec.Struct, frozen=True):
    """The first records behind something, and how many more there are."""

    first: tuple[Record, ...]
    further: int


class Paragraph(msgspec.Struct, frozen=True):
    """A paragraph of the policy: its id and its text, empty where it has none."""

    id: str
    text: str


class CriterionView(msgspec.Struct, frozen=True):
    """One criterion."""

    label: str
    truth: str
    words: str
    paragraph: Paragraph
    records: Records
    gaps: tuple[tuple[str, str], ...]
    further_gaps: int
    attest: bool


class Branch(msgspec.Struct, frozen=True):
    """An indication with its criteria, or what every indication asks (without a truth)."""

    id: str
    label: str
    truth: str | None
    words: str
    paragraph: Paragraph | None
    criteria: tuple[CriterionView, ...]


class PairView(msgspec.Struct, frozen=True):
    """A primary diagnosis that lacks its partner."""

    primary: str
    partners: tuple[str, ...]
    supported: tuple[str, ...]
    records: Records
    paragraph: Paragraph


class FindingView(msgspec.Struct, frozen=True):
    """One finding."""

    code: str
    severity: str
    text: str
    paragraph: Paragraph
    records: Records


class WhyView(msgspec.Struct, frozen=True):
    """Why an order was judged as it was."""

    branches: tuple[Branch, ...]
    others: tuple[str, ...]
    pairs: tuple[PairView, ...]
    findings: tuple[FindingView, ...]
    further_findings: int
    attests: bool


def anchors_of(found: Iterable[Determination]) -> Mapping[str, str]:
    """Names of anchors for every record that the tree of reasons names, and for the orders."""
    named: dict[str, str] = {}
    for one in found:
        named.setdefault(one.order.reference, f"record-{len(named) + 1}")
        for evidence in _evidence(one):
            named.setdefault(evidence.reference, f"record-{len(named) + 1}")
    return named


def _evidence(found: Determination) -> Iterable[Evidence]:
    for indication in found.indications:
        for criterion in indication.criteria:
            yield from criterion.evidence[:_MOST_RECORDS]
    for criterion in found.always:
        yield from criterion.evidence[:_MOST_RECORDS]
    for finding in found.findings[:_MOST_FINDINGS]:
        yield from finding.evidence[:_MOST_RECORDS]


class Reasons:
    """Makes the trees of one call."""

    def __init__(self, paragraphs: Mapping[str, str], anchors: Mapping[str, str]) -> None:
        """Tell of ``paragraphs`` by their ids, and point to ``anchors`` by reference."""
        self._paragraphs = paragraphs
        self._anchors = anchors

    def why(self, found: Determination) -> WhyView:
        """The tree of a determination."""
        branches = [
            Branch(
                one.id,
                one.label,
                one.truth.value,
                _TRUTHS[one.truth.value],
                self._paragraph(one.citation),
                tuple(self._criterion(c) for c in one.criteria),
            )
            for one in led_to(found)
        ]
        if found.always:
            always = tuple(self._criterion(c) for c in found.always)
            branches.append(Branch("", "Every indication", None, "", None, always))
        shown = self._records(shown_by(found))
        pairs = tuple(
            PairView(one.primary, one.any_of, one.supported, shown, self._paragraph(one.citation))
            for one in found.missing_secondary
        )
        attests = any(c.attest for branch in branches for c in branch.criteria)
        others = tuple(f"{one.id} ({one.label})" for one in not_led_to(found))
        findings = tuple(self._finding(one) for one in found.findings[:_MOST_FINDINGS])
        further = len(found.findings) - len(findings)
        return WhyView(tuple(branches), others, pairs, findings, further, attests)

    def _criterion(self, criterion: CriterionResult) -> CriterionView:
        return CriterionView(
            label=criterion.label,
            truth=criterion.truth.value,
            words=_TRUTHS[criterion.truth.value],
            paragraph=self._paragraph(criterion.citation),
            records=self._records(criterion.evidence),
            gaps=tuple((_GAPS[gap.kind], gap.ask) for gap in criterion.gaps[:_MOST_RECORDS]),
            further_gaps=max(0, len(criterion.gaps) - _MOST_RECORDS),
            attest=criterion.attest,
        )

    def _finding(self, finding: Finding) -> FindingView:
        return FindingView(
            finding.code,
            finding.severity,
            finding.text,
            self._paragraph(finding.citation),
            self._records(finding.evidence),
        )

    def _paragraph(self, citation: str) -> Paragraph:
        return Paragraph(citation, self._paragraphs.get(citation, ""))

    def _records(self, evidence: Iterable[Evidence]) -> Records:
        left = iter(evidence)
        first = tuple(
            Record(one.reference, ", ".join(details(one)), self._anchors.get(one.reference))
            for one in islice(left, _MOST_RECORDS)
        )
        return Records(first, sum(1 for _ in left))
