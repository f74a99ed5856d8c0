"""Bugs: told to the client by a number, and to the log by type and place alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from defib_coverage.hooks.outcome import operation_outcome
from defib_coverage.logs import Incident, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Incidents:
    """ASGI middleware that lets no exception of an application out.

    An exception's message may repeat the chart, and servers log messages.
    """

    def __init__(self, app: ASGIApp, failed: Callable[[], None] | None = None) -> None:
        """Wrap an application.

        Args:
            app: the application.
            failed: is told of each.
        """
        self._app = app
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; 500 with an OperationOutcome where the application fails before it answers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sender(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sender)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the server
            incident = str(uuid4())
            line = Incident(id=incident, error=type(error).__name__, place=_place(error))
            write(line, logging.ERROR)
            if self._failed is not None:
                self._failed()
            if not begun:
                content = operation_outcome("exception", f"internal error, incident {incident}")
                answer = Response(content, 500, media_type="application/fhir+json")
                await answer(scope, receive, send)


def _place(error: Exception) -> str:
    """Function and line where an exception was raised."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return "" if frame is None else f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}"
