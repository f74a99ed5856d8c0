"""Checks: what is asked of a service, how it is tried, and what came of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, NoReturn

import msgspec
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defib_coverage.selftest.caller import Caller

    Probe = Callable[[Caller], None]

Outcome = Literal["passed", "failed", "skipped"]


class UnmetError(Exception):
    """A service did not do what was asked: what was expected, and what came."""

    def __init__(self, expected: str, came: str) -> None:
        """Keep both, each in a few words and without tokens."""
        super().__init__(f"expected {expected}; came {came}")
        self.expected = expected
        self.came = came


def unmet(expected: str, came: str) -> NoReturn:
    """Say that a check is not met.

    Raises:
        UnmetError: always.
    """
    raise UnmetError(expected, came)


class Check(msgspec.Struct, frozen=True):
    """One check: its name, what is asked, and what tries it; UnmetError where it is not met."""

    name: str
    asks: str
    probe: Probe


class Group(msgspec.Struct, frozen=True):
    """Checks that belong together. ``skipped`` says why they cannot be made.

    ``side_by_side``: they are about what happens at the same time.
    """

    name: str
    checks: tuple[Check, ...]
    skipped: str | None = None
    side_by_side: bool = False


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a check. A skipped one says why in ``came``."""

    group: str
    name: str
    asks: str
    outcome: Outcome
    expected: str = ""
    came: str = ""


def run(group: Group, caller: Caller) -> Iterator[Result]:
    """Make the checks of a group."""
    if group.skipped is not None:
        for check in group.checks:
            yield Result(group.name, check.name, check.asks, "skipped", came=group.skipped)
    elif group.side_by_side:
        with ThreadPoolExecutor(len(group.checks)) as pool:
            yield from pool.map(lambda check: _made(group, check, caller), group.checks)
    else:
        for check in group.checks:
            yield _made(group, check, caller)


def _made(group: Group, check: Check, caller: Caller) -> Result:
    try:
        check.probe(caller)
    except UnmetError as unmet:
        expected, came = unmet.expected, unmet.came
    except (requests.RequestException, OSError) as error:
        # The type only: its text may repeat what was sent.
        expected, came = "an answer", f"none ({type(error).__name__})"
    else:
        return Result(group.name, check.name, check.asks, "passed")
    return Result(group.name, check.name, check.asks, "failed", expected, came)
