"""``policy replay`` over recorded calls: every flip, the sums, the files, and bad input."""

from __future__ import annotations

import gzip
import json
import stat
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from command_line import SAMPLES, edited_policy, run, words
from fhir_builders import b2_chart, by_keys, condition, order, sign
from test_drafts import edited_set

if TYPE_CHECKING:
    from pathlib import Path

    from fhir_builders import Json

DOS = date(2026, 11, 20)
TODAY = ("--today", "2026-11-21")


@pytest.fixture
def thirty(tmp_path: Path) -> Path:
    return edited_policy(tmp_path, ('last_excluded = "40 days"', 'last_excluded = "30 days"'))


def call_of(days_before: int) -> bytes:
    """A recorded call: an infarction some days before the service date, nothing else amiss."""
    day = DOS - timedelta(days=days_before)
    return sign([order("33249")], by_keys([*b2_chart(), condition("I21.4", day.isoformat())]))


def lines_of(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Infarctions of 25 to 45 days before, one a line: line 1 is of 25."""
    path = tmp_path / "calls.ndjson"
    path.write_bytes(b"".join(call_of(days) + b"\n" for days in range(25, 46)))
    return path


def test_thirty_days_flip_exactly_what_lies_31_to_40_days_before(
    calls: Path, thirty: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    done = run("policy", "replay", calls, "--with", thirty, "-o", folder, *TODAY)
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()[-4:]
    assert sorted(told) == sorted(str(path) for path in folder.iterdir())
    flips = lines_of(folder / "flips.ndjson")
    assert [one["where"]["line"] - 1 + 25 for one in flips] == [*range(31, 41)]
    assert {one["where"]["file"] for one in flips} == {"calls.ndjson"}
    assert {one["where"]["patient"] for one in flips} == {"Patient/p1"}
    found = [one["difference"] for one in flips]
    assert {(d["statusBefore"], d["statusAfter"]) for d in found} == {("not-covered", "covered")}
    for one, days in zip(found, range(31, 41), strict=True):
        ended = DOS - timedelta(days=days) + timedelta(days=30)
        assert f"now 30 days: it ended on {ended}" in one["waitingPeriods"][0]["text"]
    others = lines_of(folder / "differences.ndjson")
    assert [one["where"]["line"] - 1 + 25 for one in others] == [*range(25, 31)]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["read"] == summary["summary"]["orders"] == 21
    assert summary["summary"]["flips"] == 10
    assert summary["summary"]["same"] == 5
    assert (summary["rejected"], summary["today"]) == (0, "2026-11-21")
    assert summary["before"]["dataDigest"] != summary["after"]["dataDigest"]
    assert [one["file"] for one in summary["drafts"]] == ["draft.toml"]
    assert (folder / "rejects.ndjson").read_text() == ""
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_page_for_people(calls: Path, thirty: Path) -> None:
    done = run("policy", "replay", calls, "--with", thirty, *TODAY)
    assert done.returncode == 0
    page = words(done.stdout)
    assert page.startswith("calls.ndjson with draft.toml")
    assert "the last excluded day after the event changed from 40 days to 30 days." in page
    assert page.count("not covered -> covered") == 10
    assert "first eligible day: 2026-11-25 -> none" in page
    assert "21 calls, 21 orders: 10 orders with another status, 6 with the same" in page
    assert "10 waiting period MI closed" in page


def test_json_for_programs(calls: Path, thirty: Path) -> None:
    done = run("policy", "replay", calls, "--with", thirty, "--json", *TODAY)
    found = json.loads(done.stdout)
    assert len(found["flips"]) == found["replay"]["summary"]["flips"] == 10
    assert len(found["differences"]) == 6
    assert found["rejects"] == []


def test_a_folder_of_all_kinds(thirty: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    (folder / "2026").mkdir(parents=True)
    (folder / "one.json").write_text(json.dumps(json.loads(call_of(35)), indent=2))
    (folder / "2026" / "b.jsonl").write_bytes(b"\n" + call_of(36) + b"\r\n" + call_of(41))
    (folder / "2026" / "c.ndjson.gz").write_bytes(gzip.compress(call_of(37) + b"\n" + call_of(38)))
    (folder / "notes.txt").write_text("nothing for us")
    done = run("policy", "replay", folder, "--with", thirty, "--json", *TODAY)
    found = json.loads(done.stdout)
    assert [(one["where"]["file"], one["where"].get("line")) for one in found["flips"]] == [
        ("2026/b.jsonl", 2),
        ("2026/c.ndjson.gz", 1),
        ("2026/c.ndjson.gz", 2),
        ("one.json", None),
    ]
    assert found["replay"]["read"] == 5


def test_a_draft_of_a_value_set(thirty: Path, calls: Path, tmp_path: Path) -> None:
    codes = edited_set(tmp_path, "acute-mi", ('code = "I21.4"', 'code = "I21.49"'))
    done = run("policy", "replay", calls, "--with", codes, "--json", *TODAY)
    found = json.loads(done.stdout)
    # Without its code no infarction of the file is one any longer: all up to day 40 flip.
    assert [one["where"]["line"] - 1 + 25 for one in found["flips"]] == [*range(25, 41)]
    both = run("policy", "replay", calls, "--with", codes, "--with", thirty, "--json", *TODAY)
    told = json.loads(both.stdout)["replay"]
    assert [one["kind"] for one in told["drafts"]] == ["value-set", "policy"]
    assert len(told["changes"]) == 3


def test_what_is_no_call_is_a_reject_and_stops_nothing(thirty: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    broken = json.loads(call_of(35))
    del broken["context"]["patientId"]
    lines = [
        b'{"resourceType": "Bundle"}',
        call_of(35)[:-10],
        b"[]",
        b"\xff\xfe",
        json.dumps(broken).encode(),
        call_of(35),
    ]
    path.write_bytes(b"\n".join(lines))
    done = run("policy", "replay", path, "--with", thirty, "--json", *TODAY)
    found = json.loads(done.stdout)
    assert len(found["flips"]) == 1
    assert [one["line"] for one in found["rejects"]] == [1, 2, 3, 4, 5]
    assert found["rejects"][0] == {
        "file": "calls.ndjson",
        "line": 1,
        "reason": "holds the resource type 'Bundle', not a CDS Hooks request",
    }
    assert found["rejects"][4]["reason"].startswith("context.patientId: ")
    assert (found["replay"]["read"], found["replay"]["rejected"]) == (1, 5)
    page = words(run("policy", "replay", path, "--with", thirty, *TODAY).stdout)
    assert "5 rejects - calls.ndjson:1: holds the resource type 'Bundle'" in page


def test_a_damaged_gzip_file_loses_its_end_only(thirty: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson.gz"
    packed = gzip.compress(call_of(35) + b"\n" + call_of(36) + b"\n")
    path.write_bytes(packed + packed[: len(packed) // 2])
    done = run("policy", "replay", path, "--with", thirty, "--json", *TODAY)
    found = json.loads(done.stdout)
    assert len(found["flips"]) >= 2
    (reject,) = found["rejects"]
    assert reject["reason"] == "is a damaged gzip file from here on"


def test_bad_input_is_one_line(thirty: Path, calls: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = tmp_path / "nothing.ndjson"
    nothing.write_text('{"kind": "Patient"}\n')
    other = tmp_path / "other.toml"
    other.write_text("a = 1\n")
    cases = (
        (tmp_path / "nowhere", thirty, f"{tmp_path}/nowhere: cannot be read (No such file"),
        (empty, thirty, f"{empty}: holds no file whose name ends with .ndjson, .jsonl or .json"),
        (
            nothing,
            thirty,
            "nothing.ndjson: holds nothing that can be judged. nothing.ndjson:1: holds an object",
        ),
        (calls, other, f"{other}: -: is neither a policy nor a value set."),
        (calls, tmp_path / "gone.toml", f"{tmp_path}/gone.toml: -: cannot be read"),
    )
    for path, draft, message in cases:
        done = run("policy", "replay", path, "--with", draft)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(message)
        assert done.stderr.count("\n") == 1


def test_files_that_are_there_are_left_alone(calls: Path, thirty: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "summary.json").write_text("mine")
    done = run("policy", "replay", calls, "--with", thirty, "-o", folder, *TODAY)
    assert done.returncode == 2
    assert done.stderr == f"{folder}/summary.json: is there already. Name another folder\n"
    assert [path.name for path in folder.iterdir()] == ["summary.json"]


def test_a_draft_that_changes_nothing(thirty: Path, tmp_path: Path) -> None:
    path = edited_policy(tmp_path, ("[waiting.MI]", "# The same rules.\n[waiting.MI]"))
    assert path == thirty
    page = words(run("policy", "replay", SAMPLES, "--with", path, *TODAY).stdout)
    assert "The drafts change nothing." in page
    assert "0 orders with another status, 0 with the same for other reasons" in page
