"""Where metrics are read: those of this process, or of all workers of one ``serve`` together.

Several workers count in files of one folder, which the first process makes before any of them is
started; prometheus-client takes its name from the environment.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import CollectorRegistry, Metric

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_FOLDERS = "metrics"
_LOCK = "lock"
# Gauges of live workers only; the other files go on counting for those that ended.
_LIVE = re.compile(r"gauge_live[a-z]+_(\d+)\.db")


class Page(NamedTuple):
    """Metrics as text."""

    content: bytes
    media_type: str


def read(own: CollectorRegistry) -> Page:
    """The metrics of all workers; of this process where it is the only one."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415 - see below

    return Page(generate_latest(readable(own)), CONTENT_TYPE_LATEST)


def readable(own: CollectorRegistry | None) -> CollectorRegistry:
    """A registry that brings the metrics of all workers, or those of this process alone.

    Args:
        own: the registry of this process, None where it is no worker.
    """
    # It looks at the environment when it is imported, and is so only where metrics are read.
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    folder = os.environ.get(VARIABLE)
    if folder is None:
        return CollectorRegistry() if own is None else own
    registry = CollectorRegistry()
    registry.register(_Workers(folder))
    return registry


def listen(host: str, port: int, own: CollectorRegistry | None) -> None:
    """Let metrics be read at an address of their own, until the process ends.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    from prometheus_client import start_http_server  # noqa: PLC0415 - as above

    try:
        start_http_server(port, host, registry=readable(own))
    except OSError as error:
        message = f"DEFIB_COVERAGE_METRICS: {host}:{port} cannot be listened on ({error.strerror})"
        raise SettingsError(message) from error


@contextmanager
def alone() -> Iterator[None]:
    """Count in this process, whatever the environment says."""
    for name in (VARIABLE, VARIABLE.lower()):  # the older name holds too
        os.environ.pop(name, None)
    yield


@contextmanager
def together(state: Path) -> Iterator[None]:
    """Let all workers that are started meanwhile count in one folder.

    Args:
        state: the folder of what the service writes.

    Raises:
        SettingsError: nothing can be written there.
    """
    folders = state / _FOLDERS
    try:
        folders.mkdir(parents=True, exist_ok=True, mode=0o700)
        _remove_abandoned(folders)
        folder = Path(tempfile.mkdtemp(dir=folders))
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"DEFIB_COVERAGE_STATE: {state} cannot be written to ({error.strerror})"
        raise SettingsError(message) from error
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.environ[VARIABLE] = str(folder)
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


class _Workers:
    """Collects what all workers counted."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        from prometheus_client import CollectorRegistry  # noqa: PLC0415 - as above
        from prometheus_client.multiprocess import (  # noqa: PLC0415
            MultiProcessCollector,
            mark_process_dead,
        )

        for pid in _pids(self._folder):
            if not _runs(pid):
                mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        collected: Iterable[Metric]
        collected = MultiProcessCollector(CollectorRegistry(), self._folder).collect()  # type: ignore[no-untyped-call]
        return collected


def _pids(folder: str) -> set[int]:
    found = (_LIVE.fullmatch(path.name) for path in Path(folder).iterdir())
    return {int(match[1]) for match in found if match is not None}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _remove_abandoned(folders: Path) -> None:
    """Remove the folders of those that were killed: nobody holds their lock."""
    for folder in folders.iterdir():
        with suppress(OSError):  # held, or removed by another
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
