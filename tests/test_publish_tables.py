"""History and tables: everything that is published, once, and nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING
from zipfile import ZipFile

import msgspec
import pytest
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from command_line import ROOT, environment, run
from defib_coverage.command.push_source import open_source
from defib_coverage.terminology.history import loading_order, transaction_of
from defib_coverage.terminology.listing import listing_of
from defib_coverage.terminology.parcels import parcels_of
from defib_coverage.terminology.spreadsheet import Table, csv_of, tables_of
from defib_coverage.terminology.workbook import workbook_of
from publications import BASE, CPT_URI, VERSIONS, Json, catalogue, cpt_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

TYPES = ["CodeSystem", "ValueSet", "ConceptMap", "Library", "PlanDefinition"]
HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "007", "1E5", "http://a.example", "TRUE")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    for kind in ("history", "tables"):
        done = run("publish", kind, "-o", folder)
        assert done.returncode == 0, done.stderr
        done = run("publish", kind, "--without-cpt", "-o", folder / "free")
        assert done.returncode == 0, done.stderr
    return folder


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


# ----------------------------------------------------------------------------------------- history


@pytest.fixture(scope="module")
def history(output: Path) -> list[Json]:
    bundle = json.loads((output / "defib-coverage.ncd20-4-history.json").read_text())
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
    entries: list[Json] = bundle["entry"]
    return entries


def test_the_transaction_puts_each_resource_under_its_id(history: list[Json]) -> None:
    places = [entry["request"]["url"] for entry in history]
    assert len(set(places)) == len(places) == len(catalogue().resources)
    for entry in history:
        resource = entry["resource"]
        assert entry.keys() == {"fullUrl", "resource", "request"}
        assert entry["request"]["method"] == "PUT"
        assert entry["request"]["url"] == f"{resource['resourceType']}/{resource['id']}"
        assert entry["fullUrl"] == f"{BASE}/{entry['request']['url']}"


def test_the_transaction_holds_every_version_of_every_url(history: list[Json]) -> None:
    held = {
        (r["resourceType"], r["url"], r["version"])
        for r in (entry["resource"] for entry in history)
    }
    assert held == {(type(r).__name__, r.url, r.version) for r in catalogue().resources}
    assert ("ValueSet", f"{BASE}/ValueSet/b1-diagnoses", "2021.10.1") in held
    texts = {
        f"{type(r).__name__}/{r.id}": msgspec.json.decode(msgspec.json.encode(r))
        for r in catalogue().resources
    }
    assert {entry["request"]["url"]: entry["resource"] for entry in history} == texts


@pytest.mark.parametrize("free", [False, True], ids=["all", "without-cpt"])
def test_the_transaction_holds_what_a_push_of_all_releases_writes(
    output: Path, *, free: bool
) -> None:
    name = "free/defib-coverage.ncd20-4.without-cpt" if free else "defib-coverage.ncd20-4"
    bundle = json.loads((output / f"{name}-history.json").read_text())
    source = open_source(BASE, without_cpt=free)
    pushed = parcels_of(source.resources(source.catalogue.releases.all), source.mark)
    places = {entry["request"]["url"] for entry in bundle["entry"]}
    assert places == {one.place for one in pushed}
    manifests = {place for place in places if place.startswith("Library/")}
    assert {"without-cpt" in place for place in manifests} == {free}


def test_what_others_need_comes_first_and_the_newest_before_the_older(history: list[Json]) -> None:
    kinds = [entry["resource"]["resourceType"] for entry in history]
    assert list(dict.fromkeys(kinds)) == TYPES
    assert kinds == sorted(kinds, key=TYPES.index)
    for kind in TYPES[1:]:
        versions = [
            e["resource"]["version"] for e in history if e["resource"]["resourceType"] == kind
        ]
        assert versions == sorted(versions, key=VERSIONS.index, reverse=True)


def test_ten_comes_after_nine() -> None:
    latest = catalogue().of(catalogue().releases.latest)[-1]
    versions = ("2022.9.1", "2022.10.1", "2022.9.30", "2021.12.1")
    resources = [msgspec.structs.replace(latest, version=version) for version in versions]
    found = [one.version for one in loading_order(resources)]
    assert found == ["2022.10.1", "2022.9.30", "2022.9.1", "2021.12.1"]


def test_the_transaction_is_fhir_r4() -> None:
    from fhir.resources.R4B.bundle import Bundle  # noqa: PLC0415 - slow to import

    some = [r for r in catalogue().resources if r.version != VERSIONS[-1]][::40]
    bundle = transaction_of(some, BASE)
    read = Bundle.model_validate_json(msgspec.json.encode(bundle))
    assert len(read.entry or ()) == len(some)


def test_the_transaction_without_cpt(output: Path) -> None:
    text = (output / "free" / "defib-coverage.ncd20-4.without-cpt-history.json").read_text()
    assert re.findall(rf"\b(?:{'|'.join(cpt_numbers())})\b", text) == []
    assert CPT_URI not in text


# ------------------------------------------------------------------------------------------ tables


def test_the_codes_of_the_table_are_those_of_the_sets(output: Path) -> None:
    told = {
        (row["value set"], row["system URI"], row["code"], version)
        for row in read_csv(output / "codes.csv")
        for version in row["versions"].split()
    }
    held = {
        (one.id, member.uri, member.code, version)
        for version, sets in catalogue().sets.items()
        for one in sets
        for member in one.members
    }
    assert told == held


def test_the_days_of_a_row_are_those_of_its_versions(output: Path) -> None:
    releases = {release.version: release for release in catalogue().releases.all}
    for row in read_csv(output / "codes.csv"):
        if row["role"] == "evidence":
            # Whatever their day.
            assert (row["first service day"], row["last service day"]) == ("", "")
            assert row["versions"].split() == list(releases)
            continue
        held = [releases[version] for version in row["versions"].split()]
        days = [day for r in releases.values() for day in (r.effective, r.until) if day is not None]
        for day in days:
            inside = row["first service day"] <= day.isoformat() and (
                not row["last service day"] or day.isoformat() <= row["last service day"]
            )
            assert inside == any(release.covers(day) for release in held), row


def test_rows_say_what_a_coder_asks(output: Path) -> None:
    rows = {(r["value set"], r["code"]): r for r in read_csv(output / "codes.csv")}
    tachycardia = rows["b1-diagnoses", "I47.2"]
    assert tachycardia["last service day"] == "2022-09-30"
    assert tachycardia["official title"] == "Ventricular tachycardia"
    assert tachycardia["indications"] == "B1"
    ischemic = rows["b3-diagnoses", "I25.5"]
    assert ischemic["companions"].startswith("needs one of heart-failure-partners: I50.21, I50.22")
    partner = rows["heart-failure-partners", "I50.22"]
    assert partner["role"] == "required-secondary"
    assert "stands beside b3-diagnoses: I25.5" in partner["companions"]
    implant = rows["orders-initial-implant-cpt", "33249"]
    assert implant["order class"] == "initial-implant"
    assert implant["indications"] == "B1 B2 B3 B4 B5 B6 D-BTT D-IDE"
    assert rows["orders-removal", "02PAXMZ"]["indications"] == ""
    assert implant["official title"] == implant["own words"] == ""
    assert implant["system releases"] == "2018 2019 2021 2022 2023"
    removal = rows["orders-removal", "02PAXMZ"]
    assert removal["first service day"] == "2018-02-15"
    assert removal["last service day"] == "2021-09-30"


def test_no_word_is_said_of_a_cpt_code_in_the_tables(output: Path) -> None:
    rows = [r for r in read_csv(output / "codes.csv") if r["system URI"] == CPT_URI]
    assert {row["code"] for row in rows} == cpt_numbers()
    assert {(row["official title"], row["own words"]) for row in rows} == {("", "")}
    notices = [row["text"] for row in read_csv(output / "notices.csv") if row["about"] == "notice"]
    assert notices[0].startswith("CPT © Copyright 2017-2022 American Medical Association.")


def test_the_tables_without_cpt(output: Path) -> None:
    for name in ("codes.csv", "value-sets.csv", "notices.csv", "changes.csv"):
        text = (output / "free" / name).read_text()
        assert re.findall(rf"\b(?:{'|'.join(cpt_numbers())})\b", text) == []
        assert CPT_URI not in text
        assert "American Medical Association" not in text


def test_the_value_sets_of_the_table(output: Path) -> None:
    rows = {row["value set"]: row for row in read_csv(output / "value-sets.csv")}
    latest = {one.id: one for one in catalogue().sets[VERSIONS[-1]]}
    assert rows.keys() == latest.keys()
    for name, row in rows.items():
        assert row["URL"] == latest[name].url
        assert int(row["codes in the latest version"]) == len(latest[name].members)
    assert rows["orders-pacemaker-combo"]["versions"] == "2023.1.1"


def test_the_changes_of_the_table(output: Path) -> None:
    changes = [
        (row["version"], row["change"], row["value set"], row["code"], row["successors"])
        for row in read_csv(output / "changes.csv")
    ]
    assert ("2022.10.1", "left", "b1-diagnoses", "I47.2", "I47.20 I47.21 I47.29") in changes
    assert ("2022.10.1", "came", "b1-diagnoses", "I47.20", "") in changes
    for before, after in pairwise(VERSIONS):
        old, new = (
            {(one.id, m.code) for one in catalogue().sets[version] for m in one.members}
            for version in (before, after)
        )
        told = {(s, code): kind for version, kind, s, code, _ in changes if version == after}
        assert told == dict.fromkeys(new - old, "came") | dict.fromkeys(old - new, "left")


def sheet_rows(sheet: Worksheet) -> list[list[object]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_the_workbook_equals_the_tables_and_its_counts_are_numbers(output: Path) -> None:
    book = load_workbook(output / "value-sets.xlsx")
    assert book.sheetnames == ["codes", "value-sets", "notices", "changes"]
    for name in book.sheetnames:
        with (output / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            expected = [[cell or None for cell in row] for row in csv.reader(file)]
        rows = sheet_rows(book[name])
        assert [[None if c is None else str(c) for c in row] for row in rows] == expected
        assert {cell.data_type for row in book[name].iter_rows() for cell in row} <= {"s", "n"}
        counts = {expected[0][n] for row in rows for n, c in enumerate(row) if isinstance(c, int)}
        assert counts == ({"codes in the latest version"} if name == "value-sets" else set())


def test_codes_keep_their_leading_zeros(output: Path) -> None:
    codes = [row[8].value for row in load_workbook(output / "value-sets.xlsx")["codes"].iter_rows()]
    digits = [code for code in codes if isinstance(code, str) and code.isdigit()]
    assert [code for code in digits if code.startswith("0")]


def test_the_workbook_names_no_hour(output: Path) -> None:
    with ZipFile(output / "value-sets.xlsx") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        properties = archive.read("docProps/core.xml").decode()
    published = catalogue().releases.latest.published.isoformat()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", properties)) == {f"{published}T00:00:00Z"}


def hostile(rows: Sequence[str]) -> Table:
    return Table("hostile", ("text",), tuple((row,) for row in rows))


def test_no_text_becomes_a_formula_a_number_or_a_link() -> None:
    published = catalogue().releases.latest.published
    book = load_workbook(io.BytesIO(workbook_of((hostile(HOSTILE),), "title", published)))
    cells = [row[0] for row in book["hostile"].iter_rows(min_row=2)]
    assert [unescape(str(cell.value)) for cell in cells] == list(HOSTILE)
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.hyperlink for cell in cells] == [None] * len(HOSTILE)
    rows = list(csv.reader(io.StringIO(csv_of(hostile(HOSTILE)).decode(), newline="")))
    assert [row[0] for row in rows[1:]] == [
        *(f"'{text}" for text in HOSTILE[:6]),
        *HOSTILE[6:],
    ]


def test_a_table_without_rows_is_written() -> None:
    published = catalogue().releases.latest.published
    book = load_workbook(io.BytesIO(workbook_of((hostile(()),), "title", published)))
    assert sheet_rows(book["hostile"]) == [["text"]]


def test_no_title_of_ours_needs_an_apostrophe() -> None:
    for table in tables_of(listing_of(catalogue(), licensed=True)):
        assert b",'" not in csv_of(table)


@pytest.mark.parametrize(("kind", "library"), [("tables", "xlsxwriter")])
def test_without_the_extra(kind: str, library: str, tmp_path: Path) -> None:
    (tmp_path / f"{library}.py").write_text("raise ModuleNotFoundError\n")
    done = subprocess.run(
        [sys.executable, "-m", "defib_coverage", "publish", kind, "-o", str(tmp_path / "out")],
        capture_output=True,
        check=False,
        text=True,
        env=environment() | {"PYTHONPATH": f"{tmp_path}:{ROOT / 'service'}"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"publish {kind}: needs {library}: pip install 'defib-coverage[publish]'\n",
    )
    assert not (tmp_path / "out").exists()
