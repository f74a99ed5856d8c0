"""``serve``: what it answers, what it says first, what it costs, and when it refuses to start."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from command_line import ROOT, WAITING, determinations, environment, run
from defib_coverage.command.serving import banner

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 60
_MEMORY = 90 * 1024 * 1024


class Serving:
    """A running ``serve``."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def log(self) -> str:
        return self._log.read_text()

    def base(self) -> str:
        """Where it answers, once it does."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            match = re.search(r"running on http://[\d.]+:(\d+)", self.log())
            if match is not None and "startup complete" in self.log():
                return f"http://127.0.0.1:{match[1]}"
            time.sleep(0.05)
        raise AssertionError(self.log())


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Serving]:
    log = folder / "log"
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "-m", "defib_coverage", "serve", "--port", "0", *options],
            cwd=ROOT,
            env=environment(),
            stdout=sink,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield Serving(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)


def ask(base: str) -> object:
    answer = requests.post(
        f"{base}/determinations",
        data=WAITING.read_bytes(),
        headers={"Content-Type": "application/json"},
        timeout=_PATIENCE,
    )
    return answer.json()["determinations"]


def test_one_process(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        base = server.base()
        assert psutil.Process(server.process.pid).memory_info().rss < _MEMORY
        assert ask(base) == determinations(WAITING)
        assert server.log().count("NO AUTHENTICATION") == 1
        assert "WARNING" not in server.log()
        assert "determinations" not in server.log()


def test_several_workers(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        base = server.base()
        assert ask(base) == determinations(WAITING)
        assert server.log().count("NO AUTHENTICATION") == 1


def test_banner_is_louder_where_others_can_reach_it() -> None:
    assert "WARNING: 0.0.0.0 CAN BE REACHED FROM OTHER MACHINES" in banner("0.0.0.0")  # noqa: S104
    assert "WARNING" in banner("ehr.example.org")
    for loopback in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        assert "WARNING" not in banner(loopback)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ZONE", "Mars/Olympus", "DEFIB_COVERAGE_ZONE: "),
        ("OVERLAY", "/nowhere", "/nowhere: overlay: is no folder."),
        ("COLOUR", "red", "DEFIB_COVERAGE_"),
    ],
)
def test_settings_that_cannot_be_used(workers: str, name: str, value: str, message: str) -> None:
    done = run("serve", "--port", "0", "--workers", workers, settings={name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_worker_carries_only_what_it_needs() -> None:
    script = (
        "import sys, json\n"
        "import defib_coverage.__main__\n"  # as a worker that is started afresh does
        "from defib_coverage.command.serving import application\n"
        "application()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=True,
        env=environment() | {"PATH": os.environ["PATH"]},
    )
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"typer", "rich", "fhir.resources", "requests"}
