"""The way to the console, which is made when its first page is asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from defib_coverage.console.service import Service

_TOPS = ("/try", "/policy", "/codes", "/ledger", "/connect", "/console")
PATHS = ("/", *_TOPS, *(f"{top}/{{rest:path}}" for top in _TOPS))
"""Where pages stand, as patterns."""


class ConsoleRoutes:
    """Brings requests to the console: whoever opens no page pays for none."""

    def __init__(self, service: Callable[[], Service], *, patients: bool) -> None:
        """Show the pages of a service.

        Args:
            service: tells of it.
            patients: whether pages that may show patient data are among them.
        """
        self._service = service
        self._patients = patients
        self._made: ASGIApp | None = None
        self._making = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        console = self._made
        if console is None:
            console = await asyncio.to_thread(self._console)
        await console(scope, receive, send)

    def _console(self) -> ASGIApp:
        with self._making:
            if self._made is None:
                # Costs memory and time to import: only where it is used.
                from defib_coverage.console.site import Console  # noqa: PLC0415

                self._made = Console(self._service(), patients=self._patients)
            return self._made
