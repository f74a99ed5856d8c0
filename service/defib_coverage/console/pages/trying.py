"""``/try``: an invented patient or a pasted chart, and the cards as an EHR would show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from defib_coverage.console.page import Door, Page
from defib_coverage.console.pages.what_if import WhatIf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response


class TryPage(Page):
    """The page."""

    door = Door(
        "/try",
        "Try it",
        "Pick an invented patient or paste a chart, and see the cards as an EHR would show them.",
        shows_patients=True,
    )

    def routes(self) -> Sequence[BaseRoute]:
        """The page itself."""
        page = Route(self.door.path, self._show, methods=["GET"])
        return (page, *WhatIf(self.site).routes())

    async def _show(self, _: Request) -> Response:
        return self.site.page("try.html", here=self.door.path)
