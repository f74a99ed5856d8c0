"""Drafts laid over the present content: what they replace, their digest, and every fault."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from command_line import ROOT, edited_policy, run
from defib_coverage.content import load
from defib_coverage.drafts import lay_over
from defib_coverage.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = load()
SETS = ROOT / "valuesets"


def edited_set(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """A value set file of any name with texts replaced."""
    text = (SETS / f"{name}.toml").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = folder / f"my {name}.toml"
    path.write_text(text)
    return path


def faults_of(*files: Path, overlay: Path | None = None) -> list[str]:
    """What is wrong with drafts."""
    with pytest.raises(DataError) as error:
        lay_over(CONTENT, files, overlay)
    return [str(fault) for fault in error.value.faults]


def test_a_policy_of_a_known_day_takes_its_place(tmp_path: Path) -> None:
    path = edited_policy(tmp_path, ('last_excluded = "40 days"', 'last_excluded = "30 days"'))
    drafted = lay_over(CONTENT, [path])
    (version,) = drafted.content.versions
    assert version.waiting["MI"].last_excluded == "30 days"
    (file,) = drafted.files
    assert (file.kind, file.id, file.replaces) == ("policy", "2018-02-15", True)
    assert drafted.content.value_sets == CONTENT.value_sets
    assert CONTENT.versions[0].waiting["MI"].last_excluded == "40 days"


def test_a_policy_of_another_day_joins_the_library(tmp_path: Path) -> None:
    path = edited_policy(tmp_path, ("effective = 2018-02-15", "effective = 2027-01-01"))
    drafted = lay_over(CONTENT, [path])
    library = drafted.content.knowledge().library
    day = date(2027, 1, 1)
    assert [v.effective for v in library.versions] == [date(2018, 2, 15), day]
    in_force = library.in_force(date(2026, 12, 31))
    assert in_force is not None
    assert in_force.effective == date(2018, 2, 15)
    assert not drafted.files[0].replaces


def test_a_value_set_takes_the_place_of_its_id(tmp_path: Path) -> None:
    path = edited_set(tmp_path, "acute-mi", ("304914007", "304914008"))
    index = lay_over(CONTENT, [path]).content.knowledge().index
    assert "acute-mi" not in {m.value_set for m in index.find("snomed", "304914007")}
    present = CONTENT.knowledge().index
    assert "acute-mi" in {m.value_set for m in present.find("snomed", "304914007")}
    assert list(index.value_sets) == list(present.value_sets)


def test_the_digest_is_of_the_content_and_of_what_the_files_hold(tmp_path: Path) -> None:
    policy = edited_policy(tmp_path, ('"40 days"', '"30 days"'))
    codes = edited_set(tmp_path, "acute-mi", ('purpose = "starts', 'purpose = "opens'))
    both = lay_over(CONTENT, [policy, codes]).content.digest
    moved = tmp_path / "elsewhere.toml"
    codes.rename(moved)
    assert lay_over(CONTENT, [moved, policy]).content.digest == both
    found = {both, lay_over(CONTENT, [policy]).content.digest, CONTENT.digest}
    found.add(lay_over(CONTENT, [moved]).content.digest)
    assert len(found) == 4
    assert all(len(digest) == 64 for digest in found)


def test_a_new_value_set_comes_with_a_policy_that_names_it(tmp_path: Path) -> None:
    fresh = edited_set(tmp_path, "acute-mi", ('id = "acute-mi"', 'id = "acute-mi-new"'))
    (fault,) = faults_of(fresh)
    assert fault.startswith(f"{fresh}: id: there is no value set 'acute-mi-new', and no policy")
    assert "Did you mean 'acute-mi'" in fault
    policy = edited_policy(tmp_path, ('records = ["acute-mi"]', 'records = ["acute-mi-new"]'))
    drafted = lay_over(CONTENT, [policy, fresh]).content
    assert len(drafted.value_sets) == len(CONTENT.value_sets) + 1
    (fault,) = faults_of(policy)
    assert fault.startswith(f"{policy}: waiting.MI.records: 'acute-mi-new' is no value set.")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('role = "evidence"', 'role = "order"', "order_class: goes with role 'order'"),
        ('role = "evidence"', 'rule = "evidence"', "role"),
        ('"I21.01", ', '"i21.01", ', "codes[0] i21.01: the code is not in its canonical"),
        ('code = "22298006", ', 'code = "22298006", display = "Its title", ', "are licensed"),
        ('code = "I21.01", ', 'code = "I21.02", ', "the code stands in the set twice"),
        ("codes = [", "codes = [[", "is not valid TOML"),
    ],
)
def test_faults_of_a_value_set(tmp_path: Path, before: str, after: str, fault: str) -> None:
    path = edited_set(tmp_path, "acute-mi", (before, after))
    found = faults_of(path)
    assert any(fault in one for one in found)
    assert all(one.startswith(f"{path}: ") for one in found)


def test_faults_of_what_is_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text('name = "something"\n')
    remedy = "Start from a copy of a file of policies/ or valuesets/."
    assert faults_of(path) == [f"{path}: -: is neither a policy nor a value set. {remedy}"]
    path.write_bytes(b"\xff")
    assert faults_of(path) == [f"{path}: -: is not UTF-8 text. Save the file as UTF-8."]
    assert faults_of(tmp_path)[0].startswith(f"{tmp_path}: -: cannot be read (Is a directory)")


def test_two_drafts_of_one_thing_are_told(tmp_path: Path) -> None:
    first = edited_set(tmp_path, "acute-mi")
    second = tmp_path / "copy.toml"
    second.write_text(first.read_text())
    assert faults_of(first, second) == [
        f"{second}: id: {first} is a draft of acute-mi too. Name one of them."
    ]


def test_a_code_that_a_rule_names_must_not_go(tmp_path: Path) -> None:
    change = ('code = "I25.2"', 'code = "I25.9"')
    paths = [edited_set(tmp_path, name, change) for name in ("b2-diagnoses", "old-mi")]
    found = faults_of(*paths)
    place = "policies/ncd-20.4/2018-02-15.toml: past_codes: 'I25.2' is no claim code."
    assert any(one.startswith(place) for one in found)
    change = ('code = "92960"', 'code = "92961"')
    (fault,) = faults_of(edited_set(tmp_path, "other-rhythm-orders", change))
    assert "see_also '92960' is in no value set" in fault


def test_what_a_site_adds_stays_in_the_draft_of_a_set(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    code = '{ system = "urn:site", code = "MI" }'
    (site / "a.toml").write_text(f'extends = "acute-mi"\ncodes = [{code}]\nwords = ["mi site"]\n')
    content = load(site)
    path = edited_set(tmp_path, "acute-mi")
    index = lay_over(content, [path], site).content.knowledge().index
    assert "acute-mi" in {m.value_set for m in index.find("urn:site", "MI")}
    assert index.value_sets["acute-mi"].words.count("mi site") == 1
    assert index.value_sets == content.knowledge().index.value_sets


def test_policy_check_takes_a_value_set(tmp_path: Path) -> None:
    path = edited_set(tmp_path, "acute-mi", ('"I21.01", ', '"i21.01", '))
    done = run("policy", "check", path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"{path}: codes[0] i21.01: ")
    path = edited_set(tmp_path, "acute-mi")
    done = run("policy", "check", path)
    assert done.returncode == 0
    assert f"OK: {path}" in done.stdout
