"""The web service: wiring only."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from fastapi import Request, Response
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from defib_coverage import __version__
from defib_coverage.callers import Callers
from defib_coverage.calls import Answering, Calls
from defib_coverage.console_routes import PATHS, ConsoleRoutes
from defib_coverage.content import load
from defib_coverage.edge.bodies import Bodies
from defib_coverage.edge.gate import Gate
from defib_coverage.edge.headers import SecurityHeaders
from defib_coverage.edge.incidents import Incidents
from defib_coverage.edge.messages import JSON
from defib_coverage.edge.straight import Straight
from defib_coverage.errors import RequestError
from defib_coverage.hooks.discovery import discovery
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.fetching import Fetcher
from defib_coverage.hooks.openapi import Health, describe
from defib_coverage.hooks.outcome import operation_outcome, outcome_of
from defib_coverage.ledger_routes import LedgerRoutes
from defib_coverage.lifespan import Lifespan
from defib_coverage.payer_file import read_payers
from defib_coverage.running import exposition
from defib_coverage.terminology_routes import ROOT, TerminologyRoutes, terminology_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

    from defib_coverage.console.service import Service
    from defib_coverage.content import Content
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.fhir.plans import Plan
    from defib_coverage.running.metrics import Metrics
    from defib_coverage.settings import Settings
    from defib_coverage.shadow import Shadow

_FHIR = "application/fhir+json"
_OK = 200
_UNAUTHORISED = 401
_UNAVAILABLE = 503
_ISSUE_OF_STATUS = {404: "not-found", 405: "not-supported"}
_PAGES_AT_A_TIME = 2
# The pages that FastAPI makes.
_PAGES = ("/docs",)


def create_app(settings: Settings, today: Callable[[], date] | None = None) -> FastAPI:
    """The service as an ASGI application.

    Args:
        settings: how this installation runs.
        today: the clock; today in the facility's zone by default.

    Raises:
        DataError: the product's own data, the site's overlay, a draft, the payer file or the client
            file cannot be used.
        SettingsError: a setting cannot be used.
    """
    content = load(settings.overlay_folder)
    knowledge = content.knowledge(settings.canonical_base)
    plans = read_payers(settings.payer_file)
    zone = settings.time_zone
    callers = Callers(settings)
    bodies, gate = Bodies(settings.max_body), Gate(settings.max_calls)
    lifespan = Lifespan(settings, callers, gate, knowledge.digest)
    kept = LedgerRoutes(callers, bodies, gate, lifespan.watchers)
    lifespan.shadow = _shadow(settings, content, knowledge, plans, lifespan.metrics)
    answering = Answering(
        callers=callers,
        bodies=bodies,
        gate=gate,
        knowledge=knowledge,
        fetcher=Fetcher(Evaluator(knowledge, plans), settings.fhir_seconds),
        today=today or (lambda: datetime.now(zone).date()),
        plans={plan.id: plan for plan in plans},
        watchers=lifespan.watchers,
        shadow=lifespan.shadow,
    )
    calls = Calls(answering)
    described = msgspec.json.encode(discovery(knowledge.index, feedback=settings.ledger != "off"))
    versions = tuple(version.version for version in knowledge.library.versions)
    health = msgspec.json.encode(Health("ok", __version__, versions, knowledge.digest))

    # Its pages come from the service itself: a hospital network may not reach the outside.
    app = FastAPIOffline(
        title="defib-coverage",
        redoc_url=None,
        # Traces and metrics are our own: those of the framework would tell more than they may.
        telemetry=dict.fromkeys(("tracing", "metrics", "logs", "auto_configure"), False),
        lifespan=lambda _: lifespan.running(calls, kept),
        exception_handlers={
            RequestError: _refused,
            HTTPException: _unknown,
        },
    )

    async def discover(_: Request) -> Response:
        return Response(described, media_type=JSON)

    async def healthy(_: Request) -> Response:
        return Response(health, media_type=JSON)

    async def ready(_: Request) -> Response:
        found = await lifespan.readiness.look()
        status = _OK if found.status == "ready" else _UNAVAILABLE
        return Response(msgspec.json.encode(found), status, media_type=JSON)

    # A redirect would be built from the Host header, which anyone may write.
    app.router.redirect_slashes = False
    # Plain routes, described by hand: bodies are decoded by msgspec, and FastAPI's own reading of
    # them would cost as much as a small chart does.
    # They come first: routes are tried in turn.
    app.router.routes[:0] = [
        Route("/cds-services/{service_id}", _Endpoint(calls.hook), methods=["POST"]),
        Route("/determinations", _Endpoint(calls.determinations), methods=["POST"]),
        Route("/cds-services/{service_id}/feedback", _Endpoint(kept.feedback), methods=["POST"]),
        Route("/determinations/{assertion_id}", _Endpoint(kept.determinations), methods=["GET"]),
        Route("/cds-services", discover, methods=["GET"]),
        Route("/health", healthy, methods=["GET"]),
        Route("/ready", ready, methods=["GET"]),
    ]
    straight = calls.paths()
    if settings.terminology != "off":
        terminology = TerminologyRoutes(
            partial(terminology_server, settings, answering.today),
            bodies,
            gate,
            lifespan.watchers,
        )
        app.router.routes[:0] = [
            Route(path, _Endpoint(terminology)) for path in (ROOT, ROOT + "/{path:path}")
        ]
        straight |= terminology.paths()
    app.router.routes += _console(app, settings, answering, lifespan, kept)
    metrics = lifespan.metrics
    app.state.metrics = metrics
    if metrics is not None and settings.metrics == "on":

        async def measured(_: Request) -> Response:
            page = await asyncio.to_thread(exposition.read, metrics.registry)
            return Response(page.content, media_type=page.media_type)

        app.router.routes.insert(0, Route("/metrics", measured, methods=["GET"]))
    # The last that is added is the outermost.
    app.add_middleware(Straight, paths=straight, refused=_refusal)
    app.add_middleware(Incidents, failed=None if metrics is None else metrics.failed)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type"),
            expose_headers=("Retry-After",),
        )
    https = (settings.public_base or "").startswith("https://")
    app.add_middleware(SecurityHeaders, pages=_PAGES, https=https)
    # FastAPI's own way to replace its description.
    app.openapi = lambda: describe(__version__)  # type: ignore[method-assign]
    return app


def _shadow(
    settings: Settings,
    content: Content,
    present: Knowledge,
    plans: Sequence[Plan],
    metrics: Metrics | None,
) -> Shadow | None:
    """What tries drafts on calls, if there are any.

    Raises:
        DataError: a draft cannot be used.
    """
    if not settings.shadow:
        return None
    # Costs memory and time to import: only where it is used.
    from defib_coverage.drafts import lay_over  # noqa: PLC0415
    from defib_coverage.shadow import Shadow  # noqa: PLC0415

    drafted = lay_over(content, settings.shadow_files, settings.overlay_folder).content
    draft = drafted.knowledge(settings.canonical_base)
    if metrics is None:
        return Shadow(present, draft, plans)
    return Shadow(present, draft, plans, metrics.shadowed)


def _console(
    app: ASGIApp,
    settings: Settings,
    answering: Answering,
    lifespan: Lifespan,
    kept: LedgerRoutes,
) -> list[Route]:
    """Where the pages of the console stand, if they are shown."""
    if settings.pages == "none":
        return []

    def service() -> Service:
        # Nobody needs it before the first page.
        from defib_coverage.console.service import Service  # noqa: PLC0415

        return Service(
            settings=settings,
            knowledge=answering.knowledge,
            plans=tuple(answering.plans.values()),
            today=answering.today,
            bodies=answering.bodies,
            # Of its own: pages that take long must leave room for calls.
            gate=Gate(_PAGES_AT_A_TIME),
            readiness=lifespan.readiness,
            lookup=lambda: kept.lookup,
            browser=lifespan.browser,
            app=app,
        )

    console = _Endpoint(ConsoleRoutes(service, patients=settings.pages == "all"))
    return [Route(path, console) for path in PATHS]


class _Endpoint:
    """An endpoint that is called as it is; what Starlette puts around a function costs time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def _refused(_: Request, error: Exception) -> Response:
    """A request that breaks the rules."""
    if not isinstance(error, RequestError):
        raise error
    return _refusal(error)


def _refusal(error: RequestError) -> Response:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == _UNAUTHORISED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(outcome_of(error), error.status, headers, _FHIR)


async def _unknown(_: Request, error: Exception) -> Response:
    """A path or method that does not exist."""
    if not isinstance(error, HTTPException):
        raise error
    code = _ISSUE_OF_STATUS.get(error.status_code, "invalid")
    content = operation_outcome(code, str(error.detail))
    headers = None if error.headers is None else dict(error.headers)
    return Response(content, error.status_code, headers, _FHIR)
