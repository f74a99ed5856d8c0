"""What an order of a code is judged by, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage.codes import OrderClass

if TYPE_CHECKING:
    from defib_coverage.coverage.codes import Match
    from defib_coverage.coverage.policy import OrderRule, PolicyVersion
    from defib_coverage.explaining.viewpoint import KnownCode, Viewpoint

# The systems that orders are coded in.
ORDER_SYSTEMS = ("cpt", "hcpcs", "icd10pcs", "snomed")
# none: the system codes no orders; silent: no card; diagnosis: only the diagnoses are looked at;
# full: every criterion of an indication.
Judged = Literal["none", "silent", "diagnosis", "full"]


class OrderEffect(msgspec.Struct, frozen=True, rename="camel"):
    """What the code does in an order.

    ``order_class`` and ``resource`` (the only FHIR type that orders it, None for any) are those of
    the order codes; ``indications`` are those of which one must be met; ``needs_device`` says that
    it is judged only where a defibrillator is in place or ordered beside it.
    ``effective`` is false on a day on which the order code is not in force.
    """

    judged: Judged
    text: str
    order_class: OrderClass | None = None
    resource: str | None = None
    indications: tuple[str, ...] = ()
    needs_device: bool = False
    effective: bool = True


def order_effect(known: KnownCode, view: Viewpoint) -> OrderEffect:
    """What a code does in an order for a service on the day of the view."""
    if known.system not in ORDER_SYSTEMS:
        return OrderEffect("none", _as_reason(known.system))
    for match in known.matches:
        value_set = view.index.value_sets[match.value_set]
        order_class = value_set.order_class
        if order_class is None:
            continue
        rule = view.version.orders[order_class]
        return OrderEffect(
            judged="diagnosis" if rule.diagnosis_support else "full",
            text=_judged(match, order_class, view),
            order_class=order_class,
            resource=value_set.resource,
            indications=rule.indications,
            needs_device=match.entry.shared,
            effective=match.entry.in_force(view.day),
        )
    return OrderEffect(
        "silent",
        "Silent: it orders no defibrillator service of the article; an order of it gets no card.",
    )


def effect_of(rule: OrderRule, version: PolicyVersion) -> str:
    """What an order of a class is judged by."""
    if rule.diagnosis_support:
        return (
            "needs a listed diagnosis that stands alone, or a complete pair; no waiting period, no "
            "LVEF, no shared decision-making."
        )
    asked = ", ".join(version.criteria[name].label.lower() for name in rule.always)
    needs = ", ".join(rule.indications)
    one_of = "one of " if len(rule.indications) > 1 else ""
    return f"needs {one_of}{needs}; and beside it: {asked}."


def _as_reason(system: str) -> str:
    if system == "icd10cm":
        return (
            "It is no order code. As the reason for an order it counts as a diagnosis of the day "
            "of the order."
        )
    return "It is no order code."


def _judged(match: Match, order_class: OrderClass, view: Viewpoint) -> str:
    rule = view.version.orders[order_class]
    sentences = [f"Class {order_class}: it {effect_of(rule, view.version)}"]
    if order_class in {"initial-implant", "generator-only"}:
        sentences.append(
            "Beside a defibrillator already in place it may be met as an exchange (B6)."
        )
    if order_class == "lead-only":
        sentences.append("Beside an implant of the same call it stands or falls with the implant.")
    if rule.finding is not None:
        sentences.append(view.wording.findings[rule.finding].text)
    elif match.entry.shared:
        sentences.append("It also serves pacemakers: silent where no defibrillator is evidenced.")
    if not match.entry.in_force(view.day):
        sentences.append(
            f"It is not in force on {view.day}: an order for that day is judged all the same and "
            "told so (order-code-not-effective)."
        )
    return " ".join(sentences)
