"""The lines of a generated export: which patient each is about, and what varies in it.

A line follows from its place in its file and the seed alone, so that files can be written in any
order by any process.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from export_orders import Chart, charts, filled
from export_parts import DOCTORS, FAMILIES, GIVEN, SITES
from export_records import texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# How many of 60 resources are of a type. The rest are observations, the type that most are of.
_SHARES: Mapping[str, int] = {
    "Patient": 1,
    "Coverage": 1,
    "Encounter": 5,
    "Condition": 5,
    "MedicationRequest": 5,
    "Procedure": 3,
    "DiagnosticReport": 3,
    "Immunization": 3,
    "Claim": 3,
    "ExplanationOfBenefit": 2,
    "DocumentReference": 1,
    "ServiceRequest": 1,
    "AllergyIntolerance": 1,
}
_ONE_EACH = ("Patient", "Coverage")
_STANDARD = 60
# Resources of a patient's chart are numbered from here, beyond those of the other records.
_CHART_NUMBERS = 3500
_NUMBERS = 4096
_MASK = (1 << 64) - 1
# Odd numbers without a pattern in their bits: multiplying by one spreads neighbours apart.
_SPREAD = 0x9E3779B97F4A7C15
_SPREAD_AGAIN = 0xD6E8FEB86659FD93
_LAST_DAY = date(2026, 11, 20)
_DAYS = 3650


class Plan(NamedTuple):
    """What to generate: so many patients and resources of each, and how."""

    folder: Path
    patients: int
    resources: int = 60
    share: float = 0.05
    seed: int = 1
    file_lines: int = 400_000


class File(NamedTuple):
    """One file: the ``number``th of the ``files`` of a resource type."""

    kind: str
    number: int
    files: int


def resource_counts(resources: int) -> dict[str, int]:
    """How many resources of each type a patient has."""
    found = {
        kind: share if kind in _ONE_EACH else max(1, resources * share // _STANDARD)
        for kind, share in _SHARES.items()
    }
    return found | {"Observation": resources - sum(found.values())}


class Lines:
    """Renders the lines of files; holds the charts, and the words that lines are filled with."""

    def __init__(self, plan: Plan) -> None:
        """Lines of what ``plan`` asks for."""
        self._plan = plan
        self._charts = charts(plan.patients, plan.share, plan.seed)
        self._counts = resource_counts(plan.resources)
        self._days = [
            (_LAST_DAY - timedelta(days=number)).isoformat().encode() for number in range(_DAYS)
        ]
        self._births = [b"%d-%02d-%02d" % (y, m, 14) for y in range(1936, 2000) for m in (3, 8)]
        self._clocks = [
            b"%02d:%02d" % (hour, minute) for hour in range(7, 19) for minute in range(60)
        ]
        self._names = [f"{family}, {given}".encode() for family in FAMILIES for given in GIVEN]

    def _salt(self, name: str) -> int:
        return Random(f"{name} {self._plan.seed}").getrandbits(64)

    def of_charts(self, file: File) -> list[bytes]:
        """The lines of the charts with an order that belong into a file."""
        salt, patients = self._salt(file.kind), self._salt("Patient")
        return [
            filled(row, chart.day, self._gaps(chart, patient, number, salt, patients))
            for patient, chart in self._charts.items()
            for number, row in enumerate(chart.rows)
            if row.kind == file.kind and (patient + number) % file.files == file.number
        ]

    def _gaps(
        self, chart: Chart, patient: int, number: int, salt: int, patients: int
    ) -> dict[str, str]:
        doctor = patient % DOCTORS
        return {
            "id": _identifier(salt, patient * _NUMBERS + _CHART_NUMBERS + number).decode(),
            "patient": _identifier(patients, patient * _NUMBERS).decode(),
            "name": self._names[patient % len(self._names)].decode(),
            "number": str(200_000_000 + patient),
            "day": chart.day.isoformat(),
            "clock": "10:30",
            "doctor": str(doctor),
            "site": str(doctor % len(SITES)),
            "sitename": SITES[doctor % len(SITES)],
        }

    def others(self, file: File) -> Iterator[bytes]:
        """The lines of a file that no rule reads.

        The lines of a type go round over all patients, each round in another order. A patient with
        a chart has as many observations less, so that all have the same number of resources.
        """
        patients = self._plan.patients
        total = self._counts.get(file.kind, 0) * patients
        position, end = (total * number // file.files for number in (file.number, file.number + 1))
        while position < end:
            turn, first = divmod(position, patients)
            last = min(patients, first + end - position)
            found = _in_turn(patients, f"{file.kind} {turn} {self._plan.seed}", first, last)
            if file.kind == "Observation":
                found = (number for number in found if not self._is_left_out(number, turn))
            yield from self._lines(file.kind, turn, found)
            position += last - first

    def _is_left_out(self, patient: int, turn: int) -> bool:
        chart = self._charts.get(patient)
        return chart is not None and turn < len(chart.rows)

    def _lines(self, kind: str, turn: int, patients: Iterator[int]) -> Iterator[bytes]:
        """One line about each patient. The bits of one spread number choose all that varies."""
        found, days, clocks, names = texts(kind), self._days, self._clocks, self._names
        salt, of_patients, of_visits = map(self._salt, (kind, "Patient", "Encounter"))
        of_results, visits = self._salt("Observation"), self._counts["Encounter"]
        last_result = self._counts["Observation"] - 1
        has_result = kind == "DiagnosticReport"
        sites = [name.encode() for name in SITES]
        for patient in patients:
            own = patient * _NUMBERS
            bits = ((own + turn) * _SPREAD + salt) & _MASK
            bits = ((bits ^ (bits >> 29)) * _SPREAD_AGAIN) & _MASK
            bits ^= bits >> 32
            line, values = found[bits % len(found)]
            doctor = patient % DOCTORS
            yield line % {
                b"id": _identifier(salt, own if kind == "Patient" else own + turn),
                b"patient": _identifier(of_patients, own),
                b"visit": _identifier(of_visits, own + (bits >> 8) % visits),
                b"result": _identifier(of_results, own + last_result) if has_result else b"",
                b"name": names[patient % len(names)],
                b"family": names[patient % len(names)].split(b",")[0],
                b"number": b"%d" % (100_000_000 + (bits >> 40)),
                b"day": days[(bits >> 16) % _DAYS],
                b"clock": clocks[(bits >> 28) % len(clocks)],
                b"birth": self._births[(bits >> 38) % len(self._births)],
                b"value": values[(bits >> 50) % len(values)],
                b"doctor": b"%d" % doctor,
                b"site": b"%d" % (doctor % len(sites)),
                b"sitename": sites[doctor % len(sites)],
            }


def _in_turn(patients: int, secret: str, first: int, last: int) -> Iterator[int]:
    """All patients in an order of their own, from the ``first`` to before the ``last`` of it."""
    random = Random(secret)
    start, step = random.randrange(patients), random.randrange(1, patients + 1)
    while math.gcd(step, patients) != 1:
        step += 1
    return ((start + number * step) % patients for number in range(first, last))


def _identifier(salt: int, number: int) -> bytes:
    """An id that looks like a UUID and is different for every number."""
    high = (number * _SPREAD + salt) & _MASK
    low = (number * _SPREAD_AGAIN ^ salt) & _MASK
    low ^= low >> 29
    return b"%08x-%04x-4%03x-a%03x-%012x" % (
        high >> 32,
        (high >> 16) & 0xFFFF,
        (high >> 4) & 0xFFF,
        low >> 52,
        low & 0xFFFF_FFFF_FFFF,
    )
