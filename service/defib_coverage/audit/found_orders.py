"""The orders of ours among a patient's records: requested, performed or billed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.audit.bills import Bill, lines_of
from defib_coverage.audit.days import days_of, first_day
from defib_coverage.audit.partly import check_read, read_partly
from defib_coverage.audit.places import asked_of, words_of
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
    """A record that may hold an order and cannot be judged, or a part of it.

    ``based_on`` names the orders that it carries out.
    """

    record: Record
    reason: str
    part: str | None = None
    based_on: tuple[str, ...] = ()


class FoundOrders(NamedTuple):
    """The orders of ours, and the records that may be some and cannot be judged."""

    orders: tuple[FoundOrder, ...]
    refused: tuple[Refused, ...]


_procedures = msgspec.json.Decoder(Procedure)
_bills = msgspec.json.Decoder(Bill)
# Where these cannot be read, it is not known what was done; or of what is ours, whether and when.
_WHAT = frozenset({"code", "codeCodeableConcept", "codeReference", "item", "procedure"})
_ADDED = frozenset({"addItem"})
_WHEN = frozenset(
    {
        *("status", "performedDateTime", "performedPeriod", "performedString"),
        *("billablePeriod", "created"),
    }
)


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
        self._readers: Mapping[str, Callable[[Record], Iterator[FoundOrder | Refused]]] = {
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
                for one in self._readers[record.type](record):
                    if isinstance(one, Refused):
                        refused.append(one)
                    else:
                        found.append(one)
            except BAD:
                refused.append(Refused(record, _UNREADABLE))
        found.sort(key=lambda one: one.order.reference)
        return FoundOrders(tuple(_told_once(found)), tuple(refused))

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
        site, operator = asked_of(raw, record.type)
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

    def _performed(self, record: Record) -> Iterator[FoundOrder | Refused]:
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
        based_on = _names(done.based_on)
        told, day = first_day((*done.days, *days_of(self._visit(done.encounter))))
        if day is None and (told or done.status == "completed"):
            yield Refused(record, _UNDATED, based_on=based_on)
            return
        found = msgspec.structs.replace(found, occurrence=day)
        by = done.performer[0] if done.performer else None
        yield FoundOrder(
            order=_partly(found, unread),
            record=record,
            kind=record.type,
            performed=True,
            reasons=reason_references(order),
            devices=_names(done.devices) if found.order_class in IMPLANTS else (),
            based_on=based_on,
            site=words_of(done.location),
            operator=words_of(None if by is None else by.actor),
        )

    def _visit(self, named: Reference | None) -> Period | None:
        """The visit at which something without a day of its own was done."""
        visit = None if named is None else self._visits.get(tail(named.reference or ""))
        return visit.period if isinstance(visit, Encounter) else None

    def _billed(self, record: Record) -> Iterator[FoundOrder | Refused]:
        bill, unread = read_partly(_bills, record.text)
        check_read(unread, _WHAT)
        if bill.status not in _BILLED:
            return
        none = True
        for line in lines_of(bill):
            order = line.order
            found = self._read_line(order, f"{record.name}#{line.name}")
            if found is not None:
                none = False
                check_read(unread, _WHEN)
                told, day = first_day(line.days)
                if day is None and bill.is_billed and (told or found.authored is None):
                    yield Refused(record, _UNDATED, f"line {line.name}")
                    continue
                odd = ("servicedDate",) if told and day is None else ()
                found = msgspec.structs.replace(found, occurrence=day, unread=odd)
                yield FoundOrder(
                    order=_partly(found, unread),
                    record=record,
                    kind=record.type,
                    performed=bill.is_billed,
                    reasons=reason_references(order),
                    since=_begun(bill.billable_period),
                    site=words_of(line.site),
                    operator=words_of(line.operator),
                )

        if none:
            # What the payer has added may be ours.
            check_read(unread, _ADDED)

    def _read_line(self, order: Order, reference: str) -> DeviceOrder | None:
        """A line as an order, of a procedure or of a device; None where it is not ours."""
        for kind in ("ServiceRequest", "DeviceRequest"):
            order.resource_type = kind
            found = read_order(order, reference, self._index, self._is_patient)
            if found.code is not None:
                return found
        return None


def _told_once(found: Sequence[FoundOrder]) -> Iterator[FoundOrder]:
    """The orders; what was carried out is told by the procedure, on its own day."""
    carried_out = {
        (name, _purpose(one))
        for one in found
        if one.order.occurrence is not None
        for name in one.based_on
    }
    for one in found:
        if (one.record.name, _purpose(one)) in carried_out:
            yield msgspec.structs.replace(one, performed=False)
        else:
            yield one


def _purpose(found: FoundOrder) -> str | None:
    """What an order is for: an implant, of whatever class, or what its class says."""
    order_class = found.order.order_class
    return "implant" if order_class in IMPLANTS else order_class


def _partly(order: DeviceOrder, unread: tuple[str, ...]) -> DeviceOrder:
    """An order with the members of its record that could not be read."""
    return msgspec.structs.replace(order, unread=unread + order.unread) if unread else order


def _begun(period: Period | None) -> date | None:
    day = None if period is None else read_date(period.start)
    return None if day is None else day.low


def _names(references: Sequence[Reference | None]) -> tuple[str, ...]:
    return tuple(tail(one.reference) for one in references if one is not None and one.reference)
