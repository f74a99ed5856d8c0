"""``/policy``: The rules of a chosen day in plain English, and what changed between two days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from defib_coverage.console.page import Door, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response


class PolicyPage(Page):
    """The page."""

    door = Door(
        "/policy",
        "Policy",
        "The rules of a chosen day in plain English, and what changed between two days.",
    )

    def routes(self) -> Sequence[BaseRoute]:
        """The page itself."""
        return (Route(self.door.path, self._show, methods=["GET"]),)

    async def _show(self, _: Request) -> Response:
        return self.site.page("policy.html", here=self.door.path)
