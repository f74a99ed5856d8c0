"""The terminology service on the web: ``/fhir`` and everything below it."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from defib_coverage.edge.messages import parent_of
from defib_coverage.errors import RequestError
from defib_coverage.logs import CallRefused, write
from defib_coverage.running.watching import Refused
from defib_coverage.terminology.batches import answer_batch
from defib_coverage.terminology.capability import FHIR_JSON
from defib_coverage.terminology.server import Question, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from defib_coverage.edge.bodies import Bodies
    from defib_coverage.edge.gate import Gate
    from defib_coverage.running.watching import Watcher
    from defib_coverage.settings import Settings
    from defib_coverage.terminology.server import TerminologyServer

ROOT = "/fhir"
_SERVICE = "terminology"
_MOST_ASKED = "ValueSet/$validate-code"
_OK = 200
_TYPE = (b"content-type", f"{FHIR_JSON}; fhirVersion=4.0".encode())
_FORM = b"application/x-www-form-urlencoded"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_READABLE = (b"json", b"*/*", b"application/*")


class TerminologyRoutes:
    """Brings requests to a terminology server, which is made when the first one comes."""

    def __init__(
        self,
        make: Callable[[str], TerminologyServer],
        bodies: Bodies,
        gate: Gate,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        """Answer within the same bounds as calls.

        Args:
            make: makes the server, given the URL that it was reached under.
            bodies: reads bodies.
            gate: lets batches in.
            watchers: are told of what is refused.
        """
        self._make = make
        self._bodies = bodies
        self._gate = gate
        self._watchers = watchers
        self._made: TerminologyServer | None = None
        self._making = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope["path"].removeprefix(ROOT).strip("/")
        await self._answer(path, scope, receive, send)

    async def _validate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is asked most."""
        await self._answer(_MOST_ASKED, scope, receive, send)

    async def _answer(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.perf_counter()
        server = self._made
        if server is None:
            server = await asyncio.to_thread(self._server, _url_of(scope))
        headers = [_TYPE]
        try:
            accepted = b""
            for name, value in scope["headers"]:
                if name == b"accept":
                    accepted += value
                elif name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                    headers.append((name, value))
            _check_accepted(accepted)
            reply = await self._reply(server, path, scope, receive)
        except RequestError as error:
            reply = server.refused(error)
            if error.retry_after is not None:
                headers.append((b"retry-after", b"%d" % error.retry_after))
        if reply.status != _OK:
            self._tell(reply, scope, begin)
        headers.append((b"content-length", b"%d" % len(reply.body)))
        start = {"type": "http.response.start", "status": reply.status, "headers": headers}
        await send(start)
        content = b"" if scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": content})

    async def _reply(
        self, server: TerminologyServer, path: str, scope: Scope, receive: Receive
    ) -> Reply:
        """The reply to a request.

        Raises:
            RequestError: its body cannot be read.
        """
        query = scope["query_string"].decode("latin-1")
        method = scope["method"]
        if method != "POST":
            return server.reply(Question("GET" if method == "HEAD" else method, path, query))
        also = (_FORM,) if path.endswith("/_search") else ()
        async with self._bodies.reading(scope, receive, also) as body:
            if path:
                return server.reply(Question("POST", path, query, body))
            async with self._gate:
                return await answer_batch(server, body)

    def paths(self) -> dict[tuple[str, str], ASGIApp]:
        """What answers the questions that are asked most, by method and path."""
        path = f"{ROOT}/{_MOST_ASKED}"
        return {("GET", path): self._validate, ("POST", path): self._validate}

    def _server(self, url: str) -> TerminologyServer:
        with self._making:
            if self._made is None:
                self._made = self._make(url)
            return self._made

    def _tell(self, reply: Reply, scope: Scope, begin: float) -> None:
        line = CallRefused(service=_SERVICE, status=reply.status, issue=reply.issue)
        write(line, logging.WARNING)
        for watcher in self._watchers:
            watcher.refused(Refused(line, time.perf_counter() - begin, parent_of(scope)))


def terminology_server(
    settings: Settings, today: Callable[[], date], reached: str
) -> TerminologyServer:
    """The server of what this installation publishes: the product's own value sets, no overlay.

    Args:
        settings: how it runs.
        today: the clock.
        reached: the URL that it was reached under, where the settings name none.

    Raises:
        DataError: the data files cannot be used.
    """
    # Costs memory and time to import: only where it is used.
    from defib_coverage.content import load  # noqa: PLC0415
    from defib_coverage.publication import read_catalogue  # noqa: PLC0415
    from defib_coverage.terminology.operations.operations import Operations  # noqa: PLC0415
    from defib_coverage.terminology.server import TerminologyServer  # noqa: PLC0415

    base = settings.canonical_base
    catalogue = read_catalogue(base)
    if settings.terminology == "without-cpt":
        catalogue = catalogue.free()
    url = (settings.public_base or reached).rstrip("/") + ROOT
    knowledge = load().knowledge(base)
    operations = Operations(catalogue, knowledge, today, lambda: datetime.now(UTC))
    return TerminologyServer(catalogue, operations, url)


def _check_accepted(kinds: bytes) -> None:
    """Refuse a client that does not read JSON.

    Raises:
        RequestError: 406.
    """
    if kinds not in {b"", b"*/*"} and not any(kind in kinds.lower() for kind in _READABLE):
        raise RequestError(406, "not-supported", f"only {FHIR_JSON} is written", "Accept")


def _url_of(scope: Scope) -> str:
    """The address that a request came in on; what a proxy calls it is in the settings."""
    host, port = scope["server"]
    shown = f"[{host}]" if ":" in host else host
    return f"{scope['scheme']}://{shown}:{port}"
