"""The servers under test: started alike, watched from outside, always stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_HERE = Path(__file__).resolve().parent
_PATIENCE = 60.0  # seconds until a server must accept connections
_PAUSE = 0.05  # seconds between two looks at a server that starts
_GRACE = 10.0  # seconds until a server that was asked to stop is killed
_OPTIONS = (
    "--host=127.0.0.1",
    "--workers=1",
    "--loop=uvloop",
    "--log-level=warning",
    "--no-access-log",
)


class Subject(NamedTuple):
    """An application to measure: its name in the table, where uvicorn finds it, its cards.

    ``protocol`` is what reads HTTP for it.
    ``environment`` is what it is set up with beside what this process has.
    """

    name: str
    application: str
    cards: int
    factory: bool = False
    environment: tuple[tuple[str, str], ...] = ()
    protocol: str = "httptools"


class StartError(Exception):
    """A server did not come up."""


class Server:
    """A uvicorn process with one worker, from entering the context to leaving it."""

    def __init__(self, subject: Subject) -> None:
        """Start nothing yet."""
        self.subject = subject
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server

    def __enter__(self) -> Self:
        """Start the server; it may take a moment until ``wait`` returns."""
        self.port = _free_port()
        command = [sys.executable, "-m", "uvicorn", self.subject.application, *_OPTIONS]
        command += [f"--port={self.port}", f"--app-dir={_HERE}"]
        command += [f"--http={self.subject.protocol}"]
        command += ["--factory"] if self.subject.factory else []
        # What is measured is the service as it comes, not as this shell is set up.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DEFIB_COVERAGE_")}
        environment = kept | dict(self.subject.environment)
        # A service writes its log as it does at work; nobody reads it here.
        self._process = subprocess.Popen(command, env=environment, stderr=self._log)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server, whatever happened."""
        self._log.close()
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self) -> None:
        """Wait until the server accepts connections.

        Raises:
            StartError: it ended, or took too long.
        """
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(_PAUSE)
            else:
                return
        message = f"{self.subject.name} did not start"
        raise StartError(message)

    def cpu_seconds(self) -> float:
        """User and system time so far, of the process and all its children."""
        return sum(t.user + t.system for t in (p.cpu_times() for p in self._family()))

    def resident_mb(self) -> float:
        """Memory held, in megabytes (2**20 bytes), of the process and all its children."""
        return sum(p.memory_info().rss for p in self._family()) / 2**20

    def _family(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
