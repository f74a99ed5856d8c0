"""One patient's records become rows: every order of ours, judged on its own day."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.audit.days import first_day
from defib_coverage.audit.found_orders import OrderFinder, Refused
from defib_coverage.audit.look_back import DatedOrder, LookBack, as_it_stood
from defib_coverage.coverage.dates import read_date
from defib_coverage.coverage.determine import Terms, determine
from defib_coverage.coverage.orders import service_date
from defib_coverage.errors import RequestError
from defib_coverage.fhir.answers import read_answers
from defib_coverage.fhir.needs import PREFETCH
from defib_coverage.fhir.order_devices import Devices
from defib_coverage.fhir.raw import BAD, RawEntry, Unreadable, decode_order, read_entry
from defib_coverage.fhir.reader import ChartReader
from defib_coverage.fhir.references import PatientCheck
from defib_coverage.fhir.resources import (
    Bundle,
    CodeableConcept,
    Condition,
    Device,
    Encounter,
    Entry,
)
from defib_coverage.hooks.configuration import read_configuration
from defib_coverage.hooks.evaluation import Evaluator, with_references
from defib_coverage.hooks.wire import decode_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from defib_coverage.audit.found_orders import FoundOrder, FoundOrders
    from defib_coverage.audit.records import Patient, Record
    from defib_coverage.audit.shared import SharedRecords
    from defib_coverage.coverage.chart import Chart
    from defib_coverage.coverage.dates import DateSpan
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.orders import DeviceOrder
    from defib_coverage.fhir.plans import Plan
    from defib_coverage.fhir.resources import Coding, Order, Resource

_CHART = "chart"
_IN_PLACE = "existing-defibrillator"
# Visits for a device and troubles with it; up to the day of an implant those of an older one.
_LOOKED_AFTER = "b6-diagnoses"
# A drug or a person that is pointed at may point at another; no chart needs more steps.
_STEPS = 3


class JudgedOrder(NamedTuple):
    """An order of ours, what is decided of it, and the last day whose records counted."""

    found: FoundOrder | None
    record: Record
    determination: Determination
    known_at: date | None
    same_day: tuple[str, ...] = ()


class _Made(msgspec.Struct, rename="camel"):
    """When a Device was made."""

    manufacture_date: str | None = None


_decode_made = msgspec.json.Decoder(_Made).decode


class Judge:
    """Judges patients by one set of rules, codes and wording."""

    def __init__(
        self, knowledge: Knowledge, plans: Sequence[Plan], today: date, *, hindsight: bool
    ) -> None:
        """Judge by ``knowledge``.

        Args:
            knowledge: rules, codes and wording.
            plans: the configured payers.
            today: the service date of an order that has no date at all.
            hindsight: whether facts that were recorded after an order's day count too.
        """
        self.knowledge = knowledge
        self._reader = ChartReader(knowledge.index, plans)
        self._evaluator = Evaluator(knowledge, plans)
        self._today = today
        self._hindsight = hindsight

    def judge(
        self, patient: Patient, shared: SharedRecords
    ) -> tuple[list[JudgedOrder], list[Refused]]:
        """The orders of a patient, and the records that may be some and cannot be judged."""
        judged: list[JudgedOrder] = []
        refused: list[Refused] = []
        for request in patient.requests:
            try:
                judged += self._of_request(request)
            except RequestError as error:
                place = "" if error.place is None else f"{error.place}: "
                refused.append(Refused(request, f"{place}{error.message}"))
        chart = _Records(patient, self.knowledge, self._reader, shared)
        found = chart.orders()
        refused += found.refused
        if found.orders:
            judged += self._of_chart(chart, found)
        return judged, refused

    def _of_request(self, request: Record) -> Iterator[JudgedOrder]:
        """The orders of a hook request: what it holds was known when it was made.

        Raises:
            RequestError: it cannot be judged.
        """
        decoded = decode_request(request.text, self.knowledge.index)
        longer = read_configuration(decoded.request.extension).longer_reading
        found = self._evaluator.evaluate(decoded, self._today, longer_reading=longer)
        made = _written(found.orders, self._today)
        if made is not None:
            found = self._evaluator.evaluate(decoded, made, longer_reading=longer)
        ours = [d for d in found.determinations if d.order.class_ != "not-defibrillator"]
        names = [one.order.reference for one in ours]
        for one in ours:
            beside = tuple(name for name in names if name != one.order.reference)
            yield JudgedOrder(None, request, one, None, beside)

    def _of_chart(self, chart: _Records, found: FoundOrders) -> Iterator[JudgedOrder]:
        booked = chart.read(chart.entries, date.min).appointments
        dated = sorted(
            (self._dated(one, booked) for one in found.orders),
            key=lambda one: (one.day, one.found.order.reference),
        )
        past = LookBack(chart.entries, dated, chart.devices(), chart.carried(), found.refused)
        for day, group in groupby(dated, key=lambda one: one.day):
            asked = [one.found for one in group]
            seen = chart.read(past.on(day), day)
            known_at = None if self._hindsight else day
            orders = [with_references(one.order, one.reasons, seen) for one in asked]
            terms = Terms(today=self._today, known_at=known_at)
            names = [one.order.reference for one in asked]
            for one, determination in zip(
                asked, determine(orders, seen, self.knowledge, terms), strict=True
            ):
                beside = tuple(name for name in names if name != one.order.reference)
                yield JudgedOrder(one, one.record, determination, known_at, beside)

    def _dated(self, found: FoundOrder, booked: Mapping[str, DateSpan]) -> DatedOrder:
        """An order with its day; one without is taken to be of the day it was written on.

        Looking back, an order that was written before today is in the past (rule 2).
        """
        order = found.order
        authored = order.authored
        if authored is not None and authored.high < self._today and not order.completed:
            order = msgspec.structs.replace(order, completed=True)
            found = msgspec.structs.replace(found, order=order)
        day, _ = service_date(order, booked.get(order.reference), self._today)
        return DatedOrder(found, day)


def _written(orders: Iterable[DeviceOrder], today: date) -> date | None:
    """The day on which a call was made, as its orders without a day of their own tell."""
    days = [
        one.authored.low
        for one in orders
        if one.code is not None
        and (one.occurrence or one.appointment) is None
        and one.authored is not None
        and one.authored.high < today
    ]
    return max(days, default=None)


class _Records:
    """The records of one patient, decoded as a live call's are."""

    def __init__(
        self, patient: Patient, knowledge: Knowledge, reader: ChartReader, shared: SharedRecords
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self._patient = patient
        self._index = knowledge.index
        self._reader = reader
        self._shared = shared
        self._linked: list[Entry] = []
        self._asked: set[str] = set()
        self._unreadable: dict[str, list[Unreadable]] = {}
        for record in patient.records:
            raw = RawEntry(resource=msgspec.Raw(record.text))
            unreadable: list[Unreadable] = []
            entry = read_entry(_CHART, raw, self._index, unreadable)
            self.entries[record.name] = entry
            if unreadable:
                self._unreadable[record.name] = unreadable

    def orders(self) -> FoundOrders:
        """The orders of ours."""
        devices = Devices()
        visits = {}
        for name, entry in self.entries.items():
            devices.add(entry.resource)
            if isinstance(entry.resource, Encounter):
                visits[name] = entry.resource
        for order in self._device_requests():
            # It may be on the shelf still.
            wanted = devices.missing(order)
            for entry in () if wanted is None else self._shared.find([wanted]):
                devices.add(entry.resource)
        is_patient = PatientCheck(self._patient.id)
        finder = OrderFinder(self._index, is_patient, devices, visits)
        return finder.find(self._patient.records)

    def _device_requests(self) -> Iterator[Order]:
        for record in self._patient.records:
            if record.type == "DeviceRequest":
                read = decode_order(msgspec.Raw(record.text))
                if read is not None:
                    yield read[0]

    def devices(self) -> dict[str, date | None]:
        """The Devices of ours, each with the day it was made."""
        found: dict[str, date | None] = {}
        for record in self._patient.records:
            resource = self.entries[record.name].resource
            if isinstance(resource, Device) and self._reader.matches(resource.type):
                found[record.name] = _made(record.text)
        return found

    def carried(self) -> dict[str, date]:
        """The Conditions that say that a defibrillator is in place, each with its first day.

        Those since which one had to be looked after are left out: it was there before.
        """
        found: dict[str, date] = {}
        looked_after = date.max
        for name, entry in self.entries.items():
            condition = entry.resource
            if not isinstance(condition, Condition) or condition.code is None:
                continue
            sets = [self._sets(coding) for coding in condition.code.coding]
            since = _since(condition)
            if any(_LOOKED_AFTER in one for one in sets):
                looked_after = min(looked_after, since or date.min)
            # One that says something else too is left in the chart for that.
            elif since is not None and [one for one in sets if one] == [{_IN_PLACE}]:
                found[name] = since
        return {name: since for name, since in found.items() if since < looked_after}

    def _sets(self, coding: Coding) -> set[str]:
        """The value sets that a code is in."""
        return {match.value_set for match in self._reader.matches(CodeableConcept([coding]))}

    def read(self, names: Iterable[str], day: date) -> Chart:
        """The chart that records make as they stood on a day, with what they point at."""
        chosen = list(names)
        entries = [as_it_stood(self.entries[name], day) for name in chosen]
        unreadable = tuple([one for name in chosen for one in self._unreadable.get(name, ())])
        for _ in range(_STEPS):
            chart, unresolved = self._read(entries, unreadable)
            payors = [name for one in chart.insurances for name in one.unread]
            wanted = [name for name in (*unresolved, *payors) if name not in self._asked]
            more = self._shared.find(wanted)
            self._asked.update(wanted)
            self._linked += more
            if not more:
                break
        return chart

    def _read(
        self, entries: list[Entry], unreadable: tuple[Unreadable, ...]
    ) -> tuple[Chart, tuple[str, ...]]:
        """The chart of a client that was asked for everything."""
        everything: dict[str, Resource | None] = {key.name: None for key in PREFETCH}
        everything[_CHART] = Bundle(entry=entries + self._linked)
        answers = read_answers(everything, unreadable)
        return self._reader.read(answers, self._patient.id)


def _since(condition: Condition) -> date | None:
    """The day that a Condition tells of: its onset, else when it was written down."""
    onset = None if condition.onset_period is None else condition.onset_period.start
    texts = (condition.onset_date_time, onset, condition.recorded_date)
    _, day = first_day(texts)
    return None if day is None else day.low


def _made(text: bytes) -> date | None:
    """The day a Device was made, the first if that is not known to the day."""
    try:
        day = read_date(_decode_made(text).manufacture_date)
    except BAD:
        return None
    return None if day is None else day.low
