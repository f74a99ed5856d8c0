"""Faults in the lists of code families are named, and the lists hold what publishing needs."""

from __future__ import annotations

import shutil
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from defib_coverage.content import data_root, load
from defib_coverage.coverage.codes import CodeEntry, CodePattern, ValueSet
from defib_coverage.errors import DataError
from defib_coverage.families import FOLDER, Families, Lifetime, load_families
from defib_coverage.family_checks import family_faults

if TYPE_CHECKING:
    from pathlib import Path

    from defib_coverage.errors import Fault

SETS = load().value_sets
FAMILIES = load_families()
RELEASES = "releases.toml"
LAST = "C80.2"  # the last of its family
ROW = f"{LAST},Malignant neoplasm associated with transplanted organ\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the lists, to break."""
    shutil.copytree(data_root() / FOLDER, tmp_path / FOLDER)
    return tmp_path


def broken(root: Path, file: str, old: str, new: str) -> Fault:
    """The one fault of the lists after a text in a file was replaced."""
    path = root / FOLDER / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_families(root)
    (fault,) = caught.value.faults
    assert fault.file == f"{FOLDER}/{file}"
    assert fault.remedy
    return fault


def value_set(*codes: CodeEntry, role: str = "coverage", pattern: str = "") -> ValueSet:
    """A value set with some codes and a family of ICD-10-CM codes."""
    families = (CodePattern("icd10cm", pattern, "x"),) if pattern else ()
    made = ValueSet("x", "X", "test", "P", "evidence", codes=codes, patterns=families)
    return msgspec.structs.replace(made, role=role)


def about(*sets: ValueSet, families: Families = FAMILIES) -> list[str]:
    """Every fault between lists and the shipped value sets with some more."""
    return [str(fault) for fault in family_faults(families, [*SETS, *sets])]


# --------------------------------------------------------------------------------- what they hold


def test_the_shipped_lists_are_whole(root: Path) -> None:
    assert about() == []
    assert load_families(root) == FAMILIES


def test_a_family_has_its_codes_in_order_with_titles() -> None:
    (rule,) = next(vs for vs in SETS if vs.id == "replacement-near-miss").patterns
    members = FAMILIES.members(rule)
    assert list(members) == sorted(members)
    assert len(members) == 24
    assert members["T82.110D"] == (
        "Breakdown (mechanical) of cardiac electrode, subsequent encounter"
    )
    # The pattern must match the whole code, as in judging.
    assert FAMILIES.members(CodePattern("icd10cm", "C8", "x")) == {}
    assert FAMILIES.members(CodePattern("snomed", ".*", "x")) == {}


def test_a_listed_code_without_title_has_one_here() -> None:
    assert FAMILIES.title("icd10pcs", "5A2204Z") == "Restoration of Cardiac Rhythm, Single"
    assert FAMILIES.title("icd10pcs", "0016070") is None
    assert FAMILIES.title("cpt", "33249") is None


@pytest.mark.parametrize(
    ("system", "code", "year", "release"),
    [
        ("icd10cm", "I25.5", "2018", "2018"),
        ("icd10cm", "I25.5", "2026", "2026"),
        ("icd10cm", "I47.2", "2018", "2018"),
        ("icd10cm", "I47.2", "2023", "2022"),
        ("icd10cm", "I5A", "2020", "2022"),
        ("icd10cm", "I5A", "2023", "2023"),
        ("icd10cm", "I21.B", "2023", "2024"),
        ("icd10pcs", "02PAXMZ", "2020", "2020"),
    ],
)
def test_a_code_is_pinned_to_a_release_that_has_it(
    system: str, code: str, year: str, release: str
) -> None:
    assert FAMILIES.release_of(system, code, year) == release
    assert FAMILIES.in_release(system, code, year) is (release == year)


@pytest.mark.parametrize(
    ("code", "years"),
    [
        ("I25.5", {"2018", "2022", "2023", "2026"}),
        ("I47.2", {"2018", "2022"}),
        ("I47.20", {"2023", "2026"}),
    ],
)
def test_a_release_has_the_codes_of_its_year(code: str, years: set[str]) -> None:
    asked = {"2018", "2022", "2023", "2026"}
    assert {year for year in asked if FAMILIES.in_release("icd10cm", code, year)} == years


# --------------------------------------------------------------------------------- the lists alone

LIST_FAULTS = {
    "an unknown column": ("code,display\n", "code,title\n", "line 1", "columns"),
    "no column": ("code,display\n", "", "line 1", "columns"),
    "a row without title": (ROW, f"{LAST},\n", "line", "title"),
    "a row without columns": (ROW, "\n", "line", "title"),
    "a row with too many columns": (ROW, ROW.replace("\n", ",x\n"), "line", "title"),
    "a code twice": (ROW, ROW * 2, "line", "twice"),
    "a code without its dot": (ROW, ROW.replace("C80.2", "C802"), "line", "canonical"),
    "codes out of order": (ROW, ROW + "A00.0,Cholera\n", "line", "comes after"),
    "an unclosed quote": (ROW, f'{LAST},"Malignant\n', "-", "CSV"),
}


@pytest.mark.parametrize("name", LIST_FAULTS)
def test_a_fault_of_a_list_is_named(root: Path, name: str) -> None:
    old, new, key, reason = LIST_FAULTS[name]
    fault = broken(root, "icd10cm.csv", old, new)
    assert fault.key.startswith(key)
    assert reason in fault.reason


@pytest.mark.parametrize("file", ["icd10cm.csv", "icd10pcs.csv", RELEASES])
def test_a_missing_file_is_named(root: Path, file: str) -> None:
    (root / FOLDER / file).unlink()
    with pytest.raises(DataError, match=f"{FOLDER}/{file}: -: cannot be read"):
        load_families(root)


@pytest.mark.parametrize("file", ["icd10cm.csv", RELEASES])
def test_a_file_that_is_no_utf8_is_named(root: Path, file: str) -> None:
    (root / FOLDER / file).write_bytes(b"code,display\n\xff\n")
    with pytest.raises(DataError, match=f"{FOLDER}/{file}: -: is not UTF-8"):
        load_families(root)


def test_an_empty_list_has_no_columns(root: Path) -> None:
    (root / FOLDER / "icd10cm.csv").write_bytes(b"")
    with pytest.raises(DataError, match="line 1: the columns are not code and display"):
        load_families(root)


CPT_RELEASE = """[releases.cpt]
year = "2026"
update = 2026-01-01
codes = 1
table = "x"
checked = 2026-01-01
[releases.icd10cm]"""
I47_2 = 'code = "I47.2", last = "2022"'
I5A = 'code = "I5A", first = "2022"'
RELEASE_FAULTS = {
    "no TOML": ("[releases.icd10cm]", "[releases.icd10cm", "-", "TOML"),
    "an unknown key": ('year = "2026"', 'jear = "2026"', "releases.icd10cm", "jear"),
    "a year that is none": ('year = "2026"', 'year = "FY26"', "releases.icd10cm.year", "FY26"),
    "a day of another year": (
        "update = 2026-04-01",
        "update = 2026-10-01",
        "releases.icd10cm.update",
        "2026",
    ),
    "a system without list": ("[releases.icd10cm]", CPT_RELEASE, "releases.cpt", "no list"),
    "a lifetime of another system": (
        f'system = "icd10cm", {I47_2}',
        f'system = "cpt", {I47_2}',
        "I47.2",
        "no release",
    ),
    "a lifetime without years": (I5A, 'code = "I5A"', "I5A", "first"),
    "a lifetime with a year that is none": (I47_2, I47_2.replace("2022", "22"), "I47.2", "last"),
    "a lifetime that ends before it begins": (
        I47_2,
        I47_2 + ', first = "2023"',
        "I47.2",
        "order",
    ),
    "a lifetime that begins after the release": (
        I5A,
        I5A.replace("2022", "2027"),
        "I5A",
        "order",
    ),
    "a code that did not end": (I47_2, I47_2.replace("2022", "2026"), "I47.2", "billable"),
    "a lifetime twice": ('code = "I47.10"', 'code = "I47.19"', "I47.19", "twice"),
}


@pytest.mark.parametrize("name", RELEASE_FAULTS)
def test_a_fault_of_the_releases_is_named(root: Path, name: str) -> None:
    old, new, key, reason = RELEASE_FAULTS[name]
    fault = broken(root, RELEASES, old, new)
    assert key in fault.key
    assert reason in fault.reason


def test_a_release_that_is_missing_is_named(root: Path) -> None:
    path = root / FOLDER / RELEASES
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataError):
        load_families(root)
    path.write_text("[releases]\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_families(root)
    assert [fault.key for fault in caught.value.faults] == ["releases.icd10cm", "releases.icd10pcs"]


# --------------------------------------------------------------------- against the value sets


def test_a_pattern_without_codes_is_named() -> None:
    (fault,) = about(value_set(pattern="Q99.*"))
    assert fault.startswith("valuesets/x.toml: patterns[0]: 'Q99.*' matches no code of")


def test_a_pattern_of_a_system_without_list_is_named() -> None:
    made = value_set(pattern="x")
    rule = CodePattern("cpt", "33.*", "x")
    (fault,) = about(msgspec.structs.replace(made, patterns=(rule,)))
    assert "cpt has no list of codes" in fault


def test_a_code_that_nothing_needs_is_named() -> None:
    titles = {**FAMILIES.titles, "icd10cm": {**FAMILIES.titles["icd10cm"], "Z99.9": "x"}}
    (fault,) = about(families=msgspec.structs.replace(FAMILIES, titles=titles))
    assert fault.startswith(f"{FOLDER}/icd10cm.csv: Z99.9: no pattern matches the code")


def test_a_code_without_any_title_is_named() -> None:
    (fault,) = about(value_set(CodeEntry("icd10pcs", "0016070")))
    assert "has no title" in fault
    assert about(value_set(CodeEntry("icd10pcs", "0016070", display="x"))) == []


def test_a_title_that_differs_is_named() -> None:
    (fault,) = about(value_set(CodeEntry("icd10cm", "I13.0", display="x")))
    assert "codes[0] I13.0: the release's title is 'Hypertensive heart and" in fault


def test_a_lifetime_of_a_code_that_is_not_ours_is_named() -> None:
    lifetimes = (*FAMILIES.lifetimes, Lifetime("icd10cm", "A00.0", first="2020"))
    (fault,) = about(families=msgspec.structs.replace(FAMILIES, lifetimes=lifetimes))
    assert "lifetimes A00.0: the code is in no value set" in fault


def test_an_ended_code_is_not_listed() -> None:
    lifetimes = (*FAMILIES.lifetimes, Lifetime("icd10cm", "I13.0", last="2020"))
    found = about(families=msgspec.structs.replace(FAMILIES, lifetimes=lifetimes))
    assert f"{FOLDER}/icd10cm.csv: I13.0: ended before the release" in found[-1]


@pytest.mark.parametrize(
    ("code", "days", "reason"),
    [
        ("I5A", {"start": date(2021, 9, 30)}, "before its first fiscal year, 2022"),
        ("I5A", {}, "before its first fiscal year, 2022"),
        ("I5A", {"start": date(2021, 10, 1)}, ""),
        ("I47.2", {"until": date(2022, 10, 1)}, "after its last fiscal year, 2022"),
        ("I47.2", {}, "after its last fiscal year, 2022"),
        ("I47.2", {"until": date(2022, 9, 30)}, ""),
    ],
)
def test_a_code_in_force_in_a_year_without_it_is_named(
    code: str,
    days: dict[str, date],
    reason: str,
) -> None:
    entry = msgspec.structs.replace(CodeEntry("icd10cm", code, display="x"), **days)
    assert [reason in fault for fault in about(value_set(entry))] == [True] * bool(reason)
    # Evidence counts whenever it was recorded.
    assert about(value_set(entry, role="evidence")) == []
