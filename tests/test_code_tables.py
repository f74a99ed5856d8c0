"""Every ICD-10 code of ours against the code tables of two packages, and what is told of them."""

from __future__ import annotations

import re
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from code_tables import ROOT, as_csv, family, tables
from defib_coverage.content import load
from defib_coverage.coverage.policy import PolicyVersion, references
from defib_coverage.families import FOLDER, SYSTEMS, load_families
from defib_coverage.fhir.systems import SYSTEM_NAMES
from defib_coverage.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = load()
FAMILIES = load_families()
ENTRIES = [(vs, entry) for vs in CONTENT.value_sets for entry in vs.codes]
README = (ROOT / "valuesets/README.md").read_text(encoding="utf-8")
UNKNOWN = README.partition("### What the tables cannot know")[2].partition("\n## ")[0]
# Codes of ours that the tables have as headers. Nothing else may be missing from them.
NO_LONGER_BILLABLE = {
    # Split into I47.20, I47.21 and I47.29 on 2022-10-01; claims of earlier days carry it.
    ("icd10cm", "I47.2"),
}
IN_TEXT = re.compile(r"(?<![\w.-])[A-TV-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?(?![\w-])")


def in_texts(value: object) -> Iterator[str]:
    """The ICD-10-CM codes in the keys and sentences of a file; patterns are no sentences."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from in_texts(key)
            if key != "patterns":
                yield from in_texts(inner)
    elif isinstance(value, list):
        yield from chain.from_iterable(map(in_texts, value))
    elif isinstance(value, str):
        yield from IN_TEXT.findall(value)


def of_system(system: str) -> set[str]:
    """Our codes of a system: listed, of a family, suggested, and those that follow others."""
    listed = {entry.code for _, entry in ENTRIES if entry.system == system}
    if system == "icd10cm":
        listed |= {c for _, entry in ENTRIES for c in entry.suggest + entry.successors}
    return listed | FAMILIES.titles[system].keys()


# -------------------------------------------------------------------------------------- the codes


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_code_is_billable_but_for_the_closed_list(system: str) -> None:
    table = tables()[system]
    codes = of_system(system)
    assert len(codes) > 200
    missing = {(system, code) for code in codes - table.titles.keys()}
    assert missing == {one for one in NO_LONGER_BILLABLE if one[0] == system}
    assert {code for _, code in missing} <= table.headers


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_title_is_that_of_the_table(system: str) -> None:
    titles = tables()[system].titles
    shown = {
        (vs.id, entry.code, entry.display)
        for vs, entry in ENTRIES
        if entry.system == system
        and entry.display is not None
        and (system, entry.code) not in NO_LONGER_BILLABLE
    }
    assert len(shown) > 20
    assert [(vs, c, d, titles[c]) for vs, c, d in sorted(shown) if d != titles[c]] == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lists_are_what_the_tables_give(system: str) -> None:
    # make families
    given = family(system, tables()[system], CONTENT.value_sets)
    committed = (ROOT / FOLDER / f"{system}.csv").read_text(encoding="utf-8")
    assert committed == as_csv(given)
    assert dict(FAMILIES.titles[system]) == given


def test_every_listed_or_matched_code_has_a_title_to_publish() -> None:
    for _, entry in ENTRIES:
        if entry.system in SYSTEMS:
            assert entry.display or FAMILIES.title(entry.system, entry.code), entry.code


def test_every_code_that_a_policy_names_is_billable() -> None:
    table = tables()["icd10cm"]
    named = {
        name
        for policy in CONTENT.versions
        for _, refers, name in references("", policy, PolicyVersion)
        if refers.to == "claim code"
    }
    assert {"I25.2", "Z45.02"} <= named
    assert named <= table.titles.keys()


@pytest.mark.parametrize("folder", ["policies/ncd-20.4", "cards", "valuesets"])
def test_every_code_in_a_sentence_is_billable(folder: str) -> None:
    table = tables()["icd10cm"]
    told: set[str] = set()
    for path in (ROOT / folder).glob("*.toml"):
        told.update(in_texts(read_table(path, path.name, [])))
    assert len(told) > 10
    gone = {code for system, code in NO_LONGER_BILLABLE if system == "icd10cm"}
    assert told - gone <= table.titles.keys()


# ----------------------------------------------------------------------------------- the releases


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_release_is_the_one_of_the_table(system: str) -> None:
    release = FAMILIES.releases[system]
    name, _, number = release.table.partition(" ")
    assert version(name).startswith(f"{number}.")
    assert len(tables()[system].titles) == release.codes


def test_the_icd10pcs_table_is_of_fiscal_year_2024() -> None:
    # The last character of a new-technology code is its group: 9 began in 2024, A in 2025.
    groups = {code[6] for code in tables()["icd10pcs"].titles if code.startswith("X")}
    assert max(groups) == "9"
    assert FAMILIES.releases["icd10pcs"].year == "2024"


def test_the_ended_codes_are_the_closed_list() -> None:
    ended = {(one.system, one.code) for one in FAMILIES.lifetimes if one.last is not None}
    assert ended == NO_LONGER_BILLABLE
    assert all(not FAMILIES.in_release(*one, FAMILIES.releases[one[0]].year) for one in ended)


# ----------------------------------------------------------------------------- what the README says


def test_the_readme_names_the_releases() -> None:
    row = r"^\| (ICD-10-\w+) \| (\d{4}) \| ([\d-]+) \| ([\d,]+) \| `(.+)` \| ([\d-]+) \|$"
    told = {cells[0]: cells[1:] for cells in re.findall(row, README, re.MULTILINE)}
    assert told == {
        SYSTEM_NAMES[system]: (
            release.year,
            str(release.update),
            f"{release.codes:,}",
            release.table,
            str(release.checked),
        )
        for system, release in FAMILIES.releases.items()
    }
    assert {str(release.checked) for release in FAMILIES.releases.values()} == set(
        re.findall(r"once, on (20\d\d-\d\d-\d\d)[,:]", UNKNOWN)
    )


def test_the_readme_names_the_code_that_is_no_longer_billable() -> None:
    told = re.search(r"not billable in the checked release: (.+)\.\n", README)
    assert told is not None
    assert {("icd10cm", code) for code in told[1].split(", ")} == NO_LONGER_BILLABLE


def test_the_years_that_the_readme_leaves_open_are_all_others() -> None:
    newer, older = (
        next(line for line in UNKNOWN.splitlines() if line.startswith(f"* **Titles of {word} "))
        for word in ("newer", "older")
    )
    assert "ICD-10-CM 2027; ICD-10-PCS 2025, 2026, 2027." in newer
    assert "ICD-10-CM 2018 to 2025, ICD-10-PCS 2018 to 2023." in older
    assert FAMILIES.releases["icd10cm"].year == "2026"
    assert FAMILIES.releases["icd10pcs"].year == "2024"
