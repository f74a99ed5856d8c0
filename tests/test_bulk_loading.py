"""Files that break off, change, are something else, or lead elsewhere; and disks that are full."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bulk_fetches import CONDITIONS, MORE_CONDITIONS, PATIENTS, SOON, Seen, contents, fetch, kept
from bulk_server import (
    Exported,
    bulk_server,
    busy,
    drop_after,
    hang_up,
    ndjson,
    refuse,
    says,
)
from command_line import ROOT, environment, run
from defib_coverage.bulk.faults import FetchError
from defib_coverage.bulk.fetching import Ways
from defib_coverage.bulk.intake import Intake, UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bulk_server import Exchange, Json

HTML = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
FILE = "/fhir/files/0"
BODY = CONDITIONS.body


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_that_breaks_off_is_gone_on_with(zipped: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    sent = gzip.compress(BODY, mtime=0) if zipped else BODY
    half = len(sent) // 2
    with bulk_server(CONDITIONS._replace(zipped=zipped)) as server:
        server.fault(FILE, drop_after(half), busy(503), hang_up)
        watch = Seen()
        fetch(server, tmp_path, watch=watch)
        ranges = [one.headers.get("range") for one in server.paths("GET", "/files/0")]
    assert ranges == [None, *[f"bytes={half}-"] * 3]
    assert watch.size == len(sent)
    (body,) = contents(tmp_path).values()
    assert (gzip.decompress(body) if zipped else body) == BODY


@pytest.mark.parametrize("kind", ["no ranges", "weak"])
def test_where_nothing_can_be_gone_on_with_it_is_loaded_anew(kind: str, tmp_path: Path) -> None:
    with bulk_server(CONDITIONS) as server:
        server.ranges, server.weak = kind != "no ranges", kind == "weak"
        server.fault(FILE, drop_after(1000), drop_after(2000), drop_after(3000), drop_after(4000))
        fetch(server, tmp_path)
        asked = server.paths("GET", "/files/0")
        assert len(asked) == 5
        assert any("range" in one.headers for one in asked) == (kind == "no ranges")
    assert list(contents(tmp_path).values()) == [BODY]


def test_content_that_changes_meanwhile_is_never_joined(tmp_path: Path) -> None:
    other = ndjson("Condition", 2000, note="z" * 100)

    def changed(exchange: Exchange) -> bool:
        exchange.bulk.files[0] = CONDITIONS._replace(body=other)
        return False

    with bulk_server(CONDITIONS) as server:
        server.fault(FILE, drop_after(5000), changed)
        fetch(server, tmp_path)
    assert list(contents(tmp_path).values()) == [other]


@pytest.mark.parametrize(
    "answer",
    [
        says(206, b"{}\n", "application/fhir+ndjson", Content_Range="bytes 7-9/10"),
        says(206, b"{}\n", "application/fhir+ndjson"),
        says(206, b"{}\n", "application/fhir+ndjson", Content_Range="bytes 5000-9/10", ETag='"o"'),
        says(416),
    ],
)
def test_a_part_that_was_not_asked_for_is_not_taken(
    answer: Callable[[Exchange], bool], tmp_path: Path
) -> None:
    # Without a count nothing else would tell.
    with bulk_server(CONDITIONS._replace(counted=None)) as server:
        server.fault(FILE, drop_after(5000), answer)
        fetch(server, tmp_path)
        last = server.paths("GET", "/files/0")[-1]
        assert "range" not in last.headers
    assert list(contents(tmp_path).values()) == [BODY]


@pytest.mark.parametrize("end", [b"", b"0\r\n\r\n"], ids=["broken off", "whole"])
def test_chunks_without_their_end_are_not_the_file(end: bytes, tmp_path: Path) -> None:
    """Not even where they end with a line, and the manifest does not count."""
    lines = BODY.splitlines(keepends=True)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines[:100])

    def chunked(exchange: Exchange) -> bool:
        exchange.wfile.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + end
        )
        exchange.close_connection = True
        return True

    with bulk_server(CONDITIONS._replace(counted=None)) as server:
        server.fault(FILE, chunked)
        fetch(server, tmp_path)
    (body,) = contents(tmp_path).values()
    assert body == (b"".join(lines[:100]) if end else BODY)


def test_attempts_end_where_nothing_more_comes(tmp_path: Path) -> None:
    with bulk_server(CONDITIONS, PATIENTS) as server:
        server.fault(FILE, drop_after(5000), *[hang_up] * SOON.attempts)
        with pytest.raises(FetchError, match=r"Condition.000.ndjson: .*, 4 times over"):
            fetch(server, tmp_path)
        assert server.removed == []
        # What could be loaded is there, and the rest comes with the same command.
        assert set(contents(tmp_path)) == {"Condition.000.ndjson.part", "Patient.000.ndjson"}
        fetch(server, tmp_path)
        asked = server.paths("GET", "/files/")
        assert asked[-1].headers["range"] == "bytes=5000-"
        assert len([one for one in asked if one.path.endswith("/1")]) == 1
    assert set(contents(tmp_path).values()) == {BODY, PATIENTS.body}


UNFIT = {
    "html": (says(200, HTML), "is a page of HTML"),
    "html by another name": (says(200, HTML, "text/plain"), "is no NDJSON"),
    "an array": (says(200, b"[{}]\n", "application/json"), "is no NDJSON"),
    "an outcome": (
        says(200, b'{"resourceType": "OperationOutcome"}\n', "application/fhir+ndjson"),
        "holds an OperationOutcome",
    ),
    "too few lines": (
        says(200, b"{}\n", "text/plain"),
        "has not 2000 lines, as the manifest says, but 1",
    ),
    "cut off": (says(200, b'{}\n{"resourceType": "Cond', "text/plain"), "is cut off in its last"),
    "cut off gzip": (says(200, gzip.compress(BODY)[:-9], "text/plain"), "is cut off, as gzip"),
    "damaged gzip": (says(200, b"\x1f\x8bhello", "text/plain"), "is damaged gzip"),
    "other encoding": (says(200, b"x", "text/plain", Content_Encoding="br"), "in an encoding"),
}


@pytest.mark.parametrize(("answer", "said"), UNFIT.values(), ids=UNFIT.keys())
def test_what_is_not_the_file_is_asked_for_once_more(
    answer: Callable[[Exchange], bool], said: str, tmp_path: Path
) -> None:
    with bulk_server(CONDITIONS) as server:
        server.fault(FILE, answer)
        watch = Seen()
        fetch(server, tmp_path / "second", watch=watch)
        assert [one for one in watch.lines if said in one and "loaded again" in one]
        assert list(contents(tmp_path / "second").values()) == [BODY]

        server.fault(FILE, answer, answer)
        with pytest.raises(FetchError) as refused:
            fetch(server, tmp_path / "never")
        assert said in str(refused.value)
        assert contents(tmp_path / "never") == {}


def test_counts_may_be_ignored(tmp_path: Path) -> None:
    with bulk_server(PATIENTS._replace(counted=21)) as server:
        with pytest.raises(FetchError, match="has not 21 lines, as the manifest says, but 20"):
            fetch(server, tmp_path)
        watch = Seen()
        fetch(server, tmp_path, ways=Ways(any_count=True), watch=watch)
    assert "Patient.000.ndjson: has not 21 lines, as the manifest says, but 20" in watch.lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", 0),
        (b"\n \r\n\n", 0),
        (b"{}", 1),
        (b"{}\n", 1),
        (b"\n{}\r\n\r\n{}\n \n{}\n\n", 3),
        (b"\xef\xbb\xbf{}\n{}\n", 2),
    ],
)
def test_lines_are_counted_however_they_come(text: bytes, lines: int) -> None:
    for body in (text, gzip.compress(text)):
        for size in (1, 2, 3, 1000):
            intake = Intake()
            for begin in range(0, len(body), size):
                intake.feed(body[begin : begin + size])
            intake.finish()
            assert intake.lines == lines
            assert intake.size == len(body)


def test_one_letter_that_is_no_json_is_refused() -> None:
    intake = Intake()
    intake.feed(b"x")
    with pytest.raises(UnfitError):
        intake.finish()


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with bulk_server(CONDITIONS, PATIENTS, MORE_CONDITIONS) as server:
        server.fault(FILE, refuse(404, "Patient/1 is gone"))
        server.fault("/fhir/files/2", refuse(403, "no"))
        with pytest.raises(FetchError) as refused:
            fetch(server, tmp_path)
    assert "the server answers 40" in str(refused.value)
    assert "(and 1 more)" in str(refused.value)
    assert "Patient/1" not in str(refused.value)


def test_the_same_file_named_twice_is_loaded_once(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        server.manifest_changes = lambda one: one | {"output": one["output"] * 3}
        fetch(server, tmp_path)
        assert len(server.paths("GET", "/files/0")) == 1
    assert list(contents(tmp_path)) == ["Patient.000.ndjson"]


def test_urls_that_are_signed_anew_are_the_same_files(tmp_path: Path) -> None:
    with bulk_server(PATIENTS, CONDITIONS, MORE_CONDITIONS) as server:
        signed = 0

        def sign(manifest: Json) -> Json:
            nonlocal signed
            signed += 1
            output = [
                one | {"url": f"{one['url']}?signature={signed}"} for one in manifest["output"]
            ]
            # Nobody promises the order either.
            return manifest | {"output": output[::-1] if signed > 1 else output}

        server.manifest_changes = sign
        server.fault("/fhir/files/1", drop_after(5000), *[hang_up] * (SOON.attempts - 1))
        with pytest.raises(FetchError):
            fetch(server, tmp_path)
        fetch(server, tmp_path)
        assert signed == 2
        asked = [one.path.rpartition("/")[2] for one in server.paths("GET", "/files/")]
        assert sorted(asked) == [
            "0?signature=1",
            *["1?signature=1"] * SOON.attempts,
            "1?signature=2",
            "2?signature=1",
        ]
        assert server.paths("GET", "/files/1")[-1].headers["range"] == "bytes=5000-"
    assert contents(tmp_path) == {
        "Patient.000.ndjson": PATIENTS.body,
        "Condition.000.ndjson": CONDITIONS.body,
        "Condition.001.ndjson": MORE_CONDITIONS.body,
    }


def test_what_is_not_found_again_in_the_manifest_is_loaded_again(tmp_path: Path) -> None:
    """Addresses that are new altogether: nobody can tell which file is which."""
    with bulk_server(PATIENTS, CONDITIONS, MORE_CONDITIONS) as server:
        runs = iter("ab")

        def renamed(manifest: Json) -> Json:
            run = next(runs)
            text = json.dumps(manifest).replace("/files/", f"/files/{run}/")
            found: Json = json.loads(text)
            return found

        server.manifest_changes = renamed
        server.fault("/fhir/files/a/1", *[hang_up] * SOON.attempts)
        with pytest.raises(FetchError):
            fetch(server, tmp_path)
        fetch(server, tmp_path)
        assert len(server.paths("GET", "/files/b/")) == 3
    assert contents(tmp_path) == {
        "Patient.000.ndjson": PATIENTS.body,
        "Condition.000.ndjson": CONDITIONS.body,
        "Condition.001.ndjson": MORE_CONDITIONS.body,
    }


def test_another_export_under_the_same_address_is_not_mixed_in(tmp_path: Path) -> None:
    with bulk_server(PATIENTS, CONDITIONS) as server:
        server.fault("/fhir/files/1", *[hang_up] * SOON.attempts)
        with pytest.raises(FetchError):
            fetch(server, tmp_path)
        server.manifest_changes = lambda one: one | {"transactionTime": "2026-11-21T00:00:00Z"}
        with pytest.raises(FetchError, match="has begun the export anew"):
            fetch(server, tmp_path)


def test_an_export_that_is_gone_with_files_missing(tmp_path: Path) -> None:
    with bulk_server(PATIENTS, CONDITIONS) as server:
        server.fault("/fhir/files/1", *[hang_up] * SOON.attempts)
        with pytest.raises(FetchError):
            fetch(server, tmp_path)
        server.removed.append("1")
        with pytest.raises(FetchError, match=r"knows the export no longer .*another folder"):
            fetch(server, tmp_path)
    assert contents(tmp_path)["Patient.000.ndjson"] == PATIENTS.body


def test_a_full_disk_ends_it_at_once(tmp_path: Path) -> None:
    """A limit on the size of files is what a disk without room is."""
    out = tmp_path / "out"

    limited = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    with bulk_server(CONDITIONS) as server:
        command = ["-m", "defib_coverage", "audit", "fetch", server.base, "-o", str(out)]
        done = subprocess.run(
            [sys.executable, "-c", limited, *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=environment(),
        )
        assert done.returncode == 2
        assert done.stderr == f"{out}: cannot be written to (File too large)\n"
        assert len(server.paths("GET", "/files/0")) == 1
        assert run(*command[2:]).returncode == 0
    assert list(contents(out).values()) == [BODY]


def test_many_files_at_once_are_all_kept(tmp_path: Path) -> None:
    files = [Exported("Observation", ndjson("Observation", n)) for n in range(1, 61)]
    with bulk_server(*files) as server:
        for number in range(0, 60, 7):
            server.fault(f"/fhir/files/{number}", hang_up)
        record = fetch(server, tmp_path, ways=Ways(at_once=8))
    assert [one.lines for one in record.files or ()] == list(range(1, 61))
    assert all(one["done"] for one in kept(tmp_path)["files"])
    assert list(contents(tmp_path)) == [f"Observation.{n:03}.ndjson" for n in range(60)]
