"""The verdict card: what the policy says of one order, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.frame import Content
from defib_coverage.hooks.cards.points import NO_DIAGNOSIS, candidates, closest, exempt, unique
from defib_coverage.hooks.cards.text import bullet, plain
from defib_coverage.hooks.outlook import waits_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.coverage.determination import Determination, Finding
    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.response import Card

# They have cards of their own beside the verdict.
_OWN_CARDS = frozenset({"secondary-diagnosis-missing", "waiting-period-open"})
# What decides against coverage rather than leaving it open.
_FAILURES = frozenset(
    {"lvef-too-high", "nyha-not-allowed", "not-clinically-stable", "brain-damage"},
)


def verdict_card(frame: Frame, determination: Determination) -> Card:
    """The card of one order that is not covered, or has something to mind."""
    order = determination.order
    told = [f for f in _in_order(determination) if f.code not in _OWN_CARDS]
    policy = frame.policy(determination)
    day = order.service_date.isoformat()
    facts = {
        "label": frame.label(determination),
        "code": plain(order.code or ""),
        "service_date": day,
        "reason": frame.wording.labels[order.service_date_basis],
    }
    lines = (frame.wording.detail("order", facts), *_indications(frame, determination))
    parts = ["\n".join(lines)]
    if told:
        parts.append("\n".join(bullet(f) for f in told))
    tips = _tips(frame, determination)
    if tips:
        parts.append("\n".join((frame.wording.detail("tips", {}), *tips)))
    basis = {"label": policy.citation, "service_date": day}
    parts.append(frame.wording.detail("basis", basis))
    warned = any(f.severity == "warning" for f in determination.findings)
    content = Content(
        topic="appropriate-use",
        indicator="warning" if warned or determination.status == "not-covered" else "info",
        summary=_summary(frame, determination),
        parts=parts,
    )
    return frame.card(content, [determination])


def _tips(frame: Frame, determination: Determination) -> list[str]:
    """What to mind on the claim, for the codes that it would rest on."""
    codes = [determination.order.code]
    codes += [e.code for i in candidates(determination) for c in i.criteria for e in c.evidence]
    codes += [e.code for f in determination.findings for e in f.evidence]
    tips = frame.wording.tips
    return [f"- {tips[c]}" for c in unique(codes) if c in tips]


def _summary(frame: Frame, determination: Determination) -> str:
    order = determination.order
    earliest = determination.earliest_eligible_date
    best = closest(determination)
    count = len(frame.open_points(determination))
    facts = {
        "order": order.code or "order",
        "service_date": order.service_date.isoformat(),
        "first_eligible": "" if earliest is None else earliest.isoformat(),
        "indication": "" if best is None else best.id,
        "count": str(count),
        "primary": "",
        "next": _next(frame, determination),
    }
    pair = any(
        f.code == "secondary-diagnosis-missing" and f.severity == "warning"
        for f in determination.findings
    )
    match determination.status:
        case "not-covered":
            waits = waits_only(determination, frame.policy(determination))
            name = "not-covered-wait" if waits else "not-covered"
        case "covered":
            name = "covered-note"
        case _ if earliest is not None:
            freeing = exempt(determination, frame.policy(determination))
            binding = [w for w in determination.waiting_periods if w.applies]
            name = "conditional-wait"
            if any(w.certainty == "definite" for w in binding):
                if any(w.exception == "pacemaker" for w in binding):
                    name = "conditional-exception"
                elif freeing:
                    name = "conditional-exempt"
                    facts["indication"] = " or ".join(i.id for i in freeing)
        case _ if pair:
            name = "conditional-pair"
            facts["primary"] = determination.missing_secondary[0].primary
        case _:
            name = "conditional-one" if count == 1 else "conditional"
    return frame.wording.summary(name, facts)


def _next(frame: Frame, determination: Determination) -> str:
    """What to settle first: what failed, else the first that is open."""
    findings = _in_order(determination)
    failed = determination.status == "not-covered"
    first = next((f for f in findings if failed and f.code in _FAILURES), None)
    first = first or next(iter(findings), None)
    return "" if first is None else frame.wording.findings[first.code].short


def _in_order(determination: Determination) -> list[Finding]:
    """The findings as they are told: "no diagnosis was found" after that not all was seen."""
    findings = list(determination.findings)
    if any(f.code in NO_DIAGNOSIS for f in findings) and any(
        gap.kind == "not-fetched"
        for i in determination.indications
        for c in i.criteria
        for gap in c.gaps
    ):
        findings.sort(key=lambda f: f.code != "record-incomplete")
    return findings


def _indications(frame: Frame, determination: Determination) -> Iterator[str]:
    """Which indication is met, else which is closest."""
    shown = [i for i in determination.indications if i.id in determination.indications_met]
    name = "met"
    if not shown:
        best = closest(determination)
        shown, name = ([] if best is None else [best]), "open"
    for indication in shown:
        facts = {"indication": indication.id, "label": indication.label}
        yield frame.wording.detail(name, facts)
