"""From a decoded request to determinations: which orders, which chart, what the rules say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.chart import Chart, Fact, Hit, Kind
from defib_coverage.coverage.dates import DateSpan, read_date
from defib_coverage.coverage.determine import determine
from defib_coverage.coverage.orders import DeviceOrder
from defib_coverage.errors import RequestError
from defib_coverage.fhir.answers import read_answers
from defib_coverage.fhir.order_reader import JUDGED_TYPES, read_order, reason_references
from defib_coverage.fhir.raw import (
    RawBundle,
    RawEntry,
    decode_order,
    decode_resource,
    name_of,
)
from defib_coverage.fhir.reader import ChartReader
from defib_coverage.fhir.references import PatientCheck, tail
from defib_coverage.fhir.resources import Appointment, OrderConcept
from defib_coverage.fhir.resources import Order as FhirOrder
from defib_coverage.hooks.wire import Decoded, raw_resources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.fhir.resources import Resource

# More orders of ours than any call can mean: each is judged and told by itself.
_MOST_ORDERS = 100


class _Ordered(msgspec.Struct, frozen=True):
    """One order of a call, as the core sees it and as it came."""

    order: DeviceOrder
    reasons: tuple[str, ...] = ()
    resource: Resource | None = None


class Evaluator:
    """Evaluates requests with one set of rules, codes and wording."""

    def __init__(self, knowledge: Knowledge) -> None:
        """Evaluate by ``knowledge``."""
        self.knowledge = knowledge
        self._reader = ChartReader(knowledge.index)

    def evaluate(self, decoded: Decoded, today: date) -> tuple[Determination, ...]:
        """Judge the orders of a request.

        Raises:
            RequestError: 400 where the request contradicts itself, 412 where a needed prefetch key
                is absent and nothing that is needed came.
        """
        ordered = self._orders(decoded)
        if sum(one.order.code is not None for one in ordered) > _MOST_ORDERS:
            message = f"more than {_MOST_ORDERS} defibrillator orders in one call"
            raise RequestError(400, "too-costly", message, "context")
        chart = Chart({})
        if any(o.order.code is not None for o in ordered):
            chart = self._chart(decoded, ordered)
        orders = [_with_references(o, chart) for o in ordered]
        return determine(orders, chart, self.knowledge, today=today)

    def _chart(self, decoded: Decoded, ordered: Sequence[_Ordered]) -> Chart:
        answers = read_answers(decoded.request.prefetch, decoded.unreadable)
        if answers.absent and not answers.usable:
            raise RequestError(
                412,
                "incomplete",
                "prefetch keys absent: " + ", ".join(answers.absent) + "; no usable fhirServer",
                "prefetch",
            )
        # What else is being ordered may be a planned revascularisation or the visit asked for.
        others = [o.resource for o in ordered if o.order.code is None and o.resource is not None]
        return self._reader.read(answers, decoded.patient_id, others)

    def _orders(self, decoded: Decoded) -> list[_Ordered]:
        context = decoded.request.context
        match decoded.request.hook:
            case "order-dispatch":
                return self._dispatched(decoded, context.dispatched_orders or [])
            case "appointment-book":
                return self._booked(decoded, context.appointments or RawBundle())
            case hook:
                bundle = context.draft_orders or RawBundle()
                selected = context.selections if hook == "order-select" else None
                return self._drafted(decoded, bundle, selected)

    def _drafted(
        self,
        decoded: Decoded,
        bundle: RawBundle,
        selections: list[str] | None,
    ) -> list[_Ordered]:
        """The orders of draftOrders; for order-select only the selected ones."""
        chosen = None if selections is None else {tail(s) for s in selections}
        found: list[_Ordered] = []
        seen: set[str] = set()
        for position, entry in enumerate(bundle.entry):
            one = self._one(decoded, entry, position)
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

    def _one(
        self,
        decoded: Decoded,
        entry: RawEntry,
        position: int,
        appointment: DateSpan | None = None,
    ) -> _Ordered | None:
        """One order; of a type not judged or unreadable, only its reference."""
        resource_type, identifier = name_of(entry.resource)
        if not resource_type:
            return None
        read = decode_order(entry.resource) if resource_type in JUDGED_TYPES else None
        if read is None:
            reference = f"{resource_type}/{identifier or f'entry-{position}'}"
            return _Ordered(DeviceOrder(reference=reference))
        order, unread = read
        judged = read_order(
            order,
            position,
            self.knowledge.index,
            _patient_check(decoded, order),
            appointment,
        )
        return _Ordered(
            msgspec.structs.replace(judged, unread=unread + judged.unread) if unread else judged,
            _named(decoded, reason_references(order)),
            decode_resource(entry.resource) if judged.code is None else None,
        )

    def _dispatched(self, decoded: Decoded, references: Sequence[str]) -> list[_Ordered]:
        """The orders of order-dispatch, which stand under any prefetch key."""
        known = _orders_in_prefetch(decoded)
        found = []
        for position, reference in enumerate(dict.fromkeys(references)):
            kind = tail(reference).partition("/")[0]
            if kind not in JUDGED_TYPES:
                continue
            raw = known.get(tail(reference))
            if raw is None:
                raise RequestError(
                    412,
                    "incomplete",
                    "the dispatched order is in no prefetch key; no usable fhirServer",
                    f"context.dispatchedOrders[{position}]",
                )
            one = self._one(decoded, RawEntry(resource=raw), position)
            if one is not None:
                found.append(one)
        return found

    def _booked(self, decoded: Decoded, appointments: RawBundle) -> list[_Ordered]:
        """The orders that appointments are booked for, judged on the appointment's day."""
        known = _orders_in_prefetch(decoded)
        found: list[_Ordered] = []
        for position, entry in enumerate(appointments.entry):
            appointment = decode_resource(entry.resource)
            if not isinstance(appointment, Appointment):
                continue
            start = read_date(appointment.start)
            raws = [known.get(tail(basis.reference or "")) for basis in appointment.based_on]
            orders = [
                one
                for raw in raws
                if raw is not None
                and (one := self._one(decoded, RawEntry(resource=raw), position, start))
            ]
            stand_in = self._by_service(decoded, appointment, position, start)
            if raws and not orders and stand_in.order.code is None:
                raise RequestError(
                    412,
                    "incomplete",
                    "the order of the appointment is in no prefetch key; no usable fhirServer",
                    f"context.appointments.entry[{position}].resource.basedOn",
                )
            found += orders or [stand_in]
        return found

    def _by_service(
        self,
        decoded: Decoded,
        appointment: Appointment,
        position: int,
        start: DateSpan | None,
    ) -> _Ordered:
        """An appointment without an order: its service type or reason says what it is for."""
        codes = [*appointment.service_type, *appointment.reason_code]
        stand_in = FhirOrder(
            resource_type="ServiceRequest",
            code=OrderConcept(coding=[coding for c in codes for coding in c.coding]),
        )
        order = read_order(
            stand_in,
            position,
            self.knowledge.index,
            PatientCheck(decoded.patient_id),
            start,
        )
        reference = f"Appointment/{appointment.id or f'entry-{position}'}"
        return _Ordered(msgspec.structs.replace(order, reference=reference))


def _with_references(ordered: _Ordered, chart: Chart) -> DeviceOrder:
    """The order with the Conditions that it names as its reason among its claim diagnoses."""
    order = ordered.order
    if not ordered.reasons or order.code is None:
        return order
    fact = Fact(reference=order.reference, kind=Kind.ORDER_REASON)
    named = tuple(
        (value_set, Hit(fact, hit.entry))
        for value_set, hits in chart.hits.items()
        for hit in hits
        if hit.fact.reference in ordered.reasons
        and hit.fact.kind is Kind.CONDITION
        and hit.fact.confirmed
    )
    return msgspec.structs.replace(order, reasons=order.reasons + named) if named else order


def _patient_check(decoded: Decoded, order: FhirOrder) -> PatientCheck:
    """Tells the call's patient, by the name too that their own entry gives them."""
    is_patient = PatientCheck(decoded.patient_id)
    subject = None if order.subject is None else order.subject.reference
    if subject is not None and subject.startswith("urn:"):
        for entry in raw_resources(decoded.body):
            if entry.full_url and name_of(entry.resource) == ("Patient", decoded.patient_id):
                is_patient.also(entry.full_url)
    return is_patient


def _named(decoded: Decoded, references: tuple[str, ...]) -> tuple[str, ...]:
    """References as ``Type/id``, also where the order names a record by the URL of its entry."""
    if not any(reference.startswith("urn:") for reference in references):
        return references
    names = {
        entry.full_url: "/".join(map(str, name_of(entry.resource)))
        for entry in raw_resources(decoded.body)
    }
    return tuple(names.get(reference, reference) for reference in references)


def _orders_in_prefetch(decoded: Decoded) -> dict[str, msgspec.Raw]:
    """The orders that came under any prefetch key, as they came, by reference."""
    found: dict[str, msgspec.Raw] = {}
    for entry in raw_resources(decoded.body):
        resource_type, identifier = name_of(entry.resource)
        if resource_type in JUDGED_TYPES and identifier is not None:
            found[f"{resource_type}/{identifier}"] = entry.resource
    return found
