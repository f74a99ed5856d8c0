"""The closed set of changes that may be made to a chart or an order, and how each is made."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from defib_coverage.coverage.chart import Chart, Clinician, Fact, Hit, Kind, Quantity
from defib_coverage.coverage.dates import DateSpan
from defib_coverage.coverage.orders import classify
from defib_coverage.fhir.systems import SYSTEM_URIS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from defib_coverage.coverage.codes import CodeEntry, CodeIndex
    from defib_coverage.coverage.orders import DeviceOrder

LVEF = "lvef"
NYHA = "nyha"
VISIT = "shared-decision-making"
DEVICE = "existing-defibrillator"
# Where the professions stand that may hold the visit, and those that may not.
PROFESSIONS = ("shared-decision-practitioners", "shared-decision-other-staff")
ACCEPTED = PROFESSIONS[0]
DIAGNOSES = "icd10cm"
_ORDER_SYSTEMS = ("cpt", "hcpcs", "icd10pcs", "snomed")


class AddDiagnosis(msgspec.Struct, frozen=True, tag="add"):
    """An ICD-10-CM code more on file, confirmed and current; ``day`` is its onset, if known."""

    code: str
    day: date | None = None


class RemoveDiagnosis(msgspec.Struct, frozen=True, tag="remove"):
    """An ICD-10-CM code taken off the chart and off the orders' reasons."""

    code: str


class MoveEvent(msgspec.Struct, frozen=True, tag="move"):
    """The record ``reference`` (``Type/id``) happened on ``day``."""

    reference: str
    day: date


class SetLvef(msgspec.Struct, frozen=True, tag="lvef"):
    """A final LVEF reading of ``value`` per cent.

    ``modality`` is one of the words of the value set of readings, None for one not stated. With a
    ``day`` it stands beside the other readings, without one in their place.
    """

    value: float
    modality: str | None = None
    day: date | None = None


class SetClass(msgspec.Struct, frozen=True, tag="nyha"):
    """A NYHA class from 1 to 4; dated beside the others, or in their place as an LVEF is."""

    grade: int
    day: date | None = None


class HoldVisit(msgspec.Struct, frozen=True, tag="sdm"):
    """A shared decision-making visit by ``profession`` (as ``MD``), with or without a tool."""

    profession: str
    tool: bool = True
    day: date | None = None


class TakeDrug(msgspec.Struct, frozen=True, tag="drug"):
    """A drug of a class (the id of its value set) taken since a day and still taken."""

    drug_class: str
    since: date


class HaveDevice(msgspec.Struct, frozen=True, tag="device"):
    """A defibrillator that is in place already."""


class SetServiceDate(msgspec.Struct, frozen=True, tag="date"):
    """Another service date for the orders of the call."""

    day: date


class SetOrder(msgspec.Struct, frozen=True, tag="order"):
    """Another code for the order: the first of ours, else the first."""

    code: str


Change: TypeAlias = (
    AddDiagnosis
    | RemoveDiagnosis
    | MoveEvent
    | SetLvef
    | SetClass
    | HoldVisit
    | TakeDrug
    | HaveDevice
    | SetServiceDate
    | SetOrder
)


def merged(changes: Iterable[Change], more: Iterable[Change]) -> tuple[Change, ...]:
    """Changes with more of them: of service dates and of order codes the last one stands."""
    found = list(changes)
    for change in more:
        alone = isinstance(change, SetServiceDate | SetOrder)
        found = [c for c in found if c != change and not (alone and type(c) is type(change))]
        found.append(change)
    return tuple(found)


def apply(
    changes: Iterable[Change],
    orders: Sequence[DeviceOrder],
    chart: Chart,
    index: CodeIndex,
) -> tuple[tuple[DeviceOrder, ...], Chart]:
    """The orders and the chart as they would be, one change after the other.

    What a change cannot touch (a record that is not there, a code of no value set) it leaves alone.
    New records are named after what they say, as in ``Condition/what-if-I50.22``.
    """
    desk = _Desk(orders, chart, index)
    for change in changes:
        desk.make(change)
    return tuple(desk.orders), msgspec.structs.replace(chart, hits=desk.hits)


def _fact(kind: Kind, name: str, day: date | None) -> Fact:
    resource_type, _, identifier = name.partition("/")
    return Fact(reference=f"{resource_type}/what-if-{identifier}", kind=kind, when=_day(day))


def _day(day: date | None) -> DateSpan | None:
    return None if day is None else DateSpan(day, day, day.isoformat())


class _Desk:
    """The orders and the hits of one chart while changes are made to copies of them."""

    def __init__(self, orders: Sequence[DeviceOrder], chart: Chart, index: CodeIndex) -> None:
        self.orders = list(orders)
        self.hits = dict(chart.hits)
        self._index = index

    def make(self, change: Change) -> None:  # noqa: C901 - one case a change, each of a line or two
        """Make one change."""
        match change:
            case AddDiagnosis():
                self._add_diagnosis(change)
            case RemoveDiagnosis():
                self._remove(change.code)
            case MoveEvent():
                self._move(change)
            case SetLvef():
                self._set_lvef(change)
            case SetClass():
                self._set_class(change)
            case HoldVisit():
                self._hold_visit(change)
            case TakeDrug():
                drug = self._entry(change.drug_class)
                fact = _fact(
                    Kind.MEDICATION, f"MedicationStatement/{change.drug_class}", change.since
                )
                self._file(change.drug_class, drug, fact)
            case HaveDevice():
                self._file(
                    DEVICE, self._entry(DEVICE), _fact(Kind.DEVICE, "Device/defibrillator", None)
                )
            case SetServiceDate():
                self._date(change.day)
            case SetOrder() if self.orders:
                self._order(change.code)
            case SetOrder():
                return

    def _file(self, value_set: str, entry: CodeEntry, fact: Fact) -> None:
        self.hits[value_set] = (*self.hits.get(value_set, ()), Hit(fact, entry))

    def _entry(self, value_set: str, modality: str | None = None) -> CodeEntry:
        """The first code of a set that decides, of a modality where one is asked for."""
        codes = self._index.value_sets[value_set].codes
        return next(e for e in codes if e.strength == "decide" and e.modality == modality)

    def _add_diagnosis(self, change: AddDiagnosis) -> None:
        fact = _fact(Kind.CONDITION, f"Condition/{change.code}", change.day)
        for match in self._index.find(DIAGNOSES, change.code):
            self._file(match.value_set, match.entry, fact)

    def _remove(self, code: str) -> None:
        def stays(hit: Hit) -> bool:
            return hit.entry.system != DIAGNOSES or hit.entry.code != code

        self._change_hits(lambda hits: tuple(h for h in hits if stays(h)))
        self.orders = [
            msgspec.structs.replace(o, reasons=tuple(r for r in o.reasons if stays(r[1])))
            for o in self.orders
        ]

    def _move(self, change: MoveEvent) -> None:
        when = _day(change.day)

        def moved(hit: Hit) -> Hit:
            fact = hit.fact
            if fact.reference != change.reference:
                return hit
            # A record written down before the event would speak of another one.
            early = fact.recorded is not None and fact.recorded.high < change.day
            recorded = None if early else fact.recorded
            return Hit(msgspec.structs.replace(fact, when=when, recorded=recorded), hit.entry)

        self._change_hits(lambda hits: tuple(moved(h) for h in hits))

    def _change_hits(self, change: Callable[[tuple[Hit, ...]], tuple[Hit, ...]]) -> None:
        """Change the hits of every set; a set that nothing is left of is silent."""
        changed = {name: change(hits) for name, hits in self.hits.items()}
        self.hits = {name: hits for name, hits in changed.items() if hits}

    def _set_lvef(self, change: SetLvef) -> None:
        text = f"{change.value:g} %"
        fact = msgspec.structs.replace(
            _fact(Kind.OBSERVATION, "Observation/lvef", change.day),
            quantity=Quantity(change.value, change.value, text),
            modality=change.modality,
        )
        if change.day is None:
            self.hits.pop(LVEF, None)
        self._file(LVEF, self._entry(LVEF, change.modality), fact)

    def _set_class(self, change: SetClass) -> None:
        fact = msgspec.structs.replace(
            _fact(Kind.OBSERVATION, "Observation/nyha", change.day),
            classes=(change.grade,),
        )
        if change.day is None:
            self.hits.pop(NYHA, None)
        self._file(NYHA, self._entry(NYHA), fact)

    def _hold_visit(self, change: HoldVisit) -> None:
        accepted = any(e.code == change.profession for e in self._index.value_sets[ACCEPTED].codes)
        fact = msgspec.structs.replace(
            _fact(Kind.ENCOUNTER, "Encounter/visit", change.day),
            clinician=Clinician.ACCEPTED if accepted else Clinician.NOT_ACCEPTED,
            # Without a tool it is a visit that only its words call a shared decision.
            in_words=not change.tool,
        )
        self._file(VISIT, self._entry(VISIT), fact)

    def _date(self, day: date) -> None:
        # The order's own day now says when, whatever was booked.
        self.orders = [
            msgspec.structs.replace(o, occurrence=_day(day), appointment=None) for o in self.orders
        ]

    def _order(self, code: str) -> None:
        ours = (i for i, o in enumerate(self.orders) if o.code is not None)
        place = next(ours, 0)
        order = self.orders[place]
        codings = [(name, SYSTEM_URIS[name][0], code) for name in _ORDER_SYSTEMS]
        found = classify(codings, order.reference.partition("/")[0], self._index)
        self.orders[place] = msgspec.structs.replace(order, code=found, text=code, system=None)
