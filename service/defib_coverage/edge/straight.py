"""The way of a call past the framework: to the place that answers it, without looking for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send


class Straight:
    """ASGI middleware that brings a request to a known path to what answers it.

    Trying routes in turn, and what the framework puts around each, costs more than it takes to read
    a body. Everything else goes on to the framework, which has the same routes.
    """

    def __init__(
        self,
        app: ASGIApp,
        paths: Mapping[tuple[str, str], ASGIApp],
        refused: Callable[[RequestError], ASGIApp],
    ) -> None:
        """Wrap an application.

        Args:
            app: the application.
            paths: what answers, by method and path.
            refused: the answer to a request that breaks the rules.
        """
        self._app = app
        self._paths = paths
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        known = None
        if scope["type"] == "http":
            known = self._paths.get((scope["method"], scope["path"]))
        if known is None:
            await self._app(scope, receive, send)
            return
        try:
            await known(scope, receive, send)
        except RequestError as error:
            await self._refused(error)(scope, receive, send)
