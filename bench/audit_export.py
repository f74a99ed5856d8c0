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
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from export_lines import File, Lines, Plan, resource_counts
from export_orders import Chart, charts
from export_parts import DOCTOR_NAMES, DOCTORS, SITES, Json, line_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEAST_RESOURCES = 40
MOST_RESOURCES = 3000
_BATCH = 2000


class Written(NamedTuple):
    """What was generated, known without reading it again."""

    files: int
    lines: int
    size: int
    patients: int
    patients_with_order: int
    orders: Mapping[str, int]


def generate(plan: Plan, processes: int = 1) -> Written:
    """Write the export into a folder that is made if need be.

    Raises:
        ValueError: a number of ``plan`` is out of range, or there are files in the folder.
    """
    _check(plan)
    plan.folder.mkdir(parents=True, exist_ok=True)
    ordered = charts(plan.patients, plan.share, plan.seed)
    files = _files(plan, ordered)
    if processes == 1:
        sizes = [_write(plan, file) for file in files]
    else:
        with ProcessPoolExecutor(processes) as pool:
            sizes = list(pool.map(partial(_write, plan), files))
    places = _write_places(plan.folder)
    return Written(
        files=len(files) + len(places),
        lines=plan.patients * plan.resources + sum(lines for lines, _size in places),
        size=sum(sizes) + sum(size for _lines, size in places),
        patients=plan.patients,
        patients_with_order=len(ordered),
        orders=dict(Counter(kind for chart in ordered.values() for kind in chart.orders)),
    )


def _check(plan: Plan) -> None:
    if not LEAST_RESOURCES <= plan.resources <= MOST_RESOURCES:
        message = f"resources of a patient: {LEAST_RESOURCES} to {MOST_RESOURCES}"
        raise ValueError(message)
    if plan.patients < 1 or plan.file_lines < 1 or not 0 <= plan.share <= 1:
        message = "patients and lines of a file are at least 1, the share lies between 0 and 1"
        raise ValueError(message)
    if plan.folder.is_dir() and any(plan.folder.iterdir()):
        message = f"{plan.folder}: there are files in this folder"
        raise ValueError(message)


def _files(plan: Plan, ordered: Mapping[int, Chart]) -> list[File]:
    """The files, those of the commonest types first, so that no process ends long after others."""
    counts = resource_counts(plan.resources)
    lines = {kind: count * plan.patients for kind, count in counts.items()}
    in_charts = {row.kind for chart in ordered.values() for row in chart.rows}
    lines |= dict.fromkeys(sorted(in_charts - set(lines)), 1)
    by_number = sorted(lines.items(), key=lambda pair: -pair[1])
    return [
        File(kind, number, files)
        for kind, most in by_number
        for files in (math.ceil(most / plan.file_lines),)
        for number in range(files)
    ]


def _write(plan: Plan, file: File) -> int:
    """Write one file; its bytes."""
    writer = Lines(plan)
    others = writer.others(file)
    found = writer.of_charts(file)
    Random(f"{plan.seed} {file.kind} {file.number}").shuffle(found)
    total = resource_counts(plan.resources).get(file.kind, 0) * plan.patients // file.files
    batch = max(1, min(_BATCH, total // (len(found) + 1)))
    with (plan.folder / f"{file.kind}.{file.number:03}.ndjson").open("wb") as out:
        while lines := list(islice(others, batch)):
            out.write(b"".join(lines))
            if found:
                out.write(found.pop())
        out.write(b"".join(found))
        return out.tell()


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
    parser.add_argument("--resources", type=int, default=Plan._field_defaults["resources"])
    parser.add_argument("--share", type=float, default=Plan._field_defaults["share"])
    parser.add_argument("--seed", type=int, default=Plan._field_defaults["seed"])
    parser.add_argument("--file-lines", type=int, default=Plan._field_defaults["file_lines"])
    parser.add_argument("--processes", type=int, default=2)
    asked = vars(parser.parse_args(arguments))
    processes = asked.pop("processes")
    started = time.perf_counter()
    try:
        written = generate(Plan(**asked), processes)
    except ValueError as error:
        parser.error(str(error))
    print(f"{written.patients:,} patients, {written.patients_with_order:,} of them with an order")
    print(f"{sum(written.orders.values()):,} orders: {dict(sorted(written.orders.items()))}")
    print(f"{written.lines:,} resources in {written.files} files, {written.size:,} bytes")
    print(f"{time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
