"""The orders of a call: drafted in it, or named by it and sent along or read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.coverage.dates import DateSpan, read_date
from defib_coverage.coverage.orders import DeviceOrder
from defib_coverage.errors import RequestError
from defib_coverage.fhir.fetching import WORDS
from defib_coverage.fhir.order_devices import reference_to_device
from defib_coverage.fhir.order_reader import JUDGED_TYPES, read_order, reason_references
from defib_coverage.fhir.raw import (
    RawBundle,
    decode_order,
    decode_resource,
    name_of,
)
from defib_coverage.fhir.references import PatientCheck, is_id, tail
from defib_coverage.fhir.resources import Appointment, OrderConcept, Resource
from defib_coverage.fhir.resources import Order as FhirOrder
from defib_coverage.hooks.brought import Brought
from defib_coverage.hooks.envelope import is_honest
from defib_coverage.hooks.request import Decoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.fhir.fetching import Fetched

NO_SERVER = "no usable fhirServer"


class Ordered(msgspec.Struct, frozen=True):
    """One order of a call, as the core sees it and as it came.

    ``text`` is the order as JSON, None for one that cannot be changed: an Appointment that stands
    in for an order, what has no id, and what says a member twice. ``named``: it has an id, by which
    it can be pointed at.
    """

    order: DeviceOrder
    reasons: tuple[str, ...] = ()
    text: msgspec.Raw | None = None
    named: bool = False


class Orders(msgspec.Struct, frozen=True):
    """The orders of a call.

    ``judged`` are those that it asks about; ``beside`` is what else is being ordered, which may be
    evidence; ``devices`` names the Devices that are ordered, and so are not yet in place.
    """

    judged: list[Ordered]
    beside: list[Resource]
    devices: frozenset[str]


class _Draft(NamedTuple):
    """An order at hand: its name, its place, its text, and what of it can be read.

    ``named``: the name is its own, by its id, and not made of its place. ``judged``: it is of a
    type that may be judged.
    """

    reference: str
    named: bool
    judged: bool
    text: msgspec.Raw
    order: FhirOrder | None
    unread: tuple[str, ...]


class CallOrders:
    """Finds the orders of one call."""

    def __init__(self, decoded: Decoded, index: CodeIndex) -> None:
        """Look in a call, by the codes of ``index``."""
        self._decoded = decoded
        self._index = index
        self._brought = Brought(decoded)
        self._known: dict[str, msgspec.Raw] = {}
        self._failures: dict[str, str] = {}
        self._asked: set[str] = set()
        # The orders at hand: those drafted by their place, those that the call names by name.
        self._drafts: dict[str | int, _Draft] = {}
        self._read: dict[str | int, Ordered] = {}
        self._by_name = decoded.request.hook in {"order-dispatch", "appointment-book"}
        context = decoded.request.context
        selected = context.selections if decoded.request.hook == "order-select" else None
        self._chosen = None if selected is None else {tail(name) for name in selected}
        if self._by_name:
            self._known = self._brought.orders()
        else:
            entries = (context.draft_orders or RawBundle()).entry
            self._drafts = {n: _draft(entry.resource, n) for n, entry in enumerate(entries)}

    def wanted(self) -> tuple[str, ...]:
        """What the call points at and does not bring, by reference.

        Which Device an order names is known only with the order: after orders were taken there may
        be more to want.
        """
        wanted: list[str] = []
        for name in self._named_orders() if self._by_name else ():
            if name in self._known:
                self._named_draft(name)
            else:
                wanted.append(name)
        for draft in self._drafts.values():
            if draft.order is not None and self._is_asked_about(draft):
                wanted += self._unknown_device(draft.order)
        return tuple(name for name in dict.fromkeys(wanted) if name not in self._asked)

    def take(self, fetched: Mapping[str, Fetched]) -> None:
        """Take what was read, each by the reference that it was read by."""
        self._asked.update(fetched)
        for reference, one in fetched.items():
            for entry in one.texts:
                # A server that answers with something else has not answered.
                if "/".join(map(str, name_of(entry.resource))) != reference:
                    continue
                if _is_order(reference):
                    self._known[reference] = entry.resource
                else:
                    self._brought.devices.add(decode_resource(entry.resource))
            if one.cause is not None:
                self._failures[reference] = WORDS[one.cause]

    def orders(self) -> Orders:
        """The orders, in the order of the call.

        Raises:
            RequestError: 400 where the call contradicts itself, 412 where an order that it names
                could not be had.
        """
        context = self._decoded.request.context
        match self._decoded.request.hook:
            case "order-dispatch":
                judged = self._dispatched(context.dispatched_orders or [])
            case "appointment-book":
                judged = self._booked(context.appointments or RawBundle())
            case _:
                judged = self._drafted(context.selections or [])
        return Orders(judged, self._beside(), self._ordered_devices())

    def _named_orders(self) -> Iterator[str]:
        """The orders that the call names."""
        context = self._decoded.request.context
        named = [tail(reference) for reference in context.dispatched_orders or ()]
        for entry in (context.appointments or RawBundle()).entry:
            appointment = decode_resource(entry.resource)
            if isinstance(appointment, Appointment):
                named += [tail(basis.reference or "") for basis in appointment.based_on]
        return filter(_is_order, named)

    def _is_asked_about(self, draft: _Draft) -> bool:
        """Whether an order at hand is to be judged."""
        return draft.judged and (self._chosen is None or draft.reference in self._chosen)

    def _drafted(self, selections: Sequence[str]) -> list[Ordered]:
        """The orders of draftOrders; for order-select only the selected ones."""
        if self._chosen is not None:
            drafted = {draft.reference for draft in self._drafts.values()}
            for number, selection in enumerate(selections):
                if tail(selection) not in drafted:
                    message = "the selection is not in draftOrders"
                    raise RequestError(400, "value", message, f"context.selections[{number}]")
        for place, draft in self._drafts.items():
            if draft.judged:
                self._read[place] = self._ordered(draft)
        return [
            one for place, one in self._read.items() if self._is_asked_about(self._drafts[place])
        ]

    def _beside(self) -> list[Resource]:
        """What else is ordered: a planned revascularisation, or the visit that is asked for."""
        found: list[Resource] = []
        for place, one in self._read.items():
            if one.order.code is None:
                resource = decode_resource(self._drafts[place].text)
                if resource is not None:
                    found.append(resource)
        return found

    def _named_one(self, name: str) -> Ordered:
        """One order that the call names; it is read once, however often it is named."""
        if name not in self._read:
            self._read[name] = self._ordered(self._named_draft(name))
        return self._read[name]

    def _named_draft(self, name: str) -> _Draft:
        if name not in self._drafts:
            self._drafts[name] = _draft(self._known[name], 0)
        return self._drafts[name]

    def _ordered(self, draft: _Draft) -> Ordered:
        """An order as the core sees it; of an unreadable one, only its reference."""
        order = draft.order
        if order is None:
            return Ordered(DeviceOrder(reference=draft.reference))
        device = (
            None if reference_to_device(order) is None else self._brought.devices.ordered_as(order)
        )
        judged = read_order(
            order,
            draft.reference,
            self._index,
            self._patient_check(order),
            device=device,
        )
        if draft.unread:
            judged = msgspec.structs.replace(judged, unread=draft.unread + judged.unread)
        reasons = self._named(reason_references(order))
        # Of drafted orders it is known, they stand in the envelope; of others it matters if ours.
        known = not self._by_name or judged.code is None
        changeable = draft.named and (known or is_honest(bytes(draft.text)))
        return Ordered(judged, reasons, draft.text if changeable else None, draft.named)

    def _unknown_device(self, order: FhirOrder) -> Iterator[str]:
        """The Device that an order names and that is not at hand."""
        if reference_to_device(order) is not None:
            name = self._brought.devices.missing(order)
            if name is not None:
                yield name

    def _ordered_devices(self) -> frozenset[str]:
        """The Devices that orders name, unless they are not wanted."""
        names: list[str] = []
        for place, one in self._read.items():
            order = self._drafts[place].order
            if order is None or reference_to_device(order) is None or one.order.refusal is not None:
                continue
            name = self._brought.devices.name(order)
            if name is not None:
                names.append(name)
        return frozenset(names)

    def _patient_check(self, order: FhirOrder) -> PatientCheck:
        """Tells the call's patient, by the name too that their own entry gives them."""
        patient_id = self._decoded.patient_id
        is_patient = PatientCheck(patient_id)
        subject = None if order.subject is None else order.subject.reference
        if subject is None or not subject.startswith("urn:"):
            return is_patient
        if self._brought.names.get(subject) == f"Patient/{patient_id}":
            is_patient.also(subject)
        return is_patient

    def _named(self, references: tuple[str, ...]) -> tuple[str, ...]:
        """References as ``Type/id``, also where the order names a record by its entry's URL."""
        if not references or not any(one.startswith("urn:") for one in references):
            return references
        return tuple(self._brought.names.get(reference, reference) for reference in references)

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
            found[name] = self._named_one(name)
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
                _on_day_of(self._named_one(name), start) for name in names if name in self._known
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
        booked = FhirOrder(
            resource_type="ServiceRequest",
            code=OrderConcept(coding=[coding for c in codes for coding in c.coding]),
        )
        named = is_id(appointment.id)
        reference = f"Appointment/{appointment.id if named else f'entry-{position}'}"
        is_patient = PatientCheck(self._decoded.patient_id)
        order = read_order(booked, reference, self._index, is_patient)
        return _on_day_of(Ordered(order, named=named), start)


def _on_day_of(ordered: Ordered, appointment: DateSpan | None) -> Ordered:
    """An order with the start of the appointment that is booked for it."""
    order = msgspec.structs.replace(ordered.order, appointment=appointment)
    return msgspec.structs.replace(ordered, order=order)


def _draft(text: msgspec.Raw, position: int) -> _Draft:
    """An order as far as it can be read; of a type not judged only its name."""
    read = decode_order(text)
    order, unread = (None, ()) if read is None else read
    if order is None:
        resource_type, identifier = name_of(text)
    else:
        resource_type, identifier = order.resource_type, order.id if is_id(order.id) else None
    reference = f"{resource_type}/{identifier or f'entry-{position}'}"
    judged = resource_type in JUDGED_TYPES
    if not judged:
        order, unread = None, ()
    return _Draft(reference, identifier is not None, judged, text, order, unread)


def _is_order(reference: str) -> bool:
    resource_type, _, identifier = reference.partition("/")
    return resource_type in JUDGED_TYPES and is_id(identifier)
