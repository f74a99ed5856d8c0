"""Orders as a suggestion changes them: a diagnosis more, another day; and the visit to order.

What is not meant to change keeps its text.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.coverage.codes import normalise
from defib_coverage.coverage.dates import read_date
from defib_coverage.fhir.amend import Amendable, amend, items, members
from defib_coverage.fhir.raw import BAD
from defib_coverage.fhir.references import tail
from defib_coverage.fhir.resources import CodeableConcept, Period
from defib_coverage.fhir.systems import SYSTEM_URIS, alias_of
from defib_coverage.hooks.response import Coding

if TYPE_CHECKING:
    from collections.abc import Collection

WHO_ORDERS = frozenset({"Practitioner", "PractitionerRole"})
"""Who may be the requester of an order of CRD's profile."""
_ENCOUNTERS = frozenset({"Encounter"})
_DIAGNOSES = "icd10cm"


class _Concept(msgspec.Struct, frozen=True, omit_defaults=True):
    coding: tuple[Coding, ...]
    text: str | None = None


class _Reference(msgspec.Struct, frozen=True):
    reference: str


class _Literal(msgspec.Struct):
    """A reference as far as it tells whether it can be copied to another resource."""

    reference: str = ""


class _Told(msgspec.Struct):
    """Where an order tells of its setting."""

    requester: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    encounter: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Setting(NamedTuple):
    """Who gives an order, and during which encounter: references as JSON."""

    requester: msgspec.Raw | None
    encounter: msgspec.Raw | None


class _VisitOrder(
    msgspec.Struct, frozen=True, rename="camel", tag_field="resourceType", tag="ServiceRequest"
):
    """A draft ServiceRequest; the EHR gives it its id."""

    status: str
    intent: str
    code: _Concept
    subject: _Reference
    encounter: msgspec.Raw | msgspec.UnsetType
    authored_on: date
    requester: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_decode_concept = msgspec.json.Decoder(CodeableConcept).decode
_decode_period = msgspec.json.Decoder(Period).decode
_decode_told = msgspec.json.Decoder(_Told).decode
_decode_literal = msgspec.json.Decoder(_Literal).decode


def with_reason(order: msgspec.Raw, code: str, display: str | None) -> msgspec.Raw | None:
    """The order with an ICD-10-CM code more among its reasons; None where they are no list."""
    amendable = Amendable(order)
    reasons = amendable.items("reasonCode")
    if reasons is None:
        return None
    coding = Coding(SYSTEM_URIS[_DIAGNOSES][0], code, display)
    return amendable.amended({"reasonCode": _encode([*reasons, _Concept((coding,))])})


def with_successor(
    order: msgspec.Raw, retired: Collection[str], code: str, display: str | None
) -> msgspec.Raw | None:
    """The order with an ICD-10-CM code in the place of retired ones; None where none stands."""
    amendable = Amendable(order)
    reasons = amendable.items("reasonCode")
    if reasons is None:
        return None
    changes = {
        "code": _encode(code),
        "display": None if display is None else _encode(display),
    }
    found = [_succeeded(reason, retired, changes) for reason in reasons]
    if found == reasons:
        return None
    return amendable.amended({"reasonCode": _encode(found)})


def _succeeded(
    reason: msgspec.Raw, retired: Collection[str], changes: dict[str, bytes | None]
) -> msgspec.Raw:
    """A reason with its retired codings changed."""
    stands = [
        coding.code is not None
        and alias_of(coding.system or "") == _DIAGNOSES
        and normalise(_DIAGNOSES, coding.code) in retired
        for coding in _decode_concept(reason).coding
    ]
    if not any(stands):
        return reason
    codings = items(members(reason).get("coding")) or []
    changed = [
        amend(coding, changes) if here else coding
        for coding, here in zip(codings, stands, strict=True)
    ]
    return amend(reason, {"coding": _encode(changed)})


def on_day(order: msgspec.Raw, day: date) -> msgspec.Raw:
    """The order for a day; a period that lasts until then or longer begins on it."""
    amendable = Amendable(order)
    period = amendable.members.get("occurrencePeriod")
    text = _encode(day)
    changes: dict[str, bytes | None] = dict.fromkeys(
        ("occurrenceDateTime", "_occurrenceDateTime", "occurrencePeriod", "occurrenceTiming")
    )
    if period is not None and _lasts_until(period, day):
        changes["occurrencePeriod"] = bytes(amend(period, {"start": text, "_start": None}))
    else:
        changes["occurrenceDateTime"] = text
    return amendable.amended(changes)


def _lasts_until(period: msgspec.Raw, day: date) -> bool:
    """Whether a period can be read and does not end before a day."""
    try:
        read = _decode_period(period)
    except BAD:
        return False
    start, end = read_date(read.start), read_date(read.end)
    unread = (read.start is not None and start is None) or (read.end is not None and end is None)
    return not unread and (end is None or end.high >= day)


def setting_of(order: msgspec.Raw) -> Setting:
    """Who gives an order during which encounter; not what only the order contains."""
    told = _decode_told(order)
    return Setting(_literal(told.requester, WHO_ORDERS), _literal(told.encounter, _ENCOUNTERS))


def _literal(value: msgspec.Raw | msgspec.UnsetType, kinds: Collection[str]) -> msgspec.Raw | None:
    """A reference to a resource of some type that means the same in another resource.

    Without the white space that it may have between its parts.
    """
    if value is msgspec.UNSET:
        return None
    try:
        kind, _, identifier = tail(_decode_literal(value).reference).partition("/")
    except BAD:
        return None
    if kind not in kinds or not identifier:
        return None
    return msgspec.Raw(msgspec.json.format(value, indent=-1))


def reference_to(reference: str) -> msgspec.Raw:
    """A reference as JSON."""
    return msgspec.Raw(_encode(_Reference(reference)))


def visit_order(  # noqa: PLR0913 - what an order is made of
    patient_id: str,
    code: Coding,
    text: str,
    authored_on: date,
    *,
    requester: msgspec.Raw,
    encounter: msgspec.Raw | None,
) -> msgspec.Raw:
    """The draft order of a shared decision-making visit.

    Args:
        patient_id: for whom.
        code: what is ordered.
        text: the same in words.
        authored_on: the day of the call.
        requester: who orders it.
        encounter: during which visit it is ordered, where that is known.
    """
    order = _VisitOrder(
        status="draft",
        intent="order",
        code=_Concept((code,), text),
        subject=_Reference(f"Patient/{patient_id}"),
        encounter=msgspec.UNSET if encounter is None else encounter,
        authored_on=authored_on,
        requester=requester,
    )
    return msgspec.Raw(_encode(order))
