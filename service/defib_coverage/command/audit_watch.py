"""How a fetch shows how it gets on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from defib_coverage.command.options import counted
from defib_coverage.command.page import plain
from defib_coverage.command.push_page import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from defib_coverage.bulk.telling import Watch

__all__ = ["say", "watching"]


@contextmanager
def watching() -> Iterator[Watch]:
    """Something that shows a fetch, as this process's output allows."""
    if not sys.stdout.isatty():
        yield _Lines()
        return
    with ExitStack() as close:
        yield _Terminal(close)


def _waits(why: str, seconds: float) -> str:
    said = f": {why}" if why else ""
    return f"The server is at work{said}; asked again in {seconds:.0f} s"


class _Lines:
    """A line for what is new; nothing for each piece."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: str | None = None

    def told(self, line: str) -> None:
        with self._lock:
            say(line)

    def waits(self, why: str, seconds: float) -> None:
        if why != self._last:
            self._last = why
            self.told(_waits(why, seconds))

    def begins(self, files: int, done: int) -> None:
        there = f", {done} of them there already" if done else ""
        self.told(f"Loading {counted(files, 'file')}{there}")

    def came(self, size: int) -> None:
        """Nothing is said of it."""

    def loaded(self, file: str, lines: int) -> None:
        self.told(f"  {file}: {counted(lines, 'line')}")


class _Terminal:
    """A line that moves: what is waited for, then files, bytes and speed."""

    def __init__(self, close: ExitStack) -> None:
        self._lock = threading.Lock()
        self._console = Console(highlight=False)
        self._close = close
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("files, {task.fields[size]}"),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._status = self._console.status("")
        self._task: TaskID | None = None
        self._bytes = 0

    def told(self, line: str) -> None:
        self._console.print(Text(plain(line)), soft_wrap=True)

    def waits(self, why: str, seconds: float) -> None:
        self._status.update(Text(plain(_waits(why, seconds))))
        self._status.start()
        self._close.callback(self._status.stop)

    def begins(self, files: int, done: int) -> None:
        self._status.stop()
        self._close.enter_context(self._bar)
        self._task = self._bar.add_task("Loading", total=files, completed=done, size=decimal(0))

    def came(self, size: int) -> None:
        with self._lock:
            self._bytes += size
        if self._task is not None:
            self._bar.update(self._task, size=decimal(self._bytes))

    def loaded(self, file: str, lines: int) -> None:  # noqa: ARG002 - the bar counts them
        if self._task is not None:
            self._bar.advance(self._task)
