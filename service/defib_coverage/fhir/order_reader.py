"""From the orders of a call to the orders of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from defib_coverage.coverage.chart import Fact, Hit, Kind
from defib_coverage.coverage.dates import DateSpan, read_date
from defib_coverage.coverage.orders import DeviceOrder, classify
from defib_coverage.fhir.references import is_id, tail
from defib_coverage.fhir.systems import alias_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.fhir.references import PatientCheck
    from defib_coverage.fhir.resources import CodeableConcept, Coding, Order, OrderConcept

JUDGED_TYPES = frozenset({"ServiceRequest", "DeviceRequest"})
_BILLING_OPTIONS = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
_UNWANTED = frozenset({"revoked", "entered-in-error"})


def read_order(
    order: Order,
    position: int,
    index: CodeIndex,
    is_patient: PatientCheck,
    device: CodeableConcept | None = None,
) -> DeviceOrder:
    """Read one ServiceRequest or DeviceRequest.

    Args:
        order: the order as decoded.
        position: its place in the Bundle, which names an order without an id that may be repeated.
        index: the value sets.
        is_patient: tells the patient of the call.
        device: the type of the Device that it names in place of a code, if that is at hand.
    """
    concept = order.code or order.code_codeable_concept
    own = [] if concept is None else concept.coding
    named = own if device is None else [*own, *device.coding]
    codings = list(_codings(named, concept))
    code = classify(
        [(alias, c.system or "", c.code or "") for alias, c in codings],
        order.resource_type,
        index,
    )
    first = named[0] if named else None
    identifier = order.id if is_id(order.id) else f"entry-{position}"
    reference = f"{order.resource_type}/{identifier}"
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
        reasons=tuple(_reasons(order.reason_code, reference, index)) if code is not None else (),
        insurance=frozenset(_coverages(order)),
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
    return tuple(tail(r.reference) for r in order.reason_reference if r.reference is not None)


def _coverages(order: Order) -> Iterable[str]:
    """The Coverages among what an order names as its insurance."""
    for one in order.insurance:
        name = tail(one.reference or "")
        kind, _, identifier = name.partition("/")
        if kind == "Coverage" and is_id(identifier):
            yield name


def _codings(named: Sequence[Coding], concept: OrderConcept | None) -> Iterable[tuple[str, Coding]]:
    """The codings that may be ours: what is ordered, then the billing options of CRD 2.2."""
    found = list(named)
    for extension in () if concept is None else concept.extension:
        if extension.url == _BILLING_OPTIONS and extension.value_codeable_concept is not None:
            found += extension.value_codeable_concept.coding
    for coding in found:
        if coding.system is not None and coding.code is not None:
            alias = alias_of(coding.system)
            if alias is not None:
                yield alias, coding


def _reasons(
    concepts: Sequence[CodeableConcept],
    reference: str,
    index: CodeIndex,
) -> Iterable[tuple[str, Hit]]:
    """The diagnoses on the order: claim codes dated as the order, no evidence by themselves."""
    fact = Fact(reference=reference, kind=Kind.ORDER_REASON)
    for concept in concepts:
        for coding in concept.coding:
            alias = alias_of(coding.system or "")
            if alias is None or coding.code is None:
                continue
            for match in index.find(alias, coding.code):
                yield match.value_set, Hit(fact, match.entry)


def _occurrence(order: Order) -> tuple[DateSpan | None, tuple[str, ...]]:
    """The day of the order, and the member that should name it and cannot be read."""
    period, timing = order.occurrence_period, order.occurrence_timing
    for member, text in (
        ("occurrenceDateTime", order.occurrence_date_time),
        ("occurrencePeriod", None if period is None else period.start),
        ("occurrenceTiming", None if timing is None or not timing.event else timing.event[0]),
    ):
        if text is not None:
            day = read_date(text)
            return day, () if day is not None else (member,)
    return None, ()
