"""Drugs, visits, documents, devices and plans as facts (rule 3, decision 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.chart import Fact, Kind
from defib_coverage.coverage.dates import read_date
from defib_coverage.fhir.reading import period_end, reference_of
from defib_coverage.fhir.references import tail
from defib_coverage.fhir.resources import Medication, MedicationRequest

if TYPE_CHECKING:
    from defib_coverage.coverage.dates import DateSpan
    from defib_coverage.fhir.reading import Reading
    from defib_coverage.fhir.resources import (
        Appointment,
        Device,
        DocumentReference,
        Encounter,
        MedicationStatement,
        ServiceRequest,
    )

_TAKEN = frozenset({"active", "completed"})
_NOT_TAKEN = frozenset({"draft", "cancelled", "intended", "not-taken", "entered-in-error"})
_ORDER_INTENTS = frozenset(
    {None, "order", "original-order", "reflex-order", "filler-order", "instance-order"},
)
_HELD = frozenset({"finished", "in-progress"})
_POSSIBLY_HELD = frozenset({"arrived", "triaged"})
_WITHDRAWN = frozenset({"superseded", "entered-in-error"})
_IN_PLACE = frozenset({None, "active"})
_WANTED = frozenset({"draft", "active", "on-hold"})
_BOOKED = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})


def read_medication(reading: Reading, resource: MedicationRequest | MedicationStatement) -> None:
    """A MedicationRequest or MedicationStatement."""
    matches = reading.vocabulary.matches(resource.medication_codeable_concept)
    if not matches and resource.medication_reference is not None:
        drug = reading.resolve(resource.contained, resource.medication_reference.reference)
        matches = reading.vocabulary.matches(drug.code) if isinstance(drug, Medication) else ()
    status = resource.status
    if not matches or status in _NOT_TAKEN:
        return
    ended = None
    if isinstance(resource, MedicationRequest):
        if resource.intent not in _ORDER_INTENTS or resource.do_not_perform:
            return
        when = read_date(resource.authored_on)
    else:
        when = read_date(resource.effective_date_time)
        if resource.effective_period is not None:
            when = read_date(resource.effective_period.start)
            ended = period_end(resource.effective_period)
    reading.file(
        matches,
        Fact(
            reference=reference_of(resource),
            kind=Kind.MEDICATION,
            confirmed=status in _TAKEN,
            current=status != "stopped",
            when=when,
            ended=ended if status in _TAKEN else None,
        ),
    )


def read_encounter(reading: Reading, resource: Encounter) -> None:
    """An Encounter, if it is a shared decision-making visit or its words say so."""
    if resource.status not in _HELD and resource.status not in _POSSIBLY_HELD:
        return
    matches = reading.visit_matches(resource.type)
    if not matches:
        for concept in (*resource.type, *resource.reason_code):
            if reading.vocabulary.speaks_of_visit(concept.text):
                break
        else:
            return
    fact = Fact(
        reference=reference_of(resource),
        kind=Kind.ENCOUNTER,
        confirmed=resource.status in _HELD,
        in_words=not matches,
        when=_visit_day(resource),
        clinician=reading.holder(matches, resource.contained, resource.participant),
    )
    reading.file_visit(matches, fact)


def _visit_day(resource: Encounter) -> DateSpan | None:
    period = resource.period
    return None if period is None else read_date(period.start) or read_date(period.end)


def read_document(reading: Reading, resource: DocumentReference) -> None:
    """A DocumentReference, if it documents a shared decision or its words say so."""
    if resource.status in _WITHDRAWN:
        return
    kind = resource.type
    matches = () if kind is None else reading.visit_matches((kind,))
    if not matches:
        speaks_of_visit = reading.vocabulary.speaks_of_visit
        text = None if kind is None else kind.text
        if not speaks_of_visit(resource.description) and not speaks_of_visit(text):
            return
    fact = Fact(
        reference=reference_of(resource),
        kind=Kind.DOCUMENT,
        in_words=not matches,
        when=read_date(resource.date),
        clinician=reading.holder(matches, resource.contained, resource.author),
    )
    reading.file_visit(matches, fact)


def read_device(reading: Reading, resource: Device) -> None:
    """A Device in use."""
    if resource.status in _IN_PLACE:
        fact = Fact(reference=reference_of(resource), kind=Kind.DEVICE)
        reading.file(reading.vocabulary.matches(resource.type), fact)


def read_request(reading: Reading, resource: ServiceRequest) -> None:
    """A ServiceRequest: something planned."""
    matches = reading.vocabulary.matches(resource.code)
    if matches and resource.status in _WANTED and not resource.do_not_perform:
        when = read_date(resource.occurrence_date_time)
        reading.file(
            matches,
            Fact(
                reference=reference_of(resource),
                kind=Kind.REQUEST,
                planned=True,
                when=when,
                recorded=read_date(resource.authored_on),
            ),
        )


def read_appointment(reading: Reading, resource: Appointment) -> None:
    """An Appointment: the booked day of an order, or something planned."""
    if resource.status not in _BOOKED:
        return
    when = read_date(resource.start)
    if when is not None and resource.status == "booked":
        for basis in resource.based_on:
            # Of several the first is the day of service.
            order = tail(basis.reference or "")
            known = reading.appointments.get(order, when)
            reading.appointments[order] = min(known, when, key=lambda span: span.low)
    fact = Fact(
        reference=reference_of(resource),
        kind=Kind.REQUEST,
        planned=True,
        when=when,
        recorded=read_date(resource.created),
    )
    planned = (*resource.service_type, *resource.reason_code)
    reading.file(reading.vocabulary.matches_any(planned), fact)
