"""``/policy``: The rules of a chosen day in plain English, and what changed between two days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from defib_coverage.console.asked import Asked, day_before
from defib_coverage.console.page import Door, Page
from defib_coverage.console.views.change_bar import chosen_day
from defib_coverage.console.views.difference import difference_view
from defib_coverage.console.views.linking import Linker
from defib_coverage.console.views.policy import policy_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response


class PolicyPage(Page):
    """The page of a day, and the page of what changed between two days."""

    door = Door(
        "/policy",
        "Policy",
        "The rules of a chosen day in plain English, and what changed between two days.",
    )

    def routes(self) -> Sequence[BaseRoute]:
        """Both pages."""
        return (
            Route(self.door.path, self._show, methods=["GET"]),
            Route(self.door.path + "/diff", self._compare, methods=["GET"]),
        )

    async def _show(self, request: Request) -> Response:
        on = Asked(request).day("on")
        knowledge, today = self.site.service.knowledge, self.site.service.today()
        chosen = chosen_day(on, today, knowledge)
        version = knowledge.library.in_force(chosen.day)
        view = policy_view(chosen, knowledge, Linker(knowledge.index, version, on))
        return self.site.page("policy.html", view, here=self.door.path)

    async def _compare(self, request: Request) -> Response:
        """From the day before the last change to today, where no days are given."""
        asked = Asked(request)
        before, after = asked.day("from"), asked.day("to")
        knowledge, today = self.site.service.knowledge, self.site.service.today()
        after = after or today
        if before is None:
            stops = chosen_day(after, today, knowledge).stops
            last = max((stop.day for stop in stops if stop.day <= after), default=after)
            before = day_before(last)
        view = difference_view(before, after, today, knowledge)
        return self.site.page("difference.html", view, here=self.door.path)
