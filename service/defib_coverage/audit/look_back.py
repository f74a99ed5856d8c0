"""The chart as it was on an order's day: which records of today's export stood in it.

What is dated says so itself, and the core leaves out what came later. Here is the rest: what the
order itself brought about, devices, which the rules read without a date, and states that a record
has come to since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.dates import read_date
from defib_coverage.coverage.orders import FIRST_IMPLANTS, IMPLANTS
from defib_coverage.fhir.resources import (
    Appointment,
    Coverage,
    Entry,
    MedicationStatement,
    ServiceRequest,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from defib_coverage.audit.found_orders import FoundOrder, Refused


_KEPT = frozenset({"fulfilled", "arrived", "checked-in"})


class DatedOrder(msgspec.Struct, frozen=True):
    """An order of ours with its service date."""

    found: FoundOrder
    day: date

    @property
    def puts_in(self) -> bool:
        """Whether it is known that a device was put in on the day."""
        order = self.found.order
        return self.found.performed and order.refusal is None and order.order_class in IMPLANTS

    @property
    def is_first(self) -> bool:
        """Whether a device was put in that may be the patient's first."""
        return self.puts_in and self.found.order.order_class in FIRST_IMPLANTS


class LookBack:
    """The records of a patient, to be seen from any day."""

    def __init__(
        self,
        records: Collection[str],
        orders: Sequence[DatedOrder],
        devices: Mapping[str, date | None],
        carried: Mapping[str, date],
        refused: Sequence[Refused],
    ) -> None:
        """See the records of a patient.

        Args:
            records: their names.
            orders: the orders of ours among them, by day.
            devices: the defibrillators among them by name, each with the day it was made.
            carried: the records that say that one is in place, each with the day it says so of.
            refused: what may be orders of ours too, and has no day.
        """
        self._records = records
        self._orders = orders
        self._devices = devices
        self._carried = carried
        self._refused = refused
        # What was done tells more than what was asked for; of a device that several name, as the
        # one that is taken out may be, the first implant counts, or else the last request.
        asked = [one for one in orders if not one.puts_in]
        done = [one for one in orders if one.puts_in]
        told = (*asked, *reversed(done))
        self._put_in = {name: one.day for one in told for name in one.found.devices}

    def on(self, day: date) -> list[str]:
        """The names of the records that may stand in the chart of the orders of a day.

        Left out are the orders of that day and what was carried out for them, or in the stay that
        they bill: live, they are the question and not yet part of the chart. So are devices that
        were not yet in place, and what was written of them.
        """
        asked = [one.found for one in self._orders if one.day == day]
        names = {one.record.name for one in asked}
        absent = set(names)
        begin = min([day, *(one.since for one in asked if one.since is not None)])
        absent |= {
            one.found.record.name
            for one in self._orders
            if not names.isdisjoint(one.found.based_on)
            # A bill may date its line otherwise than the record of what was done in that stay.
            or (one.found.kind == "Procedure" and one.puts_in and begin <= one.day <= day)
        }
        absent |= {one.record.name for one in self._refused if not names.isdisjoint(one.based_on)}
        absent.update(self._later_devices(begin))
        absent.update(self._carried_since(begin))
        return [name for name in self._records if name not in absent]

    def _carried_since(self, day: date) -> list[str]:
        """What says that a device is in place since the first implant of the day or later."""
        implants = [one.day for one in self._orders if one.is_first and one.day >= day]
        if not implants:
            return []
        return [name for name, since in self._carried.items() if since >= min(implants)]

    def _later_devices(self, day: date) -> list[str]:
        """The devices that were put in on the day or later.

        The order or the procedure that names a device dates it. Of devices that nothing dates, the
        newest are taken to be those of the implants of the day or later that name none: the export
        tells of devices as they are now.
        """
        dated = [name for name, put_in in self._put_in.items() if put_in >= day]
        undated = [name for name in self._devices if name not in self._put_in]
        if not undated:
            return dated
        named = {one.day for one in self._orders if one.found.devices}
        # Orders, procedures and claims of one day tell of the same implant.
        coming = {one.day for one in self._orders if one.puts_in and one.day >= day} - named
        undated.sort(key=lambda name: (str(self._devices[name] or ""), name))
        older = [n for n in undated if (self._devices[n] or day) <= day]
        newer = [n for n in undated if n not in older]
        more = max(len(coming) - len(newer), 0)
        return dated + newer + older[len(older) - min(more, len(older)) :]


def as_it_stood(entry: Entry, day: date) -> Entry:
    """A record in the state that it had on a day, where it tells when it came to its present one.

    What was carried out on the day or later was still planned; what was ended later still held.
    """
    match entry.resource:
        case Coverage(status="cancelled", period=period) as found if period and period.end:
            state = "active"  # until its last day, which is asked for where it counts
        case MedicationStatement(status="stopped", effective_period=period) as found if (
            period and _is_from(period.end, day)
        ):
            state = "active"
        case Appointment(start=start, status=status) as found if status in _KEPT and _is_from(
            start, day
        ):
            state = "booked"
        case ServiceRequest(status="completed", occurrence_date_time=done) as found if _is_from(
            done, day
        ):
            state = "active"
        case _:
            return entry
    return Entry(entry.full_url, msgspec.structs.replace(found, status=state), entry.search)


def _is_from(text: str | None, day: date) -> bool:
    """Whether a date is not before a day."""
    when = read_date(text)
    return when is not None and when.low >= day
