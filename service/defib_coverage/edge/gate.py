"""Overload: how many calls are worked on at a time."""

from __future__ import annotations

import asyncio

from defib_coverage.errors import RequestError


class Gate:
    """An async context that lets a number of calls in at a time and refuses the others.

    Enter it when a call has arrived whole: a slow client must not take a place.
    """

    def __init__(self, most: int) -> None:
        """Let ``most`` calls in."""
        self._most = most
        self._inside = 0

    @property
    def inside(self) -> int:
        """How many calls are being worked on."""
        return self._inside

    async def __aenter__(self) -> None:
        """Take a place.

        Raises:
            RequestError: 503 where none is left.
        """
        if self._inside >= self._most:
            message = "too many calls at a time; call again"
            raise RequestError(503, "throttled", message, retry_after=1)
        self._inside += 1
        try:
            # Calls that have arrived too are counted before work on this one holds them up.
            await asyncio.sleep(0)
        except BaseException:
            self._inside -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        """Give the place back, whatever happened."""
        self._inside -= 1
