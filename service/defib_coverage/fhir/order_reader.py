"""From the orders of a call to the orders of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from defib_coverage.coverage.chart import Fact, Hit, Kind
from defib_coverage.coverage.dates import DateSpan, read_date
from defib_coverage.coverage.orders import DeviceOrder, classify
from defib_coverage.fhir.references import is_id, tail
from defib_coverage.fhir.systems import alias_of, meant_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.fhir.references import PatientCheck
    from defib_coverage.fhir.resources import (
        CodeableConcept,
        Coding,
        Order,
        OrderConcept,
        Reference,
    )

JUDGED_TYPES = frozenset({"ServiceRequest", "DeviceRequest"})
_BILLING_OPTIONS = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
_UNWANTED = frozenset({"revoked", "entered-in-error"})


def read_order(
    order: Order,
    reference: str,
    index: CodeIndex,
    is_patient: PatientCheck,
    device: CodeableConcept | None = None,
) -> DeviceOrder:
    """Read one ServiceRequest or DeviceRequest.

    Args:
        order: the order as decoded.
        reference: its name.
        index: the value sets.
        is_patient: tells the patient of the call.
        device: the type of the Device that it names in place of a code, if that is at hand.
    """
    concept = order.code or order.code_codeable_concept
    own = [] if concept is None else concept.coding
    named = own if device is None else [*own, *device.coding]
    code = classify(_codings(named, concept), order.resource_type, index)
    first = named[0] if named else None
    occurrence, unread = _occurrence(order)
    return DeviceOrder(
        reference=reference,
        code=code,
        system=None if first is None else first.system,
        text=None if first is None else first.code,
        refusal=_refusal(order, is_patient),
        completed=order.status == "completed",
        occurrence=occurrence,
        authored=read_date(order.authored_on),
        reasons=() if code is None else _reasons(order.reason_code, reference, index),
        insurance=_coverages(order.insurance),
        unread=unread,
    )


def _refusal(
    order: Order,
    is_patient: PatientCheck,
) -> Literal["order-not-wanted", "order-of-other-patient"] | None:
    if order.do_not_perform or order.status in _UNWANTED:
        return "order-not-wanted"
    subject = order.subject
    # Draft orders are often poor: one without a subject belongs to the call's patient.
    if subject is not None and subject.reference is not None and not is_patient(subject):
        return "order-of-other-patient"
    return None


def reason_references(order: Order) -> tuple[str, ...]:
    """The Conditions that an order names as its reason."""
    return tuple([tail(r.reference) for r in order.reason_reference if r.reference is not None])


def _coverages(insurance: Iterable[Reference]) -> frozenset[str]:
    """The Coverages among what an order names as its insurance."""
    names: list[str] = []
    for one in insurance:
        name = tail(one.reference or "")
        kind, _, identifier = name.partition("/")
        if kind == "Coverage" and is_id(identifier):
            names.append(name)
    return frozenset(names)


def _codings(
    named: Sequence[Coding], concept: OrderConcept | None
) -> Iterable[tuple[str, str, str]]:
    """The codings that may be ours: what is ordered, then the billing options of CRD 2.2."""
    found = named
    for extension in () if concept is None else concept.extension:
        if extension.url == _BILLING_OPTIONS and extension.value_codeable_concept is not None:
            found = [*found, *extension.value_codeable_concept.coding]
    for coding in found:
        if coding.system is not None and coding.code is not None:
            alias = meant_by(coding.system, coding.code)
            if alias is not None:
                yield alias, coding.system, coding.code


def _reasons(
    concepts: Sequence[CodeableConcept],
    reference: str,
    index: CodeIndex,
) -> tuple[tuple[str, Hit], ...]:
    """The diagnoses on the order: claim codes dated as the order, no evidence by themselves."""
    if not concepts:
        return ()
    found: list[tuple[str, Hit]] = []
    fact = Fact(reference=reference, kind=Kind.ORDER_REASON)
    for concept in concepts:
        for coding in concept.coding:
            alias = alias_of(coding.system or "")
            if alias is None or coding.code is None:
                continue
            matches = index.find(alias, coding.code)
            found += [(match.value_set, Hit(fact, match.entry)) for match in matches]
    return tuple(found)


def _occurrence(order: Order) -> tuple[DateSpan | None, tuple[str, ...]]:
    """The day of the order, and the member that should name it and cannot be read."""
    period, timing = order.occurrence_period, order.occurrence_timing
    if order.occurrence_date_time is not None:
        member, text = "occurrenceDateTime", order.occurrence_date_time
    elif period is not None and period.start is not None:
        member, text = "occurrencePeriod", period.start
    elif timing is not None and timing.event:
        member, text = "occurrenceTiming", timing.event[0]
    else:
        return None, ()
    day = read_date(text)
    return day, () if day is not None else (member,)
