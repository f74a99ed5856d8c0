"""The generated export: it holds what it says it wrote, and the seed decides every byte."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from audit_export import Written, generate
from export_lines import Plan
from export_orders import cases
from fhir_builders import Json

PATIENTS = 60


def rows_of(folder: Path) -> list[Json]:
    return [
        json.loads(line)
        for path in sorted(folder.iterdir())
        for line in path.read_bytes().splitlines()
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def patient_of(row: Json) -> str | None:
    if row["resourceType"] == "Patient":
        return f"Patient/{row['id']}"
    named = row.get("subject") or row.get("patient") or row.get("beneficiary") or {}
    found: str | None = named.get("reference")
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def written(folder: Path) -> Written:
    return generate(Plan(folder, PATIENTS, share=0.5, seed=3, file_lines=400))


def test_counts_are_those_of_the_files(folder: Path, written: Written) -> None:
    rows = rows_of(folder)
    assert written.files == len(contents(folder))
    assert written.lines == len(rows)
    assert written.size == sum(map(len, contents(folder).values()))
    assert written.patients_with_order == PATIENTS // 2
    of_patients = Counter(patient_of(row) for row in rows)
    del of_patients[None]
    assert set(of_patients.values()) == {60}
    assert len(of_patients) == PATIENTS


def test_orders_are_in_the_files(folder: Path, written: Written) -> None:
    rows = rows_of(folder)
    codes = {
        coding["code"]
        for case in cases()
        for coding in json.loads(case.orders["ServiceRequest"].line)["code"]["coding"]
    }
    ordered = [row for row in rows if any(f'"{code}"' in json.dumps(row) for code in codes)]
    found = Counter(row["resourceType"] for row in ordered)
    found["DeviceRequest"] = sum(row["resourceType"] == "DeviceRequest" for row in rows)
    assert set(written.orders) == {"ServiceRequest", "DeviceRequest", "Procedure", "Claim"}
    assert {kind: found[kind] for kind in written.orders} == written.orders


def test_references_lead_to_rows(folder: Path, written: Written) -> None:
    rows = rows_of(folder)
    ids = [f"{row['resourceType']}/{row['id']}" for row in rows]
    assert len(set(ids)) == written.lines
    named = [row["encounter"]["reference"] for row in rows if "encounter" in row]
    results = chain.from_iterable(row.get("result", ()) for row in rows)
    named += [result["reference"] for result in results]
    named += [found for row in rows if (found := patient_of(row))]
    assert set(named) <= set(ids)


def test_rows_of_a_patient_lie_in_several_files_of_a_type(folder: Path, written: Written) -> None:
    assert written.files > len({name.split(".")[0] for name in contents(folder)})
    files: dict[str | None, set[str]] = {}
    for path in folder.glob("Observation.*"):
        for line in path.read_bytes().splitlines():
            files.setdefault(patient_of(json.loads(line)), set()).add(path.name)
    assert all(len(names) > 1 for names in files.values())


def test_seed_decides_every_byte_whatever_the_processes(
    folder: Path, written: Written, tmp_path: Path
) -> None:
    plan = Plan(tmp_path / "same", PATIENTS, share=0.5, seed=3, file_lines=400)
    assert generate(plan, processes=3) == written
    assert contents(plan.folder) == contents(folder)
    other = plan._replace(folder=tmp_path / "other", seed=4)
    generate(other)
    assert contents(other.folder)["Patient.000.ndjson"] != contents(folder)["Patient.000.ndjson"]


@pytest.mark.parametrize(
    "changed",
    [
        Plan(Path(), PATIENTS, resources=10),
        Plan(Path(), 0),
        Plan(Path(), PATIENTS, share=1.5),
        Plan(Path(), PATIENTS, file_lines=0),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, changed: Plan) -> None:
    folder = tmp_path / "export"
    with pytest.raises(ValueError, match=r"resources of a patient|are at least 1"):
        generate(changed._replace(folder=folder))
    assert not folder.exists()


def test_folder_with_files_is_refused(folder: Path, written: Written) -> None:
    before = contents(folder)
    with pytest.raises(ValueError, match="there are files in this folder"):
        generate(Plan(folder, PATIENTS))
    assert contents(folder) == before
    assert len(before) == written.files
