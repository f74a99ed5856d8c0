"""What a code is for each indication, and which codes a claim must carry together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from defib_coverage.explaining.fact_models import Companions, IndicationPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defib_coverage.coverage.codes import Match
    from defib_coverage.coverage.policy import EventName
    from defib_coverage.explaining.order_effect import OrderEffect
    from defib_coverage.explaining.part_words import PartRole
    from defib_coverage.explaining.policy_parts import PolicyPart
    from defib_coverage.explaining.viewpoint import KnownCode, Viewpoint


def indication_parts(
    known: KnownCode, parts: Sequence[PolicyPart], order: OrderEffect, view: Viewpoint
) -> tuple[IndicationPart, ...]:
    """What a code is for each indication, in the order of the policy, once for each role.

    Args:
        known: the code.
        parts: the rules that read it.
        order: what it does in an order.
        view: the policy of the day.
    """
    found: dict[tuple[str, PartRole, EventName | None], IndicationPart] = {}
    for match in known.matches:
        if view.index.value_sets[match.value_set].order_class is not None:
            for name in order.indications:
                found[name, "order", None] = _ordered(name, match, order, view)
    for part in parts:
        match = next(m for m in known.matches if m.value_set in part.value_sets)
        for name in part.indications:
            if part.role is not None and (name, part.role, part.event) not in found:
                made = _part(name, part, match, view)
                found[name, part.role, part.event] = made
    return tuple(
        part
        for name in view.version.indications
        for (owner, *_), part in found.items()
        if owner == name
    )


def _part(indication: str, part: PolicyPart, match: Match, view: Viewpoint) -> IndicationPart:
    role = part.role or "evidence"
    entry = match.entry
    # The days bind what stands on a claim or is ordered; a chart speaks of any day.
    is_dated = role in {"primary", "required-secondary"}
    is_companion = role == "required-secondary"
    return IndicationPart(
        indication=indication,
        label=view.version.indications[indication].label,
        role=role,
        cite=part.cite,
        first_day=entry.start if is_dated else None,
        last_day=entry.until if is_dated else None,
        in_force=entry.in_force(view.day) if is_dated else True,
        strength=entry.strength,
        primaries=_primaries(indication, match, view) if is_companion else (),
        event=part.event,
    )


def _ordered(indication: str, match: Match, order: OrderEffect, view: Viewpoint) -> IndicationPart:
    return IndicationPart(
        indication=indication,
        label=view.version.indications[indication].label,
        role="order",
        cite=view.index.value_sets[match.value_set].cite,
        first_day=match.entry.start,
        last_day=match.entry.until,
        in_force=match.entry.in_force(view.day),
        strength=match.entry.strength,
        order_class=order.order_class,
    )


def _primaries(indication: str, match: Match, view: Viewpoint) -> tuple[str, ...]:
    """The claim diagnoses of an indication whose companion a code is."""
    criteria = view.version.indications[indication].all_of
    return tuple(
        entry.code
        for name, pairing in view.version.pairings()
        if name in criteria and pairing.partners == match.value_set
        for entry in view.index.value_sets[pairing.primaries].codes
    )


def pairs_of(
    known: KnownCode, side: Literal["primaries", "partners"], view: Viewpoint
) -> Iterator[Companions]:
    """The pairs that a claim must carry, with a code at one side of them.

    Args:
        known: the code.
        side: the side that it is looked for at; the codes of the other side are told.
        view: the policy of the day, and the codes in force on it.
    """
    for name, pairing in view.version.pairings():
        sides = {"primaries": pairing.primaries, "partners": pairing.partners}
        if sides.pop(side) not in known.held:
            continue
        (other,) = sides.values()
        for indication, rule in view.version.indications.items():
            if name in rule.all_of:
                yield Companions(
                    indication=indication,
                    codes=view.index.codes_in_force(other, view.day),
                    cite=pairing.cite,
                    notice_until=pairing.notice_until,
                )
