"""The chart as it was on an order's day: which records of today's export stood in it.

What is dated says so itself, and the core leaves out what came later. Here is the rest: what the
order itself brought about, and devices, which the rules read without a date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.orders import IMPLANTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from defib_coverage.audit.found_orders import FoundOrder
    from defib_coverage.fhir.resources import Entry


class DatedOrder(msgspec.Struct, frozen=True):
    """An order of ours with its service date."""

    found: FoundOrder
    day: date

    @property
    def puts_in(self) -> bool:
        """Whether it is known that a device was put in on the day."""
        order = self.found.order
        return self.found.performed and order.refusal is None and order.order_class in IMPLANTS


class LookBack:
    """The records of a patient, to be seen from any day."""

    def __init__(
        self,
        entries: Mapping[str, Entry],
        orders: Sequence[DatedOrder],
        devices: Mapping[str, date | None],
    ) -> None:
        """See the records of a patient.

        Args:
            entries: the records by name.
            orders: the orders of ours among them.
            devices: the defibrillators among them by name, each with the day it was made.
        """
        self._entries = entries
        self._orders = orders
        self._devices = devices
        self._put_in = {name: one.day for one in orders for name in one.found.devices}

    def on(self, day: date) -> list[Entry]:
        """The records that may stand in the chart of the orders of a day.

        Left out are the orders of that day and what was carried out for them: live, they are the
        question and not yet part of the chart. So are devices that were not yet in place.
        """
        absent = {one.found.record.name for one in self._orders if one.day == day}
        absent |= {
            one.found.record.name
            for one in self._orders
            if not absent.isdisjoint(one.found.based_on)
        }
        absent.update(self._later_devices(day))
        return [entry for name, entry in self._entries.items() if name not in absent]

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
