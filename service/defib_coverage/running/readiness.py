"""Whether the service should be sent calls: its ledger, its data, its clients' keys, its end.

FHIR servers are no part of it: a call is judged without them too, and says what it lacked.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal

from defib_coverage.hooks.openapi import Ready
from defib_coverage.ledger.records import LedgerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from defib_coverage.ledger.writer import Writer

# Whoever asks more often is told the same again.
_LASTING = 1.0
_PATIENCE = 3.0


class Readiness:
    """Tells whether the service is ready.

    ``stopping`` is set when it was told to stop; ``writer`` when its ledger is open; ``shadow`` is
    the digest of the drafts that are tried.
    """

    def __init__(
        self,
        keys_known: Callable[[], Awaitable[tuple[int, int] | None]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at nothing yet.

        Args:
            keys_known: of how many clients keys are known, and how many clients there are; None
                where nobody is asked who calls.
            now: seconds of any clock.
        """
        self.stopping = False
        self.writer: Writer | None = None
        self.shadow: str | None = None
        self._keys_known = keys_known
        self._now = now
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._ledger: Literal["off", "writable", "spooling", "unavailable"] = "off"
        self._clients: Literal["open", "known", "some-unknown", "unknown"] = "open"

    async def look(self) -> Ready:
        """Whether the service is ready now."""
        async with self._looking:
            if not 0 <= self._now() - self._looked_at < _LASTING:
                await asyncio.gather(self._look_at_ledger(), self._look_at_clients())
                self._looked_at = self._now()
        works = self._ledger != "unavailable" and self._clients != "unknown"
        return Ready(
            status="ready" if works and not self.stopping else "not-ready",
            service="stopping" if self.stopping else "serving",
            data="loaded",  # without it the service does not start
            ledger=self._ledger,
            clients=self._clients,
            shadow=self.shadow,
        )

    async def _look_at_ledger(self) -> None:
        writer = self.writer
        if writer is None:
            self._ledger = "off"
            return
        try:
            await asyncio.wait_for(writer.probe(), _PATIENCE)
        except (LedgerError, TimeoutError):
            self._ledger = "unavailable"
        else:
            self._ledger = "spooling" if writer.down else "writable"

    async def _look_at_clients(self) -> None:
        counted = await self._keys_known()
        if counted is None:
            self._clients = "open"
            return
        known, clients = counted
        if known == clients:
            self._clients = "known"
        else:
            # One client's fault is no reason to refuse the others; where nobody could be let in,
            # the fault is rather ours.
            self._clients = "some-unknown" if known else "unknown"
