"""A generated bulk export: NDJSON files of a population in which some have a defibrillator order.

The same seed gives the same bytes, however many processes write. The rows of a patient lie in all
the files of their type, far apart, which is the worst that an export can do to who groups them.
Every file is written by itself: which patient a line is about follows from the line's number.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from export_orders import Chart, charts, filled
from export_records import (
    DOCTOR_NAMES,
    DOCTORS,
    FAMILIES,
    GIVEN,
    SITES,
    line_of,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from export_records import Json

LEAST_RESOURCES = 40
MOST_RESOURCES = 3000
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
_BATCH = 2000
_MASK = (1 << 64) - 1
# Odd numbers without a pattern in their bits: multiplying by one spreads neighbours apart.
_SPREAD = 0x9E3779B97F4A7C15
_SPREAD_AGAIN = 0xD6E8FEB86659FD93
_LAST_DAY = date(2026, 11, 20)
_DAYS = 3650


class Order(NamedTuple):
    """What to generate: so many patients and resources of each, and how."""

    folder: Path
    patients: int
    resources: int = 60
    share: float = 0.05
    seed: int = 1
    file_lines: int = 400_000


class Written(NamedTuple):
    """What was generated, known without reading it again."""

    files: int
    lines: int
    size: int
    patients: int
    patients_with_order: int
    orders: Mapping[str, int]


class _File(NamedTuple):
    """One file: the ``number``th of the ``files`` of a resource type."""

    kind: str
    number: int
    files: int


def generate(order: Order, processes: int = 1) -> Written:
    """Write the export into a folder that is made if need be.

    Raises:
        ValueError: a number of ``order`` is out of range.
    """
    _check(order)
    order.folder.mkdir(parents=True, exist_ok=True)
    ordered = charts(order.patients, order.share, order.seed)
    files = _files(order, ordered)
    if processes == 1:
        sizes = [_write(order, file) for file in files]
    else:
        with ProcessPoolExecutor(processes) as pool:
            sizes = list(pool.map(partial(_write, order), files))
    places = _write_places(order.folder)
    return Written(
        files=len(files) + len(places),
        lines=order.patients * order.resources + sum(lines for lines, _size in places),
        size=sum(sizes) + sum(size for _lines, size in places),
        patients=order.patients,
        patients_with_order=len(ordered),
        orders=dict(Counter(kind for chart in ordered.values() for kind in chart.orders)),
    )


def _check(order: Order) -> None:
    if not LEAST_RESOURCES <= order.resources <= MOST_RESOURCES:
        message = f"resources of a patient: {LEAST_RESOURCES} to {MOST_RESOURCES}"
        raise ValueError(message)
    if order.patients < 1 or order.file_lines < 1 or not 0 <= order.share <= 1:
        message = "patients and lines of a file are at least 1, the share lies between 0 and 1"
        raise ValueError(message)


def _counts(resources: int) -> dict[str, int]:
    """How many resources of each type a patient has."""
    found = {
        kind: share if kind in _ONE_EACH else max(1, resources * share // _STANDARD)
        for kind, share in _SHARES.items()
    }
    return found | {"Observation": resources - sum(found.values())}


def _files(order: Order, ordered: Mapping[int, Chart]) -> list[_File]:
    """The files, those of the commonest types first, so that no process ends long after others."""
    counts = _counts(order.resources)
    lines = {kind: count * order.patients for kind, count in counts.items()}
    in_charts = {row.kind for chart in ordered.values() for row in chart.rows}
    lines |= dict.fromkeys(sorted(in_charts - set(lines)), 1)
    by_number = sorted(lines.items(), key=lambda pair: -pair[1])
    return [
        _File(kind, number, files)
        for kind, most in by_number
        for files in (math.ceil(most / order.file_lines),)
        for number in range(files)
    ]


def _write(order: Order, file: _File) -> int:
    """Write one file; its bytes."""
    writer = _Writer(order)
    others = writer.others(file)
    found = writer.of_charts(file)
    Random(f"{order.seed} {file}").shuffle(found)
    total = _counts(order.resources).get(file.kind, 0) * order.patients // file.files
    batch = max(1, min(_BATCH, total // (len(found) + 1)))
    with (order.folder / f"{file.kind}.{file.number:03}.ndjson").open("wb") as out:
        while lines := list(islice(others, batch)):
            out.write(b"".join(lines))
            if found:
                out.write(found.pop())
        out.write(b"".join(found))
        return out.tell()


class _Writer:
    """Writes the lines of files; holds the charts and the secrets of the seed."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._charts = charts(order.patients, order.share, order.seed)
        self._counts = _counts(order.resources)
        self._days = [
            (_LAST_DAY - timedelta(days=number)).isoformat().encode() for number in range(_DAYS)
        ]
        self._births = [b"%d-%02d-%02d" % (y, m, 14) for y in range(1936, 2000) for m in (3, 8)]
        self._clocks = [
            b"%02d:%02d" % (hour, minute) for hour in range(7, 19) for minute in range(60)
        ]
        self._names = [f"{family}, {given}".encode() for family in FAMILIES for given in GIVEN]

    def _salt(self, name: str) -> int:
        return Random(f"{name} {self._order.seed}").getrandbits(64)

    def of_charts(self, file: _File) -> list[bytes]:
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

    def others(self, file: _File) -> Iterator[bytes]:
        """The lines of a file that no rule reads.

        The lines of a type go round over all patients, each round in another order. A patient with
        a chart has as many observations less, so that all have the same number of resources.
        """
        patients = self._order.patients
        total = self._counts.get(file.kind, 0) * patients
        position, end = (total * number // file.files for number in (file.number, file.number + 1))
        while position < end:
            turn, first = divmod(position, patients)
            last = min(patients, first + end - position)
            found = _in_turn(patients, f"{file.kind} {turn} {self._order.seed}", first, last)
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


def _write_places(folder: Path) -> list[tuple[int, int]]:
    """The resources that are about no patient: lines and bytes of each file."""
    found: dict[str, list[tuple[str, Json]]] = {
        "Organization": [(f"site-{n}", {"name": name}) for n, name in enumerate(SITES)],
        "Location": [(f"room-{n}", {"name": name}) for n, name in enumerate(SITES)],
        "Practitioner": [
            (f"doctor-{n}", {"name": [{"family": DOCTOR_NAMES[n % len(DOCTOR_NAMES)]}]})
            for n in range(DOCTORS)
        ],
    }
    written = []
    for kind, rows in found.items():
        lines = [
            line_of({"resourceType": kind, "id": identifier, "active": True} | members)
            for identifier, members in rows
        ]
        text = "".join(lines).encode()
        (folder / f"{kind}.000.ndjson").write_bytes(text)
        written.append((len(lines), len(text)))
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Write what the command line asks for, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--resources", type=int, default=Order._field_defaults["resources"])
    parser.add_argument("--share", type=float, default=Order._field_defaults["share"])
    parser.add_argument("--seed", type=int, default=Order._field_defaults["seed"])
    parser.add_argument("--file-lines", type=int, default=Order._field_defaults["file_lines"])
    parser.add_argument("--processes", type=int, default=2)
    asked = vars(parser.parse_args(arguments))
    processes = asked.pop("processes")
    started = time.perf_counter()
    try:
        written = generate(Order(**asked), processes)
    except ValueError as error:
        parser.error(str(error))
    print(f"{written.patients:,} patients, {written.patients_with_order:,} of them with an order")
    print(f"{sum(written.orders.values()):,} orders: {dict(sorted(written.orders.items()))}")
    print(f"{written.lines:,} resources in {written.files} files, {written.size:,} bytes")
    print(f"{time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
