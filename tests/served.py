"""``serve`` for tests: started as a user starts it, in a process of its own.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from command_line import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATIENCE = 60


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
            match = re.search(r"running on (https?)://[\d.]+:(\d+)", self.log())
            if match is not None and "startup complete" in self.log():
                # Of several workers the first one says so before it listens.
                with (
                    suppress(ConnectionRefusedError),
                    socket.create_connection(("localhost", int(match[2])), _PATIENCE),
                ):
                    return f"{match[1]}://localhost:{match[2]}"
            time.sleep(0.05)
        raise RuntimeError(self.log())


@contextmanager
def serving(folder: Path, *options: str, **settings: str) -> Iterator[Serving]:
    log = folder / "log"
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "-m", "defib_coverage", "serve", "--port", "0", *options],
            cwd=ROOT,
            env=environment() | {f"DEFIB_COVERAGE_{k.upper()}": v for k, v in settings.items()},
            stdout=sink,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield Serving(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)
