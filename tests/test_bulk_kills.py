"""A fetch that is killed, interrupted or started twice; and folders that cannot be used."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from bulk_fetches import CONDITIONS, MORE_CONDITIONS, PATIENTS, contents, fetch, kept, under_way
from bulk_server import bulk_server, stall_after
from command_line import run
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from bulk_server import BulkServer

_PATIENCE = 60


def wait_until_stalled(server: BulkServer, folder: Path) -> None:
    """Two files are whole, and half of the third has come."""
    assert server.stalled.wait(_PATIENCE)
    deadline = time.monotonic() + _PATIENCE
    part = folder / "Condition.000.ndjson.part"
    while time.monotonic() < deadline:
        if (
            part.exists()
            and part.stat().st_size
            and sum(o["done"] for o in kept(folder)["files"]) == 2
        ):
            return
        time.sleep(0.02)
    pytest.fail("the fetch did not come so far")


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_of_a_file(sign: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(CONDITIONS, PATIENTS, MORE_CONDITIONS) as server:
        server.fault("/fhir/files/0", stall_after(100_000))
        with under_way(server, out) as process:
            wait_until_stalled(server, out)
            process.send_signal(sign)
            _, errors = process.communicate(timeout=_PATIENCE)
        if sign == signal.SIGINT:
            assert errors == "Interrupted. The same command goes on from here.\n"
            assert process.returncode == 130
        before = len(server.asked)

        done = run("audit", "fetch", server.base, "-o", out)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Going on with the export that was begun before" in done.stdout
        assert "Loading 3 files, 2 of them there already" in done.stdout
        asked = server.asked[before:]
        assert [one.method for one in asked] == ["GET", "GET", "DELETE"]
        assert asked[0].path == "/fhir/status/1"
        assert asked[1].path == "/fhir/files/0"
        # The very last bytes may have been on their way to the disk.
        begin = int(asked[1].headers["range"].removeprefix("bytes=").removesuffix("-"))
        assert 0 < begin <= 100_000
    assert contents(out) == {
        "Condition.000.ndjson": CONDITIONS.body,
        "Condition.001.ndjson": MORE_CONDITIONS.body,
        "Patient.000.ndjson": PATIENTS.body,
    }


def test_interrupted_while_it_waits(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(PATIENTS) as server:
        server.polls, server.retry_after = 1, "3000"
        with under_way(server, out) as process:
            deadline = time.monotonic() + _PATIENCE
            while not server.paths("GET", "/status/") and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=_PATIENCE)
        assert errors == "Interrupted. The same command goes on from here.\n"
        assert run("audit", "fetch", server.base, "-o", out).returncode == 0
        assert len(server.paths("GET", "$export")) == 1


def test_a_file_that_changed_between_two_starts_is_loaded_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(CONDITIONS, PATIENTS, MORE_CONDITIONS) as server:
        server.fault("/fhir/files/0", stall_after(100_000))
        with under_way(server, out) as process:
            wait_until_stalled(server, out)
            process.kill()
            process.wait()
        whole = out / "Patient.000.ndjson"
        whole.write_bytes(whole.read_bytes().replace(b"1", b"2"))
        (out / "Condition.001.ndjson").unlink()
        done = run("audit", "fetch", server.base, "-o", out)
        assert done.returncode == 0
        assert "Patient.000.ndjson: is not as it was loaded; it is loaded again" in done.stdout
        assert len(server.paths("GET", "/files/1")) == 2
        assert len(server.paths("GET", "/files/2")) == 2
    assert set(contents(out).values()) == {CONDITIONS.body, PATIENTS.body, MORE_CONDITIONS.body}


def test_two_fetches_do_not_write_to_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with bulk_server(CONDITIONS, PATIENTS, MORE_CONDITIONS) as server:
        server.fault("/fhir/files/0", stall_after(100_000))
        with under_way(server, out):
            wait_until_stalled(server, out)
            second = run("audit", "fetch", server.base, "-o", out)
    assert second.returncode == 2
    assert second.stderr == f"{out}: another fetch writes to it\n"


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        full = tmp_path / "full"
        full.mkdir()
        (full / "letter.txt").write_text("hello")
        with pytest.raises(InputError, match="is not empty, and holds no export"):
            fetch(server, full)
        (tmp_path / "file").write_text("hello")
        with pytest.raises(InputError, match="is no folder"):
            fetch(server, tmp_path / "file")
        (tmp_path / "odd").mkdir()
        (tmp_path / "odd" / "fetch.json").write_text('{"format": 7}')
        with pytest.raises(InputError, match="is not the record of a fetch"):
            fetch(server, tmp_path / "odd")
        assert server.asked == []
        fetch(server, tmp_path / "good")
        with bulk_server(PATIENTS) as other, pytest.raises(InputError, match="another export"):
            fetch(other, tmp_path / "good")


@pytest.mark.skipif(not os.path.exists("/sys/kernel"), reason="needs a folder nobody writes to")  # noqa: PTH110
def test_a_folder_that_takes_nothing_is_told_before_the_server_is_asked() -> None:
    with bulk_server(PATIENTS) as server:
        done = run("audit", "fetch", server.base, "-o", "/sys/kernel/export")
        assert done.returncode == 2
        assert done.stderr.startswith("/sys/kernel/export: cannot be opened as a folder (")
        assert server.asked == []
