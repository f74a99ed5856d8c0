"""A whole export over real HTTP: asked for, waited for, loaded, checked, given back."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from bulk_fetches import (
    CONDITIONS,
    MORE_CONDITIONS,
    PATIENTS,
    SOON,
    Seen,
    contents,
    fetch,
    kept,
)
from bulk_server import MOMENT, Exported, bulk_server, busy, hang_up, ndjson, refuse, says
from command_line import ROOT, environment, run
from defib_coverage.bulk.asking import TYPES, Wanted
from defib_coverage.bulk.faults import FetchError
from defib_coverage.bulk.fetching import Ways
from defib_coverage.bulk.manifest import MOST_FILES
from defib_coverage.fhir.needs import READ_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_server import Exchange

OUTCOMES = b"".join(
    json.dumps(
        {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": severity, "code": "processing", "diagnostics": "Patient/77"}],
        }
    ).encode()
    + b"\n"
    for severity in ("warning", "information", "warning")
)
DELETED = b'{"resourceType": "Bundle", "type": "transaction", "entry": []}\n'


def test_the_whole_flow_by_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "export"
    files = (
        PATIENTS,
        CONDITIONS,
        MORE_CONDITIONS,
        Exported("Bundle", DELETED, "deleted"),
        Exported("OperationOutcome", OUTCOMES, "error"),
    )
    with bulk_server(*files) as server:
        server.polls, server.retry_after = 2, "1"
        done = run("audit", "fetch", server.base, "-o", out)
        assert (done.returncode, done.stderr) == (0, "")
        assert contents(out) == {
            "Condition.000.ndjson": CONDITIONS.body,
            "Condition.001.ndjson": MORE_CONDITIONS.body,
            "Patient.000.ndjson": PATIENTS.body,
            "deleted/Bundle.000.ndjson": DELETED,
            "errors/OperationOutcome.000.ndjson": OUTCOMES,
        }
        assert "The server is at work: 1 of 2 done; asked again in 1 s\n" in done.stdout
        assert f"{out}: 2050 resources in 3 files, " in done.stdout
        assert "the server reports 1 information, 2 warning" in done.stdout
        assert "77" not in done.stdout
        record = kept(out)
        assert record["transactionTime"] == MOMENT
        assert (record["removed"], server.removed) == (True, ["1"])
        by_name = {one["file"]: one for one in record["files"]}
        for name, body in contents(out).items():
            assert by_name[name]["sha256"] == hashlib.sha256(body).hexdigest()
            assert by_name[name]["bytes"] == len(body)
            assert by_name[name]["lines"] == body.count(b"\n")
        # Charts are for their owner only, and so is what leads to them.
        modes = {path.stat().st_mode & 0o077 for path in (out, *out.rglob("*"))}
        assert modes == {0}

        before = len(server.asked)
        again = run("audit", "fetch", server.base, "-o", out)
        assert again.returncode == 0
        assert "This export was fetched before" in again.stdout
        assert len(server.asked) == before
        (out / "Patient.000.ndjson").write_bytes(b"{}\n")
        changed = run("audit", "fetch", server.base, "-o", out)
        assert changed.returncode == 2
        assert "is not as it was loaded" in changed.stderr


def test_what_is_asked_for(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        fetch(server, tmp_path / "all")
        fetch(server, tmp_path / "system", wanted=Wanted(system=True, types=()))
        fetch(
            server,
            tmp_path / "group",
            wanted=Wanted(
                group="icd",
                types=("Patient", "Observation"),
                since="2026-01-01T00:00:00+01:00",
                filters=("Observation?code=8867-4,18010-0",),
            ),
        )
        asked = server.paths("GET", "$export")
        assert [urlsplit(one.path).path for one in asked] == [
            "/fhir/Patient/$export",
            "/fhir/$export",
            "/fhir/Group/icd/$export",
        ]
        queries = [parse_qs(urlsplit(one.path).query) for one in asked]
        assert queries[0]["_type"] == [",".join(TYPES)]
        assert set(READ_TYPES) < set(TYPES)
        assert {"Claim", "ExplanationOfBenefit", "Appointment", "Location"} < set(TYPES)
        assert "_type" not in queries[1]
        assert queries[2] == {
            "_outputFormat": ["application/fhir+ndjson"],
            "_type": ["Patient,Observation"],
            "_since": ["2026-01-01T00:00:00+01:00"],
            "_typeFilter": ["Observation?code=8867-4,18010-0"],
        }
        assert {one.headers["accept"] for one in asked} == {"application/fhir+json"}


def test_a_long_question_is_posted(tmp_path: Path) -> None:
    filters = tuple(f"Observation?code={n}" for n in range(150))
    with bulk_server(PATIENTS) as server:
        fetch(server, tmp_path / "out", wanted=Wanted(filters=filters))
        (asked,) = server.paths("POST", "$export")
        body = json.loads(asked.body)
        assert body["resourceType"] == "Parameters"
        found = [one["valueString"] for one in body["parameter"] if one["name"] == "_typeFilter"]
        assert tuple(found) == filters


def test_a_busy_server_is_waited_for_within_bounds(tmp_path: Path) -> None:
    watch = Seen()
    with bulk_server(PATIENTS) as server:
        server.polls, server.retry_after = 3, None
        server.fault("/fhir/Patient/$export", busy(429))
        server.fault(
            "/fhir/status/1",
            busy(503, "86400"),
            hang_up,
            busy(429, "Wed, 21 Oct 2015 07:28:00 GMT"),
            refuse(500, "the database is locked", "transient"),
        )
        patience = SOON.__class__(first=0.01, longest=0.02, least=0.01, most=0.04, attempts=5)
        fetch(server, tmp_path / "out", patience=patience, watch=watch)
        assert len(server.paths("GET", "$export")) == 1 + 1
    reasons = [why for why, _ in watch.pauses]
    assert reasons[0] == "busy (429)"
    assert reasons.count("not reached") == 1
    assert [why for why in reasons if "done" in why] == [f"{n} of 3 done" for n in (1, 2, 3)]
    assert dict(watch.pauses)["busy (503)"] == 0.04
    assert all(0.005 <= pause <= 0.04 for _, pause in watch.pauses)


def test_patience_ends(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        server.fault("/fhir/status/1", *[busy(503)] * SOON.attempts)
        with pytest.raises(FetchError, match="is busy for too long"):
            fetch(server, tmp_path / "out")
        # The export goes on, and so does the same command.
        fetch(server, tmp_path / "out")
        assert len(server.paths("GET", "$export")) == 1


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (
            400,
            "Patient/$export: Location is no type here, nor is Claim",
            "it names Claim, Location: leave out by",
        ),
        (400, "nothing of that kind", "--types names fewer types, --types all none"),
        (403, "the scope does not allow it", "refuses the export (403: the scope does not"),
        (404, "no such operation", "try --group ID or --system"),
        (500, "broken for Patient/12345, born 1950-03-01", "(500: broken for ***, born ***)"),
    ],
)
def test_a_refusal_is_told_without_a_patient(
    status: int, text: str, said: str, tmp_path: Path
) -> None:
    with bulk_server() as server:
        server.fault("/fhir/Patient/$export", refuse(status, text))
        done = run("audit", "fetch", server.base, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "12345" not in done.stderr
    assert "1950" not in done.stderr
    if "it names" in said:
        types = done.stderr.strip().rpartition("--types ")[2].split(",")
        assert set(types) == set(TYPES) - {"Claim", "Location"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(200, b"<html>"), "it offers no Bulk Data export"),
        (says(302, Location="https://elsewhere.example"), "give the FHIR base itself"),
        (says(202), "no Content-Location"),
        (says(202, Content_Location="http://169.254.169.254/latest"), "is not https"),
        (says(202, Content_Location="file:///etc/passwd"), "is not https"),
        (says(502, b"<html>"), "502, without an OperationOutcome"),
    ],
)
def test_a_kick_off_that_is_none(
    answer: Callable[[Exchange], bool], said: str, tmp_path: Path
) -> None:
    with bulk_server() as server:
        server.fault("/fhir/Patient/$export", *[answer] * SOON.attempts)
        with pytest.raises(FetchError) as refused:
            fetch(server, tmp_path / "out")
    assert said in str(refused.value)


def test_an_export_that_fails_is_begun_anew_by_the_same_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(PATIENTS) as server:
        server.fault("/fhir/status/1", refuse(500, "out of memory"))
        with pytest.raises(FetchError, match=r"has failed at the export \(500: out of memory"):
            fetch(server, out)
        fetch(server, out)
        assert len(server.paths("GET", "$export")) == 2
    assert contents(out) == {"Patient.000.ndjson": PATIENTS.body}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>hello</html>", "something else than a manifest"),
        (b'{"x":' * 100_000, "something else than a manifest"),
        (b'{"output": []}', "`transactionTime`"),
        (b'{"transactionTime": "' + b"x" * 100 + b'", "output": []}', "length <= 64"),
        (b'{"transactionTime": "x", "output": [{"type": "Patient"}]}', "`url`"),
        (
            b'{"transactionTime": "x", "output": [{"type": "../../x", "url": "http://h/"}]}',
            "a type that is none of FHIR",
        ),
        (b" " * (33 << 20), "answers more than is taken"),
        (
            b'{"transactionTime": "x", "output": ['
            + b",".join(b'{"type":"Patient","url":"%d"}' % n for n in range(MOST_FILES + 1))
            + b"]}",
            f"more than {MOST_FILES} files",
        ),
    ],
    ids=["html", "deep", "no time", "long time", "no url", "traversal", "huge", "many files"],
)
def test_a_manifest_that_cannot_be_used(body: bytes, said: str, tmp_path: Path) -> None:
    with bulk_server() as server:
        server.fault("/fhir/status/1", says(200, body, "application/json"))
        with pytest.raises(FetchError) as refused:
            fetch(server, tmp_path / "out")
    assert said in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_manifest_of_several_pages(tmp_path: Path) -> None:
    with bulk_server(PATIENTS, CONDITIONS, MORE_CONDITIONS) as server:
        pages = [
            {"output": [one], "link": [{"relation": "next", "url": f"{server.base}/status/p{n}"}]}
            for n, one in enumerate(server.manifest()["output"])
        ]
        pages[-1]["link"] = []
        whole = server.manifest()
        pages = [whole | page for page in pages]
        answers = [says(200, json.dumps(page).encode(), "application/json") for page in pages]
        server.fault("/fhir/status/1", answers[0])
        server.fault("/fhir/status/p0", busy(503), answers[1])
        server.fault("/fhir/status/p1", answers[2])
        fetch(server, tmp_path / "out")
    assert list(contents(tmp_path / "out")) == [
        "Condition.000.ndjson",
        "Condition.001.ndjson",
        "Patient.000.ndjson",
    ]


def test_pages_that_go_round_come_to_an_end(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        link = [{"relation": "next", "url": f"{server.base}/status/1"}]
        server.manifest_changes = lambda manifest: manifest | {"link": link}
        with pytest.raises(FetchError, match="has no end"):
            fetch(server, tmp_path / "out")


def test_compressed_files_stay_compressed(tmp_path: Path) -> None:
    zipped = CONDITIONS._replace(zipped=True)
    ready = Exported("Encounter", gzip.compress(ndjson("Encounter", 7)), counted=7)
    with bulk_server(zipped, ready) as server:
        record = fetch(server, tmp_path / "out")
    found = contents(tmp_path / "out")
    assert set(found) == {"Condition.000.ndjson.gz", "Encounter.000.ndjson.gz"}
    assert gzip.decompress(found["Condition.000.ndjson.gz"]) == CONDITIONS.body
    assert [one.lines for one in record.files or ()] == [2000, 7]


def test_an_empty_export(tmp_path: Path) -> None:
    with bulk_server() as server:
        record = fetch(server, tmp_path / "out")
    assert (record.files, record.finished is not None) == ((), True)


def test_an_export_may_stay_on_the_server(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(PATIENTS, CONDITIONS) as server:
        fetch(server, out, ways=Ways(keep_export=True))
        assert server.removed == []
        (out / "Patient.000.ndjson").write_bytes(b"")
        fetch(server, out)
        assert server.removed == ["1"]
        assert len(server.paths("GET", "/files/0")) == 2
        assert len(server.paths("GET", "/files/1")) == 1
    assert contents(out)["Patient.000.ndjson"] == PATIENTS.body


def test_a_server_that_keeps_the_export_is_no_fault(tmp_path: Path) -> None:
    watch = Seen()
    with bulk_server(PATIENTS) as server:

        def unheard(_: object) -> bool:
            server.fault("/fhir/status/1", refuse(405, "never"))
            return False

        server.fault("/fhir/status/1", unheard)
        record = fetch(server, tmp_path / "out", watch=watch)
    assert record.finished is not None
    assert record.removed is False
    assert watch.lines[-1].endswith("may forget the export (it answered 405)")


def test_errors_that_the_server_reports_show_in_the_exit_code(tmp_path: Path) -> None:
    fatal = OUTCOMES.replace(b"information", b"fatal") + b"not JSON\n"
    with bulk_server(
        PATIENTS, Exported("OperationOutcome", fatal, "error", counted=None)
    ) as server:
        done = run("audit", "fetch", server.base, "-o", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert "is cut off in its last line" in done.stderr
    fatal = OUTCOMES.replace(b"information", b"fatal") + b'{"not": "an outcome"}\n'
    with bulk_server(
        PATIENTS, Exported("OperationOutcome", fatal, "error", counted=None)
    ) as server:
        done = run("audit", "fetch", server.base, "-o", tmp_path / "other")
    assert done.returncode == 1
    assert "the server reports 1 error, 1 fatal, 2 warning" in done.stdout
    assert "part of the export is missing" in done.stderr


def test_on_a_terminal_a_bar_shows_how_far_it_is(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with bulk_server(PATIENTS, CONDITIONS) as server:
        server.polls, server.retry_after = 1, "1"
        server.fault("/fhir/files/0", hang_up)
        command = [sys.executable, "-m", "defib_coverage", "audit", "fetch", server.base]
        with subprocess.Popen(
            [*command, "-o", str(tmp_path / "out")],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=environment() | {"TERM": "xterm", "COLUMNS": "120"},
        ) as process:
            os.close(theirs)
            shown = b""
            # Where the other end is closed, a terminal of Linux ends with an error.
            with contextlib.suppress(OSError):
                while piece := os.read(ours, 1 << 16):
                    shown += piece
            assert process.wait() == 0
            assert process.stderr is not None
            assert process.stderr.read() == b""
    os.close(ours)
    text = shown.decode()
    assert "1 of 1 done; asked again in 1 s" in text
    assert "2/2 files, 311.7 kB" in text
    assert "2020 resources in 2 files" in text
