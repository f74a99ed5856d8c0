"""``/``: What this service does, and where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from defib_coverage.console.page import Door, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response


class HomePage(Page):
    """The page."""

    door = Door(
        "/",
        "Home",
        "What this service does, and where to look.",
    )

    def routes(self) -> Sequence[BaseRoute]:
        """The page itself."""
        return (Route(self.door.path, self._show, methods=["GET"]),)

    async def _show(self, _: Request) -> Response:
        return self.site.page("home.html", here=self.door.path)
