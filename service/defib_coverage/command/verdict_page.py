"""A determination as a page: verdict, indications with their reasons, what is missing, timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from defib_coverage.command.page import plain
from defib_coverage.command.timeline import timeline
from defib_coverage.coverage.truth import Truth
from defib_coverage.explaining.reasons import (
    VERDICTS,
    led_to,
    not_led_to,
    record,
    shown_by,
    shown_criteria,
)

if TYPE_CHECKING:
    from defib_coverage.command.page import Page
    from defib_coverage.coverage.determination import (
        CriterionResult,
        Determination,
        Evidence,
        Finding,
        IndicationResult,
    )
    from defib_coverage.coverage.determine import Knowledge

_STYLES = {
    "covered": "bold green",
    "conditional": "bold yellow",
    "not-covered": "bold red",
    "not-applicable": "bold",
}
# The words carry the meaning; the colours only help to see it.
_MARKS = {
    Truth.MET: ("met    ", "green"),
    Truth.NOT_MET: ("NOT MET", "bold red"),
    Truth.UNKNOWN: ("unknown", "yellow"),
}


def print_determination(determination: Determination, knowledge: Knowledge, page: Page) -> None:
    """Print one determination."""
    _verdict(determination, knowledge, page)
    if determination.indications or determination.always:
        judged = any(i.candidate for i in determination.indications)
        page.heading("Indications" if judged else "Criteria")
        page.show(_tree(determination))
        if any(c.attest for c in shown_criteria(determination)):
            page.line("* nothing in the chart speaks against it; a person attests to it")
    _missing(determination, page)
    if determination.findings:
        page.heading("Findings")
        for finding in determination.findings:
            _finding(finding, page)
    policy = knowledge.library.in_force(determination.order.service_date)
    if determination.waiting_periods and policy is not None:
        page.heading("Timeline")
        for line in timeline(determination, policy.waiting, page.width - 2):
            page.show(Text("  " + plain(line), no_wrap=True))


def _verdict(determination: Determination, knowledge: Knowledge, page: Page) -> None:
    order = determination.order
    words = VERDICTS[determination.status].upper()
    headline = Text(words, style=_STYLES[determination.status])
    headline.append(f"  {plain(order.code or 'order')} on {order.service_date}", style="bold")
    if determination.indications_met:
        headline.append(f"  by {', '.join(determination.indications_met)}")
    if determination.earliest_eligible_date is not None:
        headline.append(
            f"  first eligible day {determination.earliest_eligible_date}",
            style="bold",
        )
    page.show(headline)
    basis = knowledge.wording.labels[order.service_date_basis]
    page.line(f"{order.reference}, {order.class_}; the day is {basis}", indent=2)
    if order.depends_on is not None:
        page.line(f"stands or falls with {order.depends_on}", indent=2)
    if determination.policy is not None:
        policy = determination.policy
        page.line(f"{policy.citation}, version {policy.version}", indent=2)


# ------------------------------------------------------------------------------ the tree of reasons


def _tree(determination: Determination) -> Tree:
    """Candidates in full, the other indications in one line, then what every indication asks."""
    root = Tree("", hide_root=True)
    for indication in led_to(determination):
        branch = root.add(_indication(indication))
        for criterion in indication.criteria:
            _criterion(branch, criterion)
    if determination.always:
        branch = root.add(Text("Every indication", style="bold"))
        for criterion in determination.always:
            _criterion(branch, criterion)
    others = ", ".join(i.id for i in not_led_to(determination))
    if others:
        root.add(Text(f"Nothing in the chart leads to {others}"))
    return root


def _indication(indication: IndicationResult) -> Text:
    text = _marked(indication.truth)
    text.append(f"{indication.id}  {indication.label}", style="bold")
    text.append(f" ({indication.citation})")
    return text


def _criterion(branch: Tree, criterion: CriterionResult) -> None:
    text = _marked(criterion.truth)
    text.append(f"{criterion.label} ({criterion.citation})")
    if criterion.attest:
        text.append(" *", style="bold")
    node = branch.add(text)
    for evidence in criterion.evidence:
        node.add(Text(_source(evidence)))
    for gap in criterion.gaps:
        node.add(Text(f"{gap.kind}: {plain(gap.ask)}"))


def _marked(truth: Truth) -> Text:
    mark, style = _MARKS[truth]
    text = Text()
    text.append(f"{mark} ", style=style)
    return text


def _source(evidence: Evidence) -> str:
    return plain(record(evidence))


# ------------------------------------------------------------------------ what is missing, findings


def _missing(determination: Determination, page: Page) -> None:
    if not determination.missing_secondary:
        return
    page.heading("Missing on the claim")
    for missing in determination.missing_secondary:
        partners = ", ".join(missing.any_of)
        page.item(f"{missing.primary} must carry one of {partners} ({missing.citation})")
        if missing.supported:
            page.line(f"the chart supports {', '.join(missing.supported)}", indent=4)
            for evidence in shown_by(determination):
                page.line(f"by {_source(evidence)}", indent=4)
        else:
            page.line("nothing in the chart says which", indent=4)


def _finding(finding: Finding, page: Page) -> None:
    style = "yellow" if finding.severity == "warning" else ""
    page.line(f"{finding.severity}: {finding.code} ({finding.citation})", indent=2, style=style)
    page.line(finding.text, indent=4)
    for evidence in finding.evidence:
        page.line(_source(evidence), indent=6)
