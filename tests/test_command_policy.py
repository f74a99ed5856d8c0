"""``policy check`` and ``policy show``: every fault named, every rule in words."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from command_line import edited_policy, run, words
from defib_coverage.command.policy_check import succession_faults, version_faults
from defib_coverage.content import load
from defib_coverage.coverage.codes import CodeEntry, ValueSet

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = load()
VERSION = CONTENT.versions[0]


# ----------------------------------------------------------------------------------------- check


def test_shipped_data_pass() -> None:
    done = run("policy", "check")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("OK: 1 policy version, ")
    assert f"{len(CONTENT.value_sets)} value sets" in lines[0]
    assert re.search(r"\d+ code families \(\d{3} codes\)", lines[0])
    assert "in force from 2018-02-15: ncd-20.4" in lines[1]
    assert lines[-1] == f"digest {CONTENT.digest}"


def test_draft_of_a_later_day_ends_the_version_before(tmp_path: Path) -> None:
    path = edited_policy(tmp_path, ("effective = 2018-02-15", "effective = 2027-01-01"))
    done = run("policy", "check", path)
    assert done.returncode == 0
    assert f"OK: {path}" in done.stdout
    assert "in force from 2018-02-15 through 2026-12-31: ncd-20.4" in done.stdout
    assert "in force from 2027-01-01: ncd-20.4" in done.stdout


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('readings = "lvef"', 'readings = "lvaf"', "'lvaf' is no value set. Did you mean 'lvef'"),
        ('at_most = "30 %"', 'at_most = "thirty"', "'thirty' is not a limit such as '30 %'"),
        ('at_most = "30 %"', "at_must = 3", "unknown field `at_must`. Did you mean 'at_most'"),
        ('"40 days"', '"6 weeks"', "'6 weeks' is not a length such as '40 days' or '3 months'"),
        ('id = "ncd-20.4"', 'id = "ncd-20.5"', "'ncd-20.5' is another policy than 'ncd-20.4'"),
        ("[paragraphs]", "[paragraphs", "is not valid TOML"),
    ],
)
def test_faults_of_a_draft(tmp_path: Path, before: str, after: str, fault: str) -> None:
    changes = [(before, after), ("effective = 2018-02-15", "effective = 2027-01-01")]
    path = edited_policy(tmp_path, *changes)
    done = run("policy", "check", path)
    assert done.returncode == 1
    assert fault in done.stdout
    assert done.stderr == ""
    assert all(line.startswith(str(path)) for line in done.stdout.splitlines())


def test_file_that_is_not_there() -> None:
    done = run("policy", "check", "nowhere.toml")
    assert done.returncode == 1
    assert done.stdout.startswith("nowhere.toml: -: cannot be read (No such file or directory)")


def test_overlay_faults(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "b1-diagnoses"\n')
    (tmp_path / "b.toml").write_text("extends = 5\n")
    done = run("policy", "check", "--overlay", tmp_path)
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first.startswith("a.toml: extends: 'b1-diagnoses' is no evidence value set.")
    assert second.startswith("b.toml: ")


def test_overlay_of_the_settings_is_checked(tmp_path: Path) -> None:
    done = run("policy", "check", settings={"OVERLAY": str(tmp_path / "nope")})
    assert done.returncode == 1
    assert "nope: overlay: is no folder" in done.stdout
    done = run("policy", "check", settings={"OVERLAY": str(tmp_path)})
    assert f"OK: overlay {tmp_path}" in done.stdout


def test_code_of_an_overlay_needs_no_title(tmp_path: Path) -> None:
    code = '{ system = "icd10pcs", code = "0016070" }'
    (tmp_path / "site.toml").write_text(f'extends = "lvef"\ncodes = [{code}]\n')
    done = run("policy", "check", "--overlay", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"OK: overlay {tmp_path}" in done.stdout


def test_overlay_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(
        'extends = "lvef"\ncodes = [{ system = "urn:site", code = "EF" }]\n',
    )
    done = run("policy", "check", "--overlay", tmp_path)
    assert done.returncode == 0
    assert f"digest {CONTENT.digest}" not in done.stdout


def test_two_versions_of_one_day() -> None:
    (fault,) = version_faults([VERSION, msgspec.structs.replace(VERSION, title="Again")])
    assert str(fault).startswith(
        "policies/ncd-20.4/2018-02-15.toml: effective: two versions begin on 2018-02-15.",
    )


def test_successor_that_comes_too_late() -> None:
    codes = (
        CodeEntry("icd10cm", "I47.2", until=date(2022, 9, 30), successors=("I47.20", "I47.21")),
        CodeEntry("icd10cm", "I47.20", start=date(2022, 10, 1)),
        CodeEntry("icd10cm", "I47.21", start=date(2022, 10, 2)),
    )
    value_set = ValueSet("b1", "B1", "test", "P-B1", "coverage", codes=codes)
    (fault,) = succession_faults([value_set])
    assert fault.key == "codes[0] I47.2"
    assert fault.reason == "its successor I47.21 is not in force on 2022-10-01"


# ------------------------------------------------------------------------------------------ show


def test_policy_in_plain_english() -> None:
    page = words(run("policy", "show", "--on", "2026-11-20").stdout)
    assert "Version 2018-02-15, in force on 2026-11-20" in page
    assert "B2: Prior infarction with LVEF of 30 % or less (P-B2)" in page
    assert "The latest reading on or before the service date is 30 % or less" in page
    assert "Day 40 is the last excluded day, day 41 the first eligible one." in page
    assert "the same day of the month 3 calendar months later" in page
    assert "On the claim I25.2 must go with one of I50.21, I50.22" in page
    assert "replacement: needs B6;" in page
    assert "CPT 33249 complete transvenous defibrillator system" in page


def test_codes_are_those_of_the_day() -> None:
    before = run("policy", "show", "--on", "2022-09-30").stdout
    after = run("policy", "show", "--on", "2022-10-01").stdout
    assert "I47.2," in before
    assert "I47.20" not in before
    assert "I47.2," not in after
    assert "I47.20" in after


def test_day_before_the_first_version() -> None:
    done = run("policy", "show", "--on", "2018-02-14")
    assert done.stdout == (
        "No policy is in force on 2018-02-14; the first version begins on 2018-02-15.\n"
    )


@pytest.mark.parametrize("name", VERSION.criteria)
def test_every_criterion_is_put_into_words(name: str) -> None:
    from defib_coverage.explaining.policy_text import PolicyText  # noqa: PLC0415

    index = CONTENT.knowledge().index
    text = PolicyText(VERSION, index, date(2026, 11, 20)).criterion(VERSION.criteria[name])
    assert len(text) > 40
    assert "nothing" not in text.partition("Where nothing is on file")[0]
    assert "no code in force" not in text
