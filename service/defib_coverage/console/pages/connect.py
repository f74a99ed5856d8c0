"""``/connect``: What an EHR analyst needs: addresses, registration, sample calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from defib_coverage.console.addresses import asked_base, base_of, check_own, is_on_this_machine
from defib_coverage.console.forms import FORM_TYPES, read_form
from defib_coverage.console.page import Door, Page
from defib_coverage.console.sample_calls import STORIES, Story, sample_call
from defib_coverage.console.self_check import Progress, SelfCheck
from defib_coverage.console.trial_call import SERVICES, TrialCall, asked_for, asked_in, made_call
from defib_coverage.console.views.connecting import Connecting, connecting
from defib_coverage.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from defib_coverage.console.site import Site

_JSON = "application/json"
_CHECK = "/connect/self-check"
_SEE_OTHER, _NO_CONTENT = 303, 204
_PART = "x-console-part"
"""A script that asks with this header gets the part of the page that it puts in place."""


class ConnectView(msgspec.Struct, frozen=True, kw_only=True):
    """The page.

    ``may_check``: the self-check can be started from here. ``links``: assertion ids lead to pages
    of the ledger.
    """

    told: Connecting
    hooks: tuple[str, ...]
    stories: tuple[Story, ...]
    trial: TrialCall | None = None
    progress: Progress | None = None
    may_check: bool = False
    links: bool = False


class ConnectPage(Page):
    """The page, its test call and its self-check."""

    door = Door(
        "/connect",
        "Connect",
        "What an EHR analyst needs: addresses, registration, sample calls.",
    )

    def __init__(self, site: Site) -> None:
        """Be a page of ``site``, with no self-check yet."""
        super().__init__(site)
        self._check = SelfCheck()

    def routes(self) -> Sequence[BaseRoute]:
        """The page, its samples, and what its buttons ask for."""
        return (
            Route(self.door.path, self._show, methods=["GET"]),
            Route("/connect/samples/{story}/{hook}.json", self._sample, methods=["GET"]),
            Route("/connect/test-call", self._test_call, methods=["POST"]),
            Route(_CHECK, self._start, methods=["POST"]),
            Route(_CHECK, self._progress, methods=["GET"]),
        )

    async def _show(self, request: Request) -> Response:
        return self._page(request, "connect.html")

    async def _sample(self, request: Request) -> Response:
        asked = asked_for(request.path_params["hook"], request.path_params["story"])
        return Response(sample_call(asked.hook, asked.story), media_type=_JSON)

    async def _test_call(self, request: Request) -> Response:
        service = self.site.service
        check_own(request, service.settings)
        if service.settings.tokens_required:
            message = "A call must carry a client's token: run defib-coverage client test."
            raise RequestError(403, "forbidden", message)
        async with service.bodies.reading(request.scope, request.receive, FORM_TYPES) as form:
            kind = request.headers.get("content-type", "")
            asked = asked_in(await asyncio.to_thread(read_form, form, kind))
        host = request.headers.get("host", "").encode("latin-1")
        trial = await made_call(service.app, asked, host)
        return self._page(request, "trial_call.html", trial=trial)

    async def _start(self, request: Request) -> Response:
        check_own(request, self.site.service.settings)
        if not self._may_check(request):
            message = (
                "A self-check is started here only where the service is open and asked on its own "
                "machine. Run defib-coverage selftest."
            )
            raise RequestError(403, "forbidden", message)
        progress = self._check.start(asked_base(request), self.site.service.settings.ca_bundle)
        if _PART in request.headers:
            return self._page(request, "self_check.html", progress=progress)
        return RedirectResponse(f"{_CHECK}?run={progress.id}", _SEE_OTHER)

    async def _progress(self, request: Request) -> Response:
        progress = self._check.progress if self._may_check(request) else None
        wanted = request.query_params.get("run")
        if progress is None or (wanted is not None and wanted != progress.id):
            if _PART in request.headers:
                # Another worker may know more.
                return Response(status_code=_NO_CONTENT)
            raise RequestError(404, "not-found", "This process knows of no such self-check.")
        return self._page(request, "self_check.html", progress=progress)

    def _may_check(self, request: Request) -> bool:
        return not self.site.service.settings.tokens_required and is_on_this_machine(request)

    def _page(
        self,
        request: Request,
        template: str,
        *,
        trial: TrialCall | None = None,
        progress: Progress | None = None,
    ) -> Response:
        service = self.site.service
        view = ConnectView(
            told=connecting(
                base_of(request, service.settings), service.settings, service.knowledge.index
            ),
            hooks=tuple(SERVICES),
            stories=STORIES,
            trial=trial,
            progress=progress,
            may_check=self._may_check(request),
            links=any(door.path == "/ledger" for door in self.site.doors),
        )
        if _PART in request.headers:
            template = f"parts/{template}"
        return self.site.page(template, view, here=self.door.path)
