"""The orders of a call: drafted in it, or named by it and sent along or read."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.dates import DateSpan, read_date
from defib_coverage.coverage.orders import DeviceOrder
from defib_coverage.errors import RequestError
from defib_coverage.fhir.fetching import WORDS
from defib_coverage.fhir.order_reader import JUDGED_TYPES, read_order, reason_references
from defib_coverage.fhir.raw import (
    RawBundle,
    RawEntry,
    decode_order,
    decode_resource,
    name_of,
)
from defib_coverage.fhir.references import PatientCheck, tail
from defib_coverage.fhir.resources import Appointment, OrderConcept, Resource
from defib_coverage.fhir.resources import Order as FhirOrder
from defib_coverage.hooks.request import Decoded
from defib_coverage.hooks.wire import raw_resources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.fhir.fetching import Fetched

NO_SERVER = "no usable fhirServer"


class Ordered(msgspec.Struct, frozen=True):
    """One order of a call, as the core sees it and as it came.

    ``text`` is the order as JSON, None for one that cannot be changed: an Appointment that stands
    in for an order, and what has no id.
    """

    order: DeviceOrder
    reasons: tuple[str, ...] = ()
    resource: Resource | None = None
    text: msgspec.Raw | None = None


class CallOrders:
    """Finds the orders of one call."""

    def __init__(self, decoded: Decoded, index: CodeIndex) -> None:
        """Look in a call, by the codes of ``index``."""
        self._decoded = decoded
        self._index = index
        self._known: dict[str, msgspec.Raw] = {}
        self._failures: Mapping[str, str] = {}
        self._read: dict[str, Ordered | None] = {}
        if decoded.request.hook in {"order-dispatch", "appointment-book"}:
            self._known = _orders_in_prefetch(decoded)

    def wanted(self) -> tuple[str, ...]:
        """The orders that the call names and does not bring, by reference."""
        context = self._decoded.request.context
        named = [tail(reference) for reference in context.dispatched_orders or ()]
        for entry in (context.appointments or RawBundle()).entry:
            appointment = decode_resource(entry.resource)
            if isinstance(appointment, Appointment):
                named += [tail(basis.reference or "") for basis in appointment.based_on]
        return tuple(
            name for name in dict.fromkeys(named) if name not in self._known and _is_order(name)
        )

    def take(self, fetched: Mapping[str, Fetched]) -> None:
        """Take orders that were read, each by the reference that it was read by."""
        for reference, one in fetched.items():
            for entry in one.texts:
                # A server that answers with something else has not answered.
                if "/".join(map(str, name_of(entry.resource))) == reference:
                    self._known[reference] = entry.resource
        self._failures = {r: WORDS[f.cause] for r, f in fetched.items() if f.cause is not None}

    def orders(self) -> list[Ordered]:
        """The orders, in the order of the call.

        Raises:
            RequestError: 400 where the call contradicts itself, 412 where an order that it names
                could not be had.
        """
        context = self._decoded.request.context
        match self._decoded.request.hook:
            case "order-dispatch":
                return self._dispatched(context.dispatched_orders or [])
            case "appointment-book":
                return self._booked(context.appointments or RawBundle())
            case hook:
                bundle = context.draft_orders or RawBundle()
                selected = context.selections if hook == "order-select" else None
                return self._drafted(bundle, selected)

    def _drafted(
        self,
        bundle: RawBundle,
        selections: list[str] | None,
    ) -> list[Ordered]:
        """The orders of draftOrders; for order-select only the selected ones."""
        chosen = None if selections is None else {tail(s) for s in selections}
        found: list[Ordered] = []
        seen: set[str] = set()
        for position, entry in enumerate(bundle.entry):
            one = self._one(entry, position)
            if one is None:
                continue
            seen.add(one.order.reference)
            if one.order.reference.partition("/")[0] not in JUDGED_TYPES:
                continue
            if chosen is None or one.order.reference in chosen:
                found.append(one)
        for number, selection in enumerate(selections or ()):
            if tail(selection) not in seen:
                message = "the selection is not in draftOrders"
                raise RequestError(400, "value", message, f"context.selections[{number}]")
        return found

    def _named_one(self, name: str, appointment: DateSpan | None = None) -> Ordered | None:
        """One order that the call names; it is read once, however often it is named."""
        if name not in self._read:
            self._read[name] = self._one(RawEntry(resource=self._known[name]), 0)
        one = self._read[name]
        if one is None or appointment is None:
            return one
        order = msgspec.structs.replace(one.order, appointment=appointment)
        return msgspec.structs.replace(one, order=order)

    def _one(self, entry: RawEntry, position: int) -> Ordered | None:
        """One order; of a type not judged or unreadable, only its reference."""
        resource_type, identifier = name_of(entry.resource)
        if not resource_type:
            return None
        read = decode_order(entry.resource) if resource_type in JUDGED_TYPES else None
        if read is None:
            reference = f"{resource_type}/{identifier or f'entry-{position}'}"
            return Ordered(DeviceOrder(reference=reference))
        order, unread = read
        judged = read_order(
            order,
            position,
            self._index,
            self._patient_check(order),
        )
        return Ordered(
            msgspec.structs.replace(judged, unread=unread + judged.unread) if unread else judged,
            self._named(reason_references(order)),
            decode_resource(entry.resource) if judged.code is None else None,
            entry.resource if order.id is not None else None,
        )

    @cached_property
    def _names(self) -> Mapping[str | None, str]:
        """``Type/id`` of every record by the URL of its entry; a walk through the whole body."""
        return {
            entry.full_url: "/".join(map(str, name_of(entry.resource)))
            for entry in raw_resources(self._decoded.body)
        }

    def _patient_check(self, order: FhirOrder) -> PatientCheck:
        """Tells the call's patient, by the name too that their own entry gives them."""
        patient_id = self._decoded.patient_id
        is_patient = PatientCheck(patient_id)
        subject = None if order.subject is None else order.subject.reference
        if subject is None or not subject.startswith("urn:"):
            return is_patient
        if self._names.get(subject) == f"Patient/{patient_id}":
            is_patient.also(subject)
        return is_patient

    def _named(self, references: tuple[str, ...]) -> tuple[str, ...]:
        """References as ``Type/id``, also where the order names a record by its entry's URL."""
        if not any(reference.startswith("urn:") for reference in references):
            return references
        return tuple(self._names.get(reference, reference) for reference in references)

    def _dispatched(self, references: Sequence[str]) -> list[Ordered]:
        """The orders of order-dispatch, which stand under any prefetch key."""
        found: dict[str, Ordered] = {}
        for position, reference in enumerate(references):
            name = tail(reference)
            if name in found or name.partition("/")[0] not in JUDGED_TYPES:
                continue
            if name not in self._known:
                message = f"the dispatched order is in no prefetch key; {self._why(reference)}"
                place = f"context.dispatchedOrders[{position}]"
                raise RequestError(412, "incomplete", message, place)
            one = self._named_one(name)
            if one is not None:
                found[name] = one
        return list(found.values())

    def _booked(self, appointments: RawBundle) -> list[Ordered]:
        """The orders that appointments are booked for, judged on the appointment's day."""
        found: list[Ordered] = []
        for position, entry in enumerate(appointments.entry):
            appointment = decode_resource(entry.resource)
            if not isinstance(appointment, Appointment):
                continue
            start = read_date(appointment.start)
            names = dict.fromkeys(tail(basis.reference or "") for basis in appointment.based_on)
            orders = [
                one
                for name in names
                if name in self._known and (one := self._named_one(name, start)) is not None
            ]
            stand_in = self._by_service(appointment, position, start)
            if names and not orders and stand_in.order.code is None:
                why = self._why(appointment.based_on[0].reference or "")
                message = f"the order of the appointment is in no prefetch key; {why}"
                place = f"context.appointments.entry[{position}].resource.basedOn"
                raise RequestError(412, "incomplete", message, place)
            found += orders or [stand_in]
        return found

    def _why(self, reference: str) -> str:
        """Why an order could not be read."""
        return self._failures.get(tail(reference), NO_SERVER)

    def _by_service(
        self,
        appointment: Appointment,
        position: int,
        start: DateSpan | None,
    ) -> Ordered:
        """An appointment without an order: its service type or reason says what it is for."""
        codes = [*appointment.service_type, *appointment.reason_code]
        stand_in = FhirOrder(
            resource_type="ServiceRequest",
            code=OrderConcept(coding=[coding for c in codes for coding in c.coding]),
        )
        order = read_order(
            stand_in,
            position,
            self._index,
            PatientCheck(self._decoded.patient_id),
            start,
        )
        reference = f"Appointment/{appointment.id or f'entry-{position}'}"
        return Ordered(msgspec.structs.replace(order, reference=reference))


def _is_order(reference: str) -> bool:
    resource_type, _, identifier = reference.partition("/")
    return resource_type in JUDGED_TYPES and bool(identifier)


def _orders_in_prefetch(decoded: Decoded) -> dict[str, msgspec.Raw]:
    """The orders that came under any prefetch key, as they came, by reference."""
    found: dict[str, msgspec.Raw] = {}
    for entry in raw_resources(decoded.body):
        resource_type, identifier = name_of(entry.resource)
        if resource_type in JUDGED_TYPES and identifier is not None:
            found[f"{resource_type}/{identifier}"] = entry.resource
    return found
