"""The self-check against this very server: in the background, one at a time."""

from __future__ import annotations

import threading
import time
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.selftest.caller import Caller, UnreachableError
from defib_coverage.selftest.checks import Result, run
from defib_coverage.selftest.trial import prepare

if TYPE_CHECKING:
    from defib_coverage.selftest.checks import Group


class Made(msgspec.Struct, frozen=True):
    """The checks of a group that were made."""

    name: str
    results: tuple[Result, ...]

    def number(self, outcome: str) -> int:
        """How many came out so."""
        return sum(result.outcome == outcome for result in self.results)


class Progress(msgspec.Struct, frozen=True):
    """How far a self-check is.

    ``all`` is how many checks there are, 0 until that is known; ``trouble`` is why it ended early.
    """

    id: str
    all: int
    results: tuple[Result, ...]
    is_over: bool
    trouble: str | None

    @property
    def whole(self) -> Made:
        """All checks as one group."""
        return Made("", self.results)

    @property
    def groups(self) -> tuple[Made, ...]:
        """The groups, in the order in which they were begun."""
        groups = groupby(self.results, key=lambda result: result.group)
        return tuple(Made(name, tuple(results)) for name, results in groups)


class _Run:
    """One self-check, in a thread of its own that no stop of the service waits for."""

    def __init__(self, caller: Caller) -> None:
        self.id = uuid4().hex
        self._caller = caller
        self._all = 0
        self._results: list[Result] = []
        self._trouble: str | None = "it ended before all checks were made"
        self._thread = threading.Thread(target=self._go, name="self-check", daemon=True)
        self._thread.start()

    @property
    def progress(self) -> Progress:
        over = not self._thread.is_alive()
        trouble = self._trouble if over else None
        return Progress(self.id, self._all, tuple(self._results), over, trouble)

    def _go(self) -> None:
        try:
            groups: tuple[Group, ...] = prepare(self._caller, time.time).groups
        except UnreachableError as error:
            self._trouble = str(error)
            return
        self._all = sum(len(group.checks) for group in groups)
        for group in groups:
            for result in run(group, self._caller):
                self._results.append(result)
        self._trouble = None


class SelfCheck:
    """The last self-check of this process."""

    def __init__(self) -> None:
        """Begin without one."""
        self._last: _Run | None = None

    @property
    def progress(self) -> Progress | None:
        """How far the last one is; None where there was none."""
        return None if self._last is None else self._last.progress

    def start(self, base: str, ca_bundle: str | None) -> Progress:
        """Start one.

        Args:
            base: where this server answers.
            ca_bundle: certificates of authorities that the machine does not know.

        Raises:
            RequestError: 409, one is running.
        """
        if self._last is not None and not self._last.progress.is_over:
            raise RequestError(409, "conflict", "A self-check is running. Wait until it is over.")
        self._last = _Run(Caller(base, None, ca_bundle))
        return self._last.progress
