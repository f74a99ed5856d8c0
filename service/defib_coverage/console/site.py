"""The console as an ASGI application: its pages, their files, and what is no page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, Router

from defib_coverage import __version__
from defib_coverage.console import files
from defib_coverage.console.pages.codes import CodesPage
from defib_coverage.console.pages.connect import ConnectPage
from defib_coverage.console.pages.home import HomePage
from defib_coverage.console.pages.ledger import LedgerPage
from defib_coverage.console.pages.policy import PolicyPage
from defib_coverage.console.pages.trying import TryPage
from defib_coverage.console.writing import environment
from defib_coverage.edge.headers import PAGE_POLICY
from defib_coverage.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from defib_coverage.console.page import Door, Page
    from defib_coverage.console.service import Service

_PAGES: tuple[type[Page], ...] = (
    HomePage,
    TryPage,
    PolicyPage,
    CodesPage,
    LedgerPage,
    ConnectPage,
)
_NOT_FOUND = 404
_WORDS = {404: "There is no such page.", 405: "This page cannot be asked in that way."}


class Refusal(msgspec.Struct, frozen=True):
    """Why there is no page: the status, a message, and the place in what was sent."""

    status: int
    message: str
    place: str | None = None


class Site:
    """What every page is given: the service, and how a page is written."""

    def __init__(self, service: Service, doors: tuple[Door, ...]) -> None:
        """Write pages of a service; ``doors`` are those that its visitors may open."""
        self.service = service
        self.doors = doors
        self.files = files.Files()
        self._templates = environment(
            {"doors": doors, "file": self.files.address, "version": __version__}
        )

    def page(
        self,
        template: str,
        view: msgspec.Struct | None = None,
        *,
        here: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """A page, or a part of one.

        Args:
            template: its file, below ``templates``.
            view: what it tells, under the name ``view``.
            here: the path of the door that it belongs to.
            status: the status of the answer.
            headers: further headers.
        """
        content = self._templates.get_template(template).render(view=view, here=here)
        sent = {"Content-Security-Policy": PAGE_POLICY, **(headers or {})}
        return HTMLResponse(content, status, sent)


class Console:
    """All pages of a service."""

    def __init__(self, service: Service, *, patients: bool) -> None:
        """Serve the pages of a service.

        Args:
            service: what they tell of.
            patients: whether pages that may show patient data are among them.
        """
        shown = [kind for kind in _PAGES if patients or not kind.door.shows_patients]
        self._site = Site(service, tuple(kind.door for kind in shown))
        routes = [route for kind in shown for route in kind(self._site).routes()]
        file = Route(files.ROOT + "/{edition}/{name}", self._file, methods=["GET"])
        self._router = Router([file, *routes], redirect_slashes=False, default=_no_page)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; in words for people where it cannot be met."""
        # Else the routes would answer as the API does, before their errors come here.
        inner = {**scope, "starlette.exception_handlers": ({}, {})}
        try:
            await self._router(inner, receive, send)
        except RequestError as error:
            answer = self._refusal(error.status, error.message, error.place)
            if error.retry_after is not None:
                answer.headers["Retry-After"] = str(error.retry_after)
            await answer(scope, receive, send)
        except HTTPException as error:
            answer = self._refusal(error.status_code, None, None)
            answer.headers.update(error.headers or {})
            await answer(scope, receive, send)

    def _refusal(self, status: int, message: str | None, place: str | None) -> Response:
        view = Refusal(status, message or _WORDS.get(status, str(status)), place)
        return self._site.page("refused.html", view, here="", status=status)

    async def _file(self, request: Request) -> Response:
        answer = await self._site.files.answer(request)
        if answer is None:
            raise HTTPException(_NOT_FOUND)
        return answer


async def _no_page(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
    raise HTTPException(_NOT_FOUND)
