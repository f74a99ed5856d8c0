"""The verdict card: what the policy says of one order, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.content import Content
from defib_coverage.hooks.cards.points import NO_DIAGNOSIS, unique
from defib_coverage.hooks.cards.text import bullet, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determination import Determination, Finding, IndicationResult
    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.response import Card

_PAIR = "secondary-diagnosis-missing"
# They have cards of their own beside the verdict.
_OWN_CARDS = frozenset({_PAIR, "waiting-period-open"})
# What decides against coverage rather than leaving it open.
_FAILURES = frozenset(
    {"lvef-too-high", "nyha-not-allowed", "not-clinically-stable", "brain-damage"},
)


def verdict_card(frame: Frame, subject: Subject) -> Card:
    """The card of one order that is not covered, or has something to mind."""
    found = subject.found
    order = found.order
    findings = _in_order(subject)
    closest = subject.closest()
    day = order.service_date.isoformat()
    facts = {
        "label": frame.label(subject),
        "code": plain(order.code or ""),
        "service_date": day,
        "reason": frame.wording.labels[order.service_date_basis],
    }
    lines = [frame.wording.detail("order", facts), *_indications(frame, found, closest)]
    parts = ["\n".join(lines)]
    told = [bullet(f) for f in findings if f.code not in _OWN_CARDS]
    if told:
        parts.append("\n".join(told))
    tips = _tips(frame, subject)
    if tips:
        parts.append("\n".join((frame.stock.details["tips"], *tips)))
    basis = {"label": subject.outlook.policy.citation, "service_date": day}
    parts.append(frame.wording.detail("basis", basis))
    earliest = found.earliest_eligible_date
    facts = {
        "order": order.code or "order",
        "service_date": day,
        "first_eligible": "" if earliest is None else earliest.isoformat(),
        "indication": "" if closest is None else closest.id,
        "count": str(len(subject.asks)),
        "primary": "",
        "next": _next(frame, found, findings),
    }
    content = Content(
        topic="appropriate-use",
        indicator="warning" if subject.warned or found.status == "not-covered" else "info",
        summary=_summary(frame, subject, facts),
        parts=parts,
    )
    return frame.card(content, [subject])


def _tips(frame: Frame, subject: Subject) -> list[str]:
    """What to mind on the claim, for the codes that it would rest on."""
    tips = frame.wording.tips
    code = subject.found.order.code
    codes = [code] if code in tips else []
    codes += [
        e.code for i in subject.candidates for c in i.criteria for e in c.evidence if e.code in tips
    ]
    codes += [e.code for f in subject.found.findings for e in f.evidence if e.code in tips]
    return [f"- {tips[code]}" for code in unique(codes)]


def _summary(frame: Frame, subject: Subject, facts: dict[str, str]) -> str:
    """The summary with the ``facts`` that all have; some have one of their own."""
    found = subject.found
    match found.status:
        case "not-covered":
            name = "not-covered-wait" if subject.outlook.waits_only(found) else "not-covered"
        case "covered":
            name = "covered-note"
        case _ if found.earliest_eligible_date is not None:
            freeing = subject.exempt()
            binding = [w for w in found.waiting_periods if w.applies]
            name = "conditional-wait"
            if any(w.certainty == "definite" for w in binding):
                if any(w.exception == "pacemaker" for w in binding):
                    name = "conditional-exception"
                elif freeing:
                    name = "conditional-exempt"
                    facts["indication"] = " or ".join(i.id for i in freeing)
        case _ if _PAIR in subject.warned:
            name = "conditional-pair"
            facts["primary"] = found.missing_secondary[0].primary
        case _:
            name = "conditional-one" if len(subject.asks) == 1 else "conditional"
    return frame.wording.summary(name, facts)


def _next(frame: Frame, found: Determination, findings: Sequence[Finding]) -> str:
    """What to settle first: what failed, else the first that is open."""
    if not findings:
        return ""
    first = findings[0]
    if found.status == "not-covered":
        first = next((f for f in findings if f.code in _FAILURES), first)
    return frame.wording.findings[first.code].short


def _in_order(subject: Subject) -> Sequence[Finding]:
    """The findings as they are told: "no diagnosis was found" after that not all was seen."""
    found = subject.found
    if NO_DIAGNOSIS.isdisjoint(subject.codes) or not any(
        gap.kind == "not-fetched" for i in found.indications for c in i.criteria for gap in c.gaps
    ):
        return found.findings
    return sorted(found.findings, key=lambda f: f.code != "record-incomplete")


def _indications(frame: Frame, found: Determination, closest: IndicationResult | None) -> list[str]:
    """Which indication is met, else which is closest."""
    shown = [i for i in found.indications if i.id in found.indications_met]
    name = "met"
    if not shown:
        shown, name = ([] if closest is None else [closest]), "open"
    return [frame.wording.detail(name, {"indication": i.id, "label": i.label}) for i in shown]
