"""The orders of ours among a patient's records: requested, performed or billed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.audit.bills import Bill, lines_of
from defib_coverage.audit.partly import (
    UndatedError,
    check_read,
    days_of,
    first_day,
    read_partly,
)
from defib_coverage.audit.procedures import Procedure
from defib_coverage.audit.shapes import ORDER_TYPES
from defib_coverage.coverage.dates import read_date
from defib_coverage.coverage.orders import IMPLANTS, DeviceOrder
from defib_coverage.fhir.order_reader import read_order, reason_references
from defib_coverage.fhir.raw import BAD, decode_order
from defib_coverage.fhir.references import tail
from defib_coverage.fhir.resources import (
    Encounter,
    Order,
    Period,
    Reference,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from defib_coverage.audit.records import Record
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.fhir.order_devices import Devices
    from defib_coverage.fhir.references import PatientCheck
    from defib_coverage.fhir.resources import Resource

_PERFORMED = frozenset({"completed", "in-progress"})
_BILLED = frozenset({None, "active"})
_LONGEST_NAME = 200
_UNREADABLE = "may be an order, and cannot be read"
_UNDATED = "was carried out, and no day is told that can be read"


class FoundOrder(msgspec.Struct, frozen=True):
    """An order of ours as the core sees it, and what else its record says.

    ``performed`` says whether it was carried out or billed, as far as no other of them tells it.
    ``reasons`` names the Conditions that are its reason, ``devices`` the Devices that it puts in,
    ``based_on`` the orders that it carries out. ``since`` is the first day of the stay that it
    bills. See ``rows.Source`` for the others.
    """

    order: DeviceOrder
    record: Record
    kind: str
    performed: bool
    reasons: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    based_on: tuple[str, ...] = ()
    since: date | None = None
    site: str | None = None
    operator: str | None = None


class Refused(NamedTuple):
    """A record that may hold an order and cannot be judged."""

    record: Record
    reason: str


class FoundOrders(NamedTuple):
    """The orders of ours, and the records that may be some and cannot be judged."""

    orders: tuple[FoundOrder, ...]
    refused: tuple[Refused, ...]


class _Asked(msgspec.Struct, rename="camel"):
    """Where and by whom a ServiceRequest is to be carried out."""

    performer: list[Reference] = []
    location_reference: list[Reference] = []


class _AskedDevice(msgspec.Struct):
    performer: Reference | None = None


_procedures = msgspec.json.Decoder(Procedure)
_bills = msgspec.json.Decoder(Bill)
# Where these cannot be read, it is not known what was done; or of what is ours, whether and when.
_WHAT = frozenset({"code", "codeCodeableConcept", "codeReference", "item", "addItem", "procedure"})
_WHEN = frozenset(
    {
        *("status", "performedDateTime", "performedPeriod", "performedString"),
        *("billablePeriod", "created"),
    }
)
_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_asked_device = msgspec.json.Decoder(_AskedDevice).decode


class OrderFinder:
    """Finds the orders of one patient."""

    def __init__(
        self,
        index: CodeIndex,
        is_patient: PatientCheck,
        devices: Devices,
        visits: Mapping[str, Resource],
    ) -> None:
        """Look among the records of a patient.

        Args:
            index: tells which codes are ours.
            is_patient: tells the patient.
            devices: the Devices of the patient, which orders may name.
            visits: the Encounters of the patient by name.
        """
        self._index = index
        self._is_patient = is_patient
        self._devices = devices
        self._visits = visits
        self._readers: Mapping[str, Callable[[Record], Iterator[FoundOrder]]] = {
            "ServiceRequest": self._requested,
            "DeviceRequest": self._requested,
            "Procedure": self._performed,
            "Claim": self._billed,
            "ExplanationOfBenefit": self._billed,
        }

    def find(self, records: Sequence[Record]) -> FoundOrders:
        """The orders of ours, in the order of their references."""
        found: list[FoundOrder] = []
        refused: list[Refused] = []
        for record in records:
            if record.type not in ORDER_TYPES:
                continue
            try:
                found += self._readers[record.type](record)
            except UndatedError:
                refused.append(Refused(record, _UNDATED))
            except BAD:
                refused.append(Refused(record, _UNREADABLE))
        found.sort(key=lambda one: one.order.reference)
        # What was carried out is told by the procedure, on its own day.
        carried_out = {name for one in found for name in one.based_on}
        orders = [
            msgspec.structs.replace(one, performed=False) if one.record.name in carried_out else one
            for one in found
        ]
        return FoundOrders(tuple(orders), tuple(refused))

    def _requested(self, record: Record) -> Iterator[FoundOrder]:
        raw = msgspec.Raw(record.text)
        read = decode_order(raw)
        if read is None:
            raise msgspec.DecodeError
        order, unread = read
        device = self._devices.ordered_as(order)
        found = read_order(order, record.name, self._index, self._is_patient, device)
        if found.code is None:
            check_read(unread, _WHAT)
            return
        site, operator = _asked(raw, record.type)
        named = self._devices.name(order) if order.code_reference is not None else None
        yield FoundOrder(
            order=_partly(found, unread),
            record=record,
            kind=record.type,
            performed=order.status == "completed",
            reasons=reason_references(order),
            devices=() if named is None else (named,),
            site=site,
            operator=operator,
        )

    def _performed(self, record: Record) -> Iterator[FoundOrder]:
        done, unread = read_partly(_procedures, record.text)
        check_read(unread, _WHAT)
        order = Order(
            "ServiceRequest",
            status="completed",
            code=done.code,
            subject=done.subject,
            reason_code=done.reason_code,
            reason_reference=done.reason_reference,
        )
        found = read_order(order, record.name, self._index, self._is_patient)
        if found.code is None:
            return
        check_read(unread, _WHEN)
        if done.status not in _PERFORMED:
            return
        day = first_day((*done.days, *days_of(self._visit(done.encounter))))
        if day is None and done.status == "completed":
            raise UndatedError
        found = msgspec.structs.replace(found, occurrence=day)
        by = done.performer[0] if done.performer else None
        yield FoundOrder(
            order=_partly(found, unread),
            record=record,
            kind=record.type,
            performed=True,
            reasons=reason_references(order),
            devices=_names(done.devices) if found.order_class in IMPLANTS else (),
            based_on=_names(done.based_on),
            site=_named(done.location),
            operator=_named(None if by is None else by.actor),
        )

    def _visit(self, named: Reference | None) -> Period | None:
        """The visit at which something without a day of its own was done."""
        visit = None if named is None else self._visits.get(tail(named.reference or ""))
        return visit.period if isinstance(visit, Encounter) else None

    def _billed(self, record: Record) -> Iterator[FoundOrder]:
        bill, unread = read_partly(_bills, record.text)
        check_read(unread, _WHAT)
        if bill.status not in _BILLED:
            return
        for line in lines_of(bill):
            order = line.order
            found = self._read_line(order, f"{record.name}#{line.name}")
            if found is not None:
                check_read(unread, _WHEN)
                day = first_day(line.days)
                if (day or found.authored) is None and bill.is_billed:
                    raise UndatedError
                found = msgspec.structs.replace(found, occurrence=day)
                yield FoundOrder(
                    order=_partly(found, unread),
                    record=record,
                    kind=record.type,
                    performed=bill.is_billed,
                    reasons=reason_references(order),
                    since=_begun(bill.billable_period),
                    site=_named(line.site),
                    operator=_named(line.operator),
                )

    def _read_line(self, order: Order, reference: str) -> DeviceOrder | None:
        """A line as an order, of a procedure or of a device; None where it is not ours."""
        for kind in ("ServiceRequest", "DeviceRequest"):
            order.resource_type = kind
            found = read_order(order, reference, self._index, self._is_patient)
            if found.code is not None:
                return found
        return None


def _partly(order: DeviceOrder, unread: tuple[str, ...]) -> DeviceOrder:
    """An order with the members of its record that could not be read."""
    return msgspec.structs.replace(order, unread=unread + order.unread) if unread else order


def _begun(period: Period | None) -> date | None:
    day = None if period is None else read_date(period.start)
    return None if day is None else day.low


def _asked(raw: msgspec.Raw, kind: str) -> tuple[str | None, str | None]:
    """Where and by whom; what of it cannot be read is not needed to judge."""
    try:
        if kind == "DeviceRequest":
            return None, _named(_decode_asked_device(raw).performer)
        asked = _decode_asked(raw)
    except BAD:
        return None, None
    site = asked.location_reference[0] if asked.location_reference else None
    operator = asked.performer[0] if asked.performer else None
    return _named(site), _named(operator)


def _names(references: Sequence[Reference | None]) -> tuple[str, ...]:
    return tuple(tail(one.reference) for one in references if one is not None and one.reference)


def _named(reference: Reference | None) -> str | None:
    """A place or a person by its words, else by its name."""
    if reference is None:
        return None
    text = (reference.display or "").strip() or tail(reference.reference or "")
    return text[:_LONGEST_NAME] or None
