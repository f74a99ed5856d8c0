"""A small FHIR store for the tests, which does what a test tells it instead of what it should."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from live_server import Json

    Behave = Callable[["Call", "Store"], "Said | None"]

FHIR = "application/fhir+json"


class Call(NamedTuple):
    """A request: the path is below the base, the body is JSON or nothing."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Json | None


class Said(NamedTuple):
    """An answer; a body that is no JSON is sent as HTML."""

    status: int = 200
    body: Json | str = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


class Store:
    """What the server holds, by place, and what it was asked."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.held: dict[str, Json] = {}
        self.calls: list[Call] = []
        self.capability: Json = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.method != "GET"]

    def asked(self, part: str) -> list[Call]:
        """The requests with some words in their path."""
        return [call for call in self.calls if part in call.path]

    def answer(self, call: Call) -> Said:
        """As a FHIR server should."""
        if call.path == "metadata":
            return Said(200, self.capability)
        if call.method == "PUT" and call.body is not None:
            created = call.path not in self.held
            self.held[call.path] = call.body
            return Said(201 if created else 200)
        if call.method == "POST" and call.body is not None and not call.path:
            for entry in call.body["entry"]:
                self.held[entry["request"]["url"]] = entry["resource"]
            return Said(200, {"resourceType": "Bundle", "type": "transaction-response"})
        if "$" in call.path:
            return Said(404, "<p>no such page</p>")
        if "/" in call.path:
            held = self.held.get(call.path)
            return Said(404, outcome("not-found", "unknown")) if held is None else Said(200, held)
        found = [
            {"resource": one}
            for one in self.held.values()
            if one["resourceType"] == call.path and one.get("url") == call.query["url"]
        ]
        return Said(200, {"resourceType": "Bundle", "type": "searchset", "entry": found})


def outcome(code: str, text: str) -> Json:
    """An OperationOutcome."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def result(*, value: bool, **parameters: str) -> Json:
    """The answer of $validate-code."""
    more = [{"name": n.replace("_", "-"), "valueString": v} for n, v in parameters.items()]
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "result", "valueBoolean": value}, *more],
    }


def as_it_should(_call: Call, _store: Store) -> Said | None:
    return None


@contextmanager
def store(
    behave: Behave = as_it_should, certificate: tuple[str, str] | None = None
) -> Iterator[Store]:
    """Start a store.

    Args:
        behave: answers what it wants to, and leaves the rest to the store.
        certificate: files of its certificate and its key, for https.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one piece: the second of two would wait for a late acknowledgement.
        wbufsize = 1 << 16
        disable_nagle_algorithm = True

        def serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = Call(
                self.command,
                parts.path.removeprefix("/fhir").strip("/"),
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(body) if body else None,
            )
            kept.calls.append(call)
            said = behave(call, kept) or kept.answer(call)
            is_html = isinstance(said.body, str)
            data = (
                str(said.body).encode(errors="surrogateescape")
                if is_html
                else json.dumps(said.body).encode()
            )
            self.send_response(said.status)
            self.send_header("Content-Type", "text/html; charset=utf-8" if is_html else FHIR)
            self.send_header("Content-Length", str(len(data)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = serve  # noqa: N815 - as the server calls them

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept = Store(f"http://127.0.0.1:{server.server_port}/fhir")
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        kept.base = f"https://localhost:{server.server_port}/fhir"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
