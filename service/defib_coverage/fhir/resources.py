"""The one lean shape that every FHIR resource is decoded into: only the fields the rules read.

Unread fields are skipped, which is what makes reading a chart cheap. Fields that have another JSON
type in another resource type are unions, so that no resource of R4 fails for being what it is.
"""

from __future__ import annotations

import msgspec


class Coding(msgspec.Struct, gc=False):
    """FHIR Coding."""

    system: str | None = None
    code: str | None = None


class CodeableConcept(msgspec.Struct, gc=False):
    """FHIR CodeableConcept."""

    coding: list[Coding] = []
    text: str | None = None


class Reference(msgspec.Struct, gc=False):
    """FHIR Reference."""

    reference: str | None = None
    display: str | None = None
    identifier: Identifier | None = None


class Identifier(msgspec.Struct, gc=False):
    """FHIR Identifier."""

    system: str | None = None
    value: str | None = None


class Period(msgspec.Struct, gc=False):
    """FHIR Period."""

    start: str | None = None
    end: str | None = None


class Amount(msgspec.Struct, gc=False):
    """FHIR Quantity (and Age)."""

    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None
    system: str | None = None


class Range(msgspec.Struct, gc=False):
    """FHIR Range."""

    low: Amount | None = None
    high: Amount | None = None


class Timing(msgspec.Struct, gc=False):
    """FHIR Timing."""

    event: list[str] = []


class Qualification(msgspec.Struct, gc=False):
    """Practitioner.qualification."""

    code: CodeableConcept | None = None


class Performer(msgspec.Struct, gc=False):
    """A performer or participant: a reference itself, or one that holds it."""

    reference: str | None = None
    actor: Reference | None = None
    individual: Reference | None = None


class CoverageClass(msgspec.Struct, gc=False):
    """Coverage.class."""

    name: str | None = None
    value: str | None = None


class Value(msgspec.Struct, rename="camel"):
    """The value[x] of an Observation or of one of its components."""

    code: CodeableConcept | str | list[CodeableConcept] | None = None
    value_quantity: Amount | None = None
    value_range: Range | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_integer: int | None = None
    value_boolean: bool | None = None


class Search(msgspec.Struct, gc=False):
    """Bundle.entry.search."""

    mode: str | None = None


class Link(msgspec.Struct, gc=False):
    """Bundle.link."""

    relation: str | None = None


class Resource(msgspec.Struct, rename="camel"):
    """Any FHIR resource, a Bundle included."""

    resource_type: str = ""
    id: str | None = None
    # who it is about
    subject: Reference | list[Reference] | None = None
    patient: Reference | None = None
    beneficiary: Reference | None = None
    # what it says
    status: str | None = None
    intent: str | None = None
    code: CodeableConcept | str | list[CodeableConcept] | None = None
    clinical_status: CodeableConcept | str | None = None
    verification_status: CodeableConcept | str | None = None
    type: CodeableConcept | str | list[CodeableConcept] | None = None
    do_not_perform: bool | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    description: str | CodeableConcept | None = None
    method: CodeableConcept | str | list[CodeableConcept] | None = None
    value_quantity: Amount | None = None
    value_range: Range | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_integer: int | None = None
    value_boolean: bool | None = None
    component: list[Value] = []
    # when
    onset_date_time: str | None = None
    onset_period: Period | None = None
    onset_age: Amount | None = None
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    recorded_date: str | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    authored_on: str | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None
    date: str | None = None
    period: Period | float | list[Period] | None = None
    start: str | None = None
    birth_date: str | None = None
    # with what
    encounter: Reference | list[Reference] | None = None
    based_on: list[Reference] | Reference | None = None
    participant: list[Performer] | Performer | None = None
    performer: list[Performer] | Performer | None = None
    author: list[Performer] | Performer | str | None = None
    practitioner: Reference | list[Reference] | None = None
    qualification: list[Qualification] | Qualification | str | None = None
    payor: list[Reference] | None = None
    class_: Coding | list[CoverageClass] | str | None = msgspec.field(name="class", default=None)
    service_type: CodeableConcept | list[CodeableConcept] | None = None
    reason_code: list[CodeableConcept] | CodeableConcept | None = None
    contained: list[Resource] = []
    # a Bundle
    total: int | Link | list[Link] | None = None
    link: list[Link] | str = []
    entry: list[Entry] = []


class Entry(msgspec.Struct, rename="camel"):
    """Bundle.entry."""

    full_url: str | None = None
    resource: Resource | None = None
    search: Search | None = None


class Extension(msgspec.Struct, rename="camel"):
    """An extension, as far as orders are read."""

    url: str | None = None
    value_codeable_concept: CodeableConcept | None = None


class OrderConcept(msgspec.Struct):
    """The code of an order, with the billing options that CRD 2.2 may add."""

    coding: list[Coding] = []
    text: str | None = None
    extension: list[Extension] = []


class Order(msgspec.Struct, rename="camel"):
    """A ServiceRequest or DeviceRequest of the call."""

    resource_type: str
    id: str | None = None
    status: str | None = None
    do_not_perform: bool | None = None
    code: OrderConcept | None = None
    code_codeable_concept: OrderConcept | None = None
    subject: Reference | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None
    authored_on: str | None = None
    reason_code: list[CodeableConcept] = []
    reason_reference: list[Reference] = []


def concepts(value: CodeableConcept | str | list[CodeableConcept] | None) -> list[CodeableConcept]:
    """The concepts of a field that may hold one, several, or something else."""
    if isinstance(value, CodeableConcept):
        return [value]
    if isinstance(value, list):
        return value
    return []
