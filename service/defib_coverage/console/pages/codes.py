"""``/codes``: What a code means here, on which days, and what it needs beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from defib_coverage.console.page import Door, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response


class CodesPage(Page):
    """The page."""

    door = Door(
        "/codes",
        "Codes",
        "What a code means here, on which days, and what it needs beside it.",
    )

    def routes(self) -> Sequence[BaseRoute]:
        """The page itself."""
        return (Route(self.door.path, self._show, methods=["GET"]),)

    async def _show(self, _: Request) -> Response:
        return self.site.page("codes.html", here=self.door.path)
