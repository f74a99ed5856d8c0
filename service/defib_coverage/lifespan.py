"""What is opened when the service starts and closed when it stops, and what is told meanwhile."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from defib_coverage.edge.memory import settle
from defib_coverage.running.readiness import Readiness
from defib_coverage.running.stopping import told_first
from defib_coverage.running.tracing import tracing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from defib_coverage.callers import Callers
    from defib_coverage.calls import Calls
    from defib_coverage.edge.gate import Gate
    from defib_coverage.keeping import Keeping
    from defib_coverage.ledger.browsing import Browser
    from defib_coverage.ledger.ledger import Ledger
    from defib_coverage.ledger_routes import LedgerRoutes
    from defib_coverage.running.metrics import Depths, Metrics
    from defib_coverage.running.watching import Watcher
    from defib_coverage.settings import Settings
    from defib_coverage.shadow import Shadow


class Lifespan:
    """One worker's ledger, metrics, traces and readiness, from its start to its end.

    ``shadow`` is put in before it starts, where drafts are tried.
    """

    def __init__(self, settings: Settings, callers: Callers, gate: Gate, data_digest: str) -> None:
        """Look that everything can be used; nothing is open yet.

        Args:
            settings: how this installation runs.
            callers: who may call; closed in the end.
            gate: the calls that are being worked on.
            data_digest: of the data files that calls are judged by.

        Raises:
            SettingsError: the ledger cannot be used.
        """
        self._settings = settings
        self._callers = callers
        self._gate = gate
        self._keeping: Keeping | None = None
        if settings.ledger != "off":
            # Costs memory and time to import: only where it is used.
            from defib_coverage.keeping import Keeping  # noqa: PLC0415

            self._keeping = Keeping(settings)
        self._ledger: Ledger | None = None
        self._browser: Browser | None = None
        self.shadow: Shadow | None = None
        self.readiness = Readiness(callers.keys_known)
        self.metrics: Metrics | None = None
        if settings.metrics != "off":
            from defib_coverage.running.metrics import Metrics  # noqa: PLC0415 - as above

            self.metrics = Metrics(data_digest)
        self._tracing = tracing(os.environ)

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """Who is told of each call."""
        return tuple(one for one in (self.metrics, self._tracing) if one is not None)

    def browser(self) -> Browser | None:
        """What reads the ledger for people, made when it is first asked for.

        None where no ledger is kept or the service does not run.
        """
        if self._browser is None and self._ledger is not None and self._keeping is not None:
            self._browser = self._keeping.browser()
        return self._browser

    @asynccontextmanager
    async def running(self, calls: Calls, kept: LedgerRoutes) -> AsyncIterator[dict[str, float]]:
        """Open everything for ``calls`` and what is ``kept`` of them; close it when they are over.

        Raises:
            SettingsError: the ledger's spool cannot be used.
        """
        async with AsyncExitStack() as stack:
            if self._tracing is not None:
                stack.callback(self._tracing.close)
            if self._keeping is not None:
                committed = None if self.metrics is None else self.metrics.committed
                self._ledger = calls.ledger = kept.ledger = self._keeping.open(committed)
                self.readiness.writer = self._ledger.writer
                stack.callback(self._ledger.close)
                kept.lookup = self._keeping.lookup()
                stack.callback(kept.lookup.close)
                stack.callback(self._close_browser)
            if self.shadow is not None:
                self.shadow.ledger = self._ledger
                self.readiness.shadow = self.shadow.digest
                stack.push_async_callback(self.shadow.close)
            stack.callback(self._callers.close)
            if self.metrics is not None:
                await stack.enter_async_context(_beside(self._watch(self.metrics)))
            stack.enter_context(told_first(self._stop, self._settings.drain_seconds))
            settle()
            # For the protocol that receives requests.
            yield {"receive_seconds": self._settings.receive_seconds}

    def _close_browser(self) -> None:
        browser, self._browser, self._ledger = self._browser, None, None
        if browser is not None:
            browser.close()

    def _stop(self) -> None:
        self.readiness.stopping = True

    async def _watch(self, metrics: Metrics) -> None:
        await metrics.watch(self._depths)

    def _depths(self) -> Depths:
        from defib_coverage.running.metrics import Depths  # noqa: PLC0415 - as above

        if self._ledger is None:
            return Depths(self._gate.inside)
        writer = self._ledger.writer
        return Depths(self._gate.inside, writer.waiting, writer.spooled, writer.down)


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let something run meanwhile."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
