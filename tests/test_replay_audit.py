"""``policy replay`` over a population: the files of an export, or the folder of an audit."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from command_line import edited_policy, run, words
from defib_coverage.audit.manifest import output_of
from fhir_builders import b2_chart, condition, order, payer
from test_drafts import edited_set

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fhir_builders import Json

DOS = date(2026, 11, 20)
TODAY = ("--today", "2026-11-21")
DAYS = range(28, 44)


def of_patient(number: int, resources: list[Json]) -> list[str]:
    """Resources as lines, of a patient of their own."""
    made = []
    for one in resources:
        whose = f"p{number}"
        resource = one | {
            "id": whose if one["resourceType"] == "Patient" else f"{one['id']}-{number}"
        }
        made.append(json.dumps(resource).replace("Patient/p1", f"Patient/{whose}"))
    return made


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient for each number of days between an infarction and the order."""
    folder = tmp_path_factory.mktemp("export")
    files: dict[str, list[str]] = {}
    for number in DAYS:
        day = (DOS - timedelta(days=number)).isoformat()
        ordered = order("33249", status="active", authoredOn=DOS.isoformat())
        for line in of_patient(number, [*b2_chart(), condition("I21.4", day), ordered]):
            files.setdefault(json.loads(line)["resourceType"], []).append(line)
    for kind, lines in files.items():
        (folder / f"{kind}.000.ndjson").write_text("\n".join(reversed(lines)) + "\n")
    (folder / "Condition.001.ndjson").write_text("no record\n")
    return folder


@pytest.fixture(scope="module")
def audited(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, audited."""
    out = tmp_path_factory.mktemp("audited") / "out"
    done = run("audit", "run", export, "-o", out, *TODAY)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def thirty(tmp_path: Path) -> Path:
    return edited_policy(tmp_path, ('last_excluded = "40 days"', 'last_excluded = "30 days"'))


def copied(audited: Path, to: Path) -> Path:
    """A copy of an audit's folder, to be changed."""
    shutil.copytree(audited, to)
    return to


def replayed(path: Path, *drafts: Path, settings: Mapping[str, str] | None = None) -> Json:
    """What a replay prints for programs."""
    options = [word for draft in drafts for word in ("--with", str(draft))]
    done = run("policy", "replay", path, *options, "--json", *TODAY, settings=settings)
    assert done.returncode == 0, done.stderr
    found: Json = json.loads(done.stdout)
    return found


def days_of(found: list[Json]) -> list[int]:
    return sorted(int(one["where"]["patient"].removeprefix("Patient/p")) for one in found)


def test_an_export_flips_what_lies_31_to_40_days_before(export: Path, thirty: Path) -> None:
    found = replayed(export, thirty)
    assert days_of(found["flips"]) == [*range(31, 41)]
    assert days_of(found["differences"]) == [28, 29, 30]
    summary = found["replay"]["summary"]
    assert (summary["orders"], summary["same"]) == (16, 3)
    assert summary["flips"] == 10
    flip = found["flips"][0]
    assert flip["where"]["file"] == "ServiceRequest.000.ndjson"
    assert flip["where"]["audit"]["kind"] == "ServiceRequest"
    assert flip["where"]["audit"]["knownAt"] == "2026-11-20"
    assert "now 30 days: it ended on" in flip["difference"]["waitingPeriods"][0]["text"]
    (reject,) = found["rejects"]
    assert (reject["file"], reject["line"]) == ("Condition.001.ndjson", 1)


def test_the_folder_of_an_audit_says_the_same(audited: Path, export: Path, thirty: Path) -> None:
    assert replayed(audited, thirty)["flips"] == replayed(export, thirty)["flips"]
    page = run("policy", "replay", audited, "--with", thirty, *TODAY)
    told = words(page.stdout)
    assert "16 orders: 10 orders with another status" in told
    assert told.count("not covered -> covered") == 10


def test_the_rows_of_an_audit_are_those_before(audited: Path, thirty: Path, tmp_path: Path) -> None:
    """Where program and data are the same, nothing is judged twice."""
    copy = copied(audited, tmp_path / "copy")
    rows = copy / "determinations.ndjson"
    kept = [line for line in rows.read_text().splitlines() if '"Patient/p35"' not in line]
    rows.write_text("\n".join(kept) + "\n")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["outputs"][0] = msgspec.to_builtins(output_of(rows, rows.name))
    (copy / "manifest.json").write_text(json.dumps(manifest))
    found = replayed(copy, thirty)
    (odd,) = [f for f in found["flips"] if f["where"]["patient"] == "Patient/p35"]
    assert odd["difference"]["statusBefore"] == "not-applicable"


def test_an_audit_by_other_data_is_made_again(audited: Path, thirty: Path, tmp_path: Path) -> None:
    copy = copied(audited, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"dataDigest": "0" * 64}))
    (copy / "determinations.ndjson").write_text("")
    assert days_of(replayed(copy, thirty)["flips"]) == [*range(31, 41)]


def test_rows_that_were_changed_are_refused(audited: Path, thirty: Path, tmp_path: Path) -> None:
    copy = copied(audited, tmp_path / "copy")
    rows = copy / "determinations.ndjson"
    rows.write_text(rows.read_text().replace('"2026-11-20"', '"2026-11-21"', 1))
    done = run("policy", "replay", copy, "--with", thirty)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{rows}: is not what the audit wrote" in done.stderr


def test_an_audit_by_other_payers_is_made_again(export: Path, thirty: Path, tmp_path: Path) -> None:
    """A payer that the file names by now is no reason for a flip of the draft."""
    plan = '[payers.one]\nlabel = "One"\nnames = ["One"]\n'
    other = '[payers.two]\nlabel = "Two"\nnames = ["Two"]\n'
    settings = {"PAYERS": str(tmp_path / "payers.toml")}
    (tmp_path / "payers.toml").write_text(plan)
    (tmp_path / "export").mkdir()
    for path in export.iterdir():
        (tmp_path / "export" / path.name).write_bytes(path.read_bytes())
    theirs = payer("512") | {"payor": [{"display": "Two of Ohio"}]}
    with (tmp_path / "export" / "Coverage.001.ndjson").open("w") as file:
        for number in DAYS:
            file.writelines(line + "\n" for line in of_patient(number, [theirs]))
    done = run(
        "audit", "run", tmp_path / "export", "-o", tmp_path / "out", *TODAY, settings=settings
    )
    assert done.returncode == 0, done.stderr
    before = json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]["byStatus"]
    assert before == {"not-applicable": len(DAYS)}
    assert replayed(tmp_path / "out", thirty, settings=settings)["flips"] == []
    (tmp_path / "payers.toml").write_text(plan + other)
    flips = replayed(tmp_path / "out", thirty, settings=settings)["flips"]
    assert days_of(flips) == [*range(31, 41)]


def test_files_that_were_changed_since_are_refused(
    audited: Path, thirty: Path, tmp_path: Path
) -> None:
    copy = copied(audited, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["inputs"][0]["sha256"] = "0" * 64
    (copy / "manifest.json").write_text(json.dumps(manifest))
    done = run("policy", "replay", copy, "--with", thirty)
    assert done.returncode == 2
    path = manifest["inputs"][0]["path"]
    assert f"{path}: was changed since the audit in {copy}" in done.stderr


def test_an_order_code_that_leaves(export: Path, tmp_path: Path) -> None:
    change = ('code = "33249"', 'code = "33248"')
    found = replayed(export, edited_set(tmp_path, "orders-initial-implant", change))
    assert days_of(found["flips"]) == [*DAYS]
    assert {f["difference"]["statusAfter"] for f in found["flips"]} == {"not-applicable"}
    assert found["replay"]["summary"]["flipsByReason"] == [
        {"reason": "order judged no longer", "orders": len(DAYS)}
    ]
