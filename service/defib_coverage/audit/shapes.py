"""The lean shapes that a line of an export is decoded to: whose it is, and the codes of orders."""

from __future__ import annotations

from typing import Union

import msgspec

from defib_coverage.fhir.resources import TYPE_NAMES, CodeableConcept, OrderConcept


class Subject(msgspec.Struct, gc=False):
    """A reference: to whom a record is about, or to a device."""

    reference: str | None = None


class Head(msgspec.Struct, tag_field="resourceType", gc=False):
    """What every line has: its type."""


class Patient(Head, tag="Patient"):
    """A Patient."""

    id: str | None = None


class Record(Head):
    """A record with a subject."""

    subject: Subject | None = None


class Held(Head):
    """A record whose subject is its patient."""

    subject: Subject | None = msgspec.field(name="patient", default=None)


class Coverage(Head, tag="Coverage"):
    """A Coverage; its subject is the beneficiary."""

    subject: Subject | None = msgspec.field(name="beneficiary", default=None)


class Done(Record):
    """What is asked for or done, with its code."""

    code: OrderConcept | None = None


class Request(Record, tag="DeviceRequest"):
    """A DeviceRequest: by code, or by the Device that it names."""

    code: OrderConcept | None = msgspec.field(name="codeCodeableConcept", default=None)
    device: Subject | None = msgspec.field(name="codeReference", default=None)


class SubDetail(msgspec.Struct, gc=False):
    """What a line below a line of a bill bills."""

    code: CodeableConcept | None = msgspec.field(name="productOrService", default=None)


class Detail(SubDetail, rename="camel", gc=False):
    """A line below a line of a bill."""

    sub_detail: list[SubDetail] = []


class Item(SubDetail, gc=False):
    """A line of a bill."""

    detail: list[Detail] = []


class Billed(msgspec.Struct, gc=False):
    """A procedure in the head of a bill."""

    code: CodeableConcept | None = msgspec.field(name="procedureCodeableConcept", default=None)


class Bill(Head):
    """A Claim or ExplanationOfBenefit."""

    subject: Subject | None = msgspec.field(name="patient", default=None)
    item: list[Item] = []
    add_item: list[Item] = msgspec.field(name="addItem", default_factory=list)
    procedure: list[Billed] = []


class Participant(msgspec.Struct, gc=False):
    """Who takes part in an appointment."""

    actor: Subject | None = None


class Appointment(Head, tag="Appointment"):
    """An Appointment."""

    participant: list[Participant] = []


class Shared(Head):
    """What records of many patients point at."""


class Unread(Head):
    """Of a type that the rules do not read."""


class Bundle(Head, tag="Bundle"):
    """A Bundle."""


def _of(base: type, *names: str) -> tuple[type, ...]:
    return tuple(msgspec.defstruct(name, [], bases=(base,), tag=name, gc=False) for name in names)


_RECORDS = _of(
    Record,
    *("Condition", "Observation", "MedicationRequest", "MedicationStatement"),
    *("Encounter", "DocumentReference"),
)
HELD = _of(Held, "Device")
"""The shapes of devices."""
_DONE = _of(Done, "Procedure", "ServiceRequest")
_BILLS = _of(Bill, "Claim", "ExplanationOfBenefit")
_SHARED = _of(Shared, "Practitioner", "PractitionerRole", "Medication", "Organization")
_KNOWN = (
    *(Patient, Coverage, Request, Appointment, Bundle),
    *(*_RECORDS, *HELD, *_DONE, *_BILLS, *_SHARED),
)
_NAMED = {kind.__struct_config__.tag for kind in _KNOWN}  # type: ignore[attr-defined]
_OTHERS = _of(Unread, *sorted(TYPE_NAMES - _NAMED))
RECORD_TYPES = frozenset(
    str(kind.__struct_config__.tag)  # type: ignore[attr-defined]
    for kind in (Patient, Coverage, Request, Appointment, *_RECORDS, *HELD, *_DONE, *_BILLS)
)
"""The types of records of a patient that an audit keeps."""
ORDER_TYPES = frozenset(
    {"ServiceRequest", "DeviceRequest", "Procedure", "Claim", "ExplanationOfBenefit"}
)
"""The types that orders are told by."""
decode = msgspec.json.Decoder(Union[_KNOWN + _OTHERS]).decode  # noqa: UP007 - made of a list
"""Decodes a line to its shape."""
PLAIN = frozenset(_RECORDS + HELD + (Coverage,))
"""The shapes that say no more than whose they are."""
