"""The report's files: all there or none, for their owner's eyes only."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "index.html"
ORDERS, WORKLIST = "orders.csv", "worklist.csv"
# Every file that a report may have. One that is replaced takes all of them along: rows of patients
# must not stay beside a page that hides small cells.
_NAMES = (
    PAGE,
    ORDERS,
    WORKLIST,
    "findings.csv",
    "missing-pairs.csv",
    "money-at-risk.csv",
    "money-lacking.csv",
    "open-windows.csv",
    "operators.csv",
    "rejects.csv",
    "run.csv",
    "sites.csv",
    "status-by-year.csv",
    "window-certainty.csv",
)


class Drawer:
    """Where the files lie until all of them are written; ``scratch`` is for what goes again."""

    def __init__(self, folder: Path) -> None:
        """Keep files in a folder that is the report's own."""
        self._folder = folder
        self.names: list[str] = []
        self.scratch = folder / "scratch"
        self.scratch.mkdir(mode=0o700)

    def open(self, name: str) -> BinaryIO:
        """A new file, to be closed by who writes it.

        Raises:
            ValueError: no report has such a file.
        """
        if name not in _NAMES:
            raise ValueError(name)
        self.names.append(name)
        made = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return os.fdopen(made, "wb")


@contextmanager
def new_report(folder: Path, *, replace: bool) -> Iterator[Drawer]:
    """Files that appear in a folder when all of them are written.

    Args:
        folder: where to; it is made where there is none.
        replace: whether a report that is there already goes.

    Raises:
        InputError: there is a report already, or the folder cannot be written to.
    """
    if "\0" in str(folder):
        message = "-o: is no usable name"
        raise InputError(message)
    try:
        there = next((name for name in _NAMES if os.path.lexists(folder / name)), None)
        if there is not None and not replace:
            message = f"{folder / there}: is there already. Name another folder, or add --force"
            raise InputError(message)
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        hidden = Path(tempfile.mkdtemp(prefix=".report-", dir=folder))
        try:
            drawer = Drawer(hidden)
            yield drawer
            _put(hidden, folder, drawer.names)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
            if is_new and not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror})"
        raise InputError(message) from error


def _put(source: Path, folder: Path, names: list[str]) -> None:
    for name in _NAMES:
        if name not in names:
            (folder / name).unlink(missing_ok=True)
    # The page last: where it is, everything is.
    for name in sorted(names, key=lambda one: one == PAGE):
        (source / name).replace(folder / name)
