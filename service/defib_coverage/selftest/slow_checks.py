"""Slow connections: cut off within a bounded time, while others are answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import sleep
from typing import TYPE_CHECKING

from defib_coverage.selftest.caller import path_of
from defib_coverage.selftest.calls import call
from defib_coverage.selftest.checks import Check, Group, unmet
from defib_coverage.selftest.sockets import drip, head

if TYPE_CHECKING:
    from defib_coverage.selftest.caller import Caller

_SIGN = path_of("order-sign")
_PATIENCE = 16
_CONNECTIONS = 4
_OK = 200
_PROMPT = 5.0


def _cut(lines: tuple[str, ...], end: bytes, drop: bytes, caller: Caller) -> None:
    """Every one of a few slow connections is cut off."""

    def kept(_: int) -> bool:
        # Each with a token of its own: one that comes again would be refused for that.
        return not drip(caller, head(caller, _SIGN, *lines) + end, drop, _PATIENCE)

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        still_open = sum(pool.map(kept, range(_CONNECTIONS)))
    if still_open:
        unmet(f"cut off within {_PATIENCE} s", f"{still_open} of {_CONNECTIONS} still open")


def _answered_meanwhile(caller: Caller) -> None:
    for _ in range(_PATIENCE // 2):
        sleep(1)
        answer = caller.call(call())
        if answer.status != _OK or answer.seconds > _PROMPT:
            unmet(f"good calls answered within {_PROMPT:.0f} s", answer.short())


def group() -> Group:
    """The checks of slow connections; they take as long as the slowest of them."""
    body = ("Content-Length: 100000",)
    checks = (
        Check(
            "slow-headers",
            "headers that arrive a line a second are not awaited",
            partial(_cut, (), b"", b"X-Slow: 1\r\n"),
        ),
        Check(
            "trickling-body",
            "a body that arrives a byte a second is not awaited",
            partial(_cut, body, b"\r\n", b" "),
        ),
        Check(
            "sleeping-body",
            "a body that stays away is not awaited",
            partial(_cut, body, b'\r\n{"hook"', b""),
        ),
        Check(
            "good-calls-meanwhile",
            "good calls are answered beside slow connections",
            _answered_meanwhile,
        ),
    )
    return Group("slow connections", checks, side_by_side=True)
