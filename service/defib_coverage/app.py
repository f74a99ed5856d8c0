"""The web service: wiring only."""

from __future__ import annotations

import gc
import logging
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
from fastapi import Request, Response
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from defib_coverage import __version__
from defib_coverage.content import load
from defib_coverage.errors import RequestError, SettingsError
from defib_coverage.hooks.cards import build_cards
from defib_coverage.hooks.discovery import SERVICE_IDS, discovery
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.fetching import Fetcher, Fetches, Hosts
from defib_coverage.hooks.openapi import Determinations, Health, describe
from defib_coverage.hooks.outcome import operation_outcome, outcome_of
from defib_coverage.hooks.response import HookResponse
from defib_coverage.hooks.wire import decode_request
from defib_coverage.network.addresses import fhir_base_fault
from defib_coverage.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi import FastAPI

    from defib_coverage.settings import Settings

_JSON = "application/json"
_FHIR = "application/fhir+json"
_ISSUE_OF_STATUS = {404: "not-found", 405: "not-supported", 415: "not-supported"}
_GARBAGE_THRESHOLD = 50_000
_log = logging.getLogger(__name__)


def create_app(settings: Settings, today: Callable[[], date] | None = None) -> FastAPI:
    """The service as an ASGI application.

    Args:
        settings: how this installation runs.
        today: the clock; today in the facility's zone by default.

    Raises:
        DataError: the product's own data or the site's overlay cannot be used.
    """
    knowledge = load(settings.overlay_folder).knowledge()
    evaluator = Evaluator(knowledge)
    hosts = Hosts(settings.authorities, development=settings.development)
    anyone = hosts.access(_bases(settings))
    fetcher = Fetcher(knowledge.index, settings.fhir_seconds)
    zone = settings.time_zone
    clock = today or (lambda: datetime.now(zone).date())
    described = msgspec.json.encode(discovery(knowledge.index))
    versions = tuple(version.version for version in knowledge.library.versions)
    health = msgspec.json.encode(Health("ok", __version__, versions, knowledge.digest))
    encode = msgspec.json.Encoder().encode

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # What was loaded at start lives on; leaving it out of collections saves a third of the time
        # that a large chart costs.
        # A call makes little that refers to itself: look for it seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD)
        yield
        hosts.close()

    # Its pages come from the service itself: a hospital network may not reach the outside.
    app = FastAPIOffline(
        title="defib-coverage",
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={
            RequestError: _refused,
            HTTPException: _unknown,
            Exception: _broken,
        },
    )

    async def discover(_: Request) -> Response:
        return Response(described, media_type=_JSON)

    async def healthy(_: Request) -> Response:
        return Response(health, media_type=_JSON)

    async def call(request: Request) -> Response:
        hook = SERVICE_IDS.get(request.path_params["service_id"])
        if hook is None:
            raise RequestError(404, "not-found", "there is no such service")
        decoded = decode_request(await _body(request, settings.max_body), knowledge.index, hook)
        steps = evaluator.steps(decoded, clock())
        found = await fetcher.carry_out(steps, decoded, anyone, Fetches())
        cards = build_cards(found, knowledge)
        return Response(encode(HookResponse(cards)), media_type=_JSON)

    async def determinations(request: Request) -> Response:
        decoded = decode_request(await _body(request, settings.max_body), knowledge.index)
        steps = evaluator.steps(decoded, clock())
        found = await fetcher.carry_out(steps, decoded, anyone, Fetches())
        return Response(encode(Determinations(found)), media_type=_JSON)

    # Plain routes, described by hand: bodies are decoded by msgspec, and FastAPI's own reading of
    # them would cost as much as a small chart does.
    app.add_route("/cds-services", discover, methods=["GET"])
    app.add_route("/health", healthy, methods=["GET"])
    app.add_route("/cds-services/{service_id}", call, methods=["POST"])
    app.add_route("/determinations", determinations, methods=["POST"])
    # FastAPI's own way to replace its description.
    app.openapi = lambda: describe(__version__)  # type: ignore[method-assign]
    return app


def _bases(settings: Settings) -> list[str]:
    """The FHIR servers that anyone may have read while trust is open.

    Raises:
        SettingsError: one is no base URL.
    """
    for base in settings.fhir_servers:
        fault = fhir_base_fault(base, development=settings.development)
        if fault is not None:
            message = f"{PREFIX}FHIR_SERVERS: {base} {fault}"
            raise SettingsError(message)
    return list(settings.fhir_servers)


async def _refused(_: Request, error: Exception) -> Response:
    """A request that breaks the rules."""
    if not isinstance(error, RequestError):
        raise error
    return Response(outcome_of(error), error.status, media_type=_FHIR)


async def _unknown(_: Request, error: Exception) -> Response:
    """A path or method that does not exist."""
    if not isinstance(error, HTTPException):
        raise error
    code = _ISSUE_OF_STATUS.get(error.status_code, "invalid")
    content = operation_outcome(code, str(error.detail))
    headers = None if error.headers is None else dict(error.headers)
    return Response(content, error.status_code, headers, _FHIR)


async def _broken(_: Request, error: Exception) -> Response:
    """A bug: its type and place are logged, never its message, which may repeat the chart."""
    incident = str(uuid4())
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}"
    _log.error("incident %s: %s in %s", incident, type(error).__name__, place)
    content = operation_outcome("exception", f"internal error, incident {incident}")
    return Response(content, 500, media_type=_FHIR)


async def _body(request: Request, limit: int) -> bytearray:
    """The request's body.

    Raises:
        RequestError: 415 for a body that is not JSON by its headers, 413 for one that is too large.
    """
    kind = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if kind not in {_JSON, _FHIR}:
        raise RequestError(415, "not-supported", "the body must be application/json", "header")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError(415, "not-supported", "the body must not be compressed", "header")
    # Grown in place: one copy of a large body, not two.
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            message = f"the body is larger than {limit} bytes"
            raise RequestError(413, "too-long", message, f"byte {limit}")
    return body
