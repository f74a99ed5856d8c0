"""A request that came to nothing leaves its folder free; one that may have begun is told of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from bulk_fetches import PATIENTS, SOON, Seen, contents, fetch, kept, under_way
from bulk_server import bulk_server, hang_up, refuse, says
from command_line import run
from defib_coverage.bulk.asking import TYPES, Wanted
from defib_coverage.bulk.faults import FetchError
from defib_coverage.documents.document import InputError
from defib_coverage.fhir.resources import TYPE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bulk_server import BulkServer, Exchange

_OTHER = Wanted(types=("Patient",))
_BEGIN = "/fhir/Patient/$export"
_UNSURE = "the server may be at work on it"
_PATIENCE = 60


def is_unsure(watch: Seen) -> bool:
    return any(_UNSURE in line for line in watch.lines)


@pytest.mark.parametrize(
    "answer",
    [
        refuse(400, "no such type"),
        refuse(401, "who is calling?"),
        refuse(403, "not you"),
        refuse(404, "no export here"),
        refuse(500, "broken"),
        says(200, b"<html>"),
        says(302, Location="https://elsewhere.example"),
    ],
)
def test_a_refused_request_leaves_the_folder_free(
    answer: Callable[[Exchange], bool], tmp_path: Path
) -> None:
    out, watch = tmp_path / "out", Seen()
    with bulk_server(PATIENTS) as server:
        server.fault(_BEGIN, answer)
        with pytest.raises(FetchError):
            fetch(server, out)
        assert list(out.iterdir()) == []
        fetch(server, out, wanted=_OTHER, watch=watch)
    assert contents(out) == {"Patient.000.ndjson": PATIENTS.body}
    assert not is_unsure(watch)


def test_a_host_that_nobody_knows_leaves_the_folder_free(tmp_path: Path) -> None:
    # A label of more than 63 letters is no name: no resolver is asked, whatever this one answers.
    base = f"https://{'a' * 64}.example/r4"
    done = run("audit", "fetch", base, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "is a host that nobody knows" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_an_export_that_failed_leaves_the_folder_free(tmp_path: Path) -> None:
    out, watch = tmp_path / "out", Seen()
    with bulk_server(PATIENTS) as server:
        server.fault("/fhir/status/1", refuse(500, "out of memory"))
        with pytest.raises(FetchError, match="has failed at the export"):
            fetch(server, out)
        assert list(out.iterdir()) == []
        fetch(server, out, wanted=_OTHER, watch=watch)
    assert not is_unsure(watch)


def killed_while_asking(server: BulkServer, out: Path) -> None:
    """A fetch is killed after the server heard of it; then the server begins the export."""

    def held(exchange: Exchange) -> bool:
        exchange.bulk.stalled.set()
        exchange.bulk.released.wait(_PATIENCE)
        return False

    server.fault(_BEGIN, held)
    with under_way(server, out) as process:
        assert server.stalled.wait(_PATIENCE)
        process.kill()
        process.wait()
    server.released.set()
    deadline = time.monotonic() + _PATIENCE
    while not server.jobs and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.jobs == 1
    assert kept(out)["status"] is None


def test_killed_before_the_answer_came_the_same_request_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(PATIENTS) as server:
        killed_while_asking(server, out)
        done = run("audit", "fetch", server.base, "-o", out)
        assert (done.returncode, done.stderr) == (0, "")
        assert _UNSURE in done.stdout
        assert server.removed == ["2"]
    assert contents(out) == {"Patient.000.ndjson": PATIENTS.body}


def test_killed_before_the_answer_came_another_request_is_told_of_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(PATIENTS) as server:
        killed_while_asking(server, out)
        (out / "letter.txt").write_text("mine")
        with pytest.raises(InputError, match="is not empty, and holds no export"):
            fetch(server, out, wanted=_OTHER)
        (out / "letter.txt").unlink()
        done = run("audit", "fetch", server.base, "-o", out, "--types", "Patient")
        assert (done.returncode, done.stderr) == (0, "")
        assert _UNSURE in done.stdout
        assert "Asking for 1 type: Patient\n" in done.stdout
    assert kept(out)["export"].endswith("_type=Patient")


@pytest.mark.parametrize(
    "answers",
    [
        [hang_up],
        [says(202)],
        [says(202, Content_Location="http://169.254.169.254/latest")],
        # What a gateway gave up waiting for may have begun, whatever is said of the next one.
        [refuse(504, "no answer in time"), refuse(400, "one at a time")],
    ],
    ids=["hang up", "no place", "bad place", "behind a gateway"],
)
def test_a_request_whose_answer_cannot_be_used_is_told_of(
    answers: Sequence[Callable[[Exchange], bool]], tmp_path: Path
) -> None:
    out, watch = tmp_path / "out", Seen()
    with bulk_server(PATIENTS) as server:
        server.fault(_BEGIN, *answers)
        with pytest.raises(FetchError):
            fetch(server, out)
        assert kept(out)["status"] is None
        fetch(server, out, wanted=_OTHER, watch=watch)
    assert is_unsure(watch)


def test_an_export_that_was_begun_keeps_its_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(PATIENTS) as server:
        server.fault("/fhir/status/1", *[hang_up] * SOON.attempts)
        with pytest.raises(FetchError, match="asked for the export's status"):
            fetch(server, out)
        with pytest.raises(InputError, match="holds another export"):
            fetch(server, out, wanted=_OTHER)
        watch = Seen()
        fetch(server, out, watch=watch)
        assert len(server.paths("GET", "$export")) == 1
    assert not is_unsure(watch)


def test_no_server_is_asked_for_a_type_that_there_is_not(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(PATIENTS) as server:
        done = run("audit", "fetch", server.base, "-o", out, "--types", "Pateint")
        assert done.returncode == 2
        assert done.stderr == "--types: 'Pateint' is no type of FHIR R4. Did you mean 'Patient'\n"
        assert server.asked == []
    assert not out.exists()


def test_types_are_told_by_name_where_they_are_few() -> None:
    assert set(TYPES) < TYPE_NAMES
    assert Wanted(types=("Patient",)).described == "1 type: Patient"
    assert Wanted(types=("Patient", "Claim")).described == "2 types: Patient, Claim"
    assert Wanted().described == f"{len(TYPES)} types"
    assert Wanted(types=()).described == "all types"
