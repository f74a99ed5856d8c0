"""A small real server of FHIR Bulk Data with SMART Backend Services, and faults on demand.

It speaks HTTP in a thread of this process. PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import secrets
import ssl
import threading
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from defib_coverage.hooks.trust.signing import SigningKey

Json = dict[str, Any]
_FHIR = "application/fhir+json"
_NDJSON = "application/fhir+ndjson"
MOMENT = "2026-11-20T08:00:00.000Z"


def ndjson(resource_type: str, count: int, **members: object) -> bytes:
    """So many resources of a type, one a line."""
    made = ({"resourceType": resource_type, "id": f"{n}"} | members for n in range(count))
    return b"".join(json.dumps(one).encode() + b"\n" for one in made)


class Exported(NamedTuple):
    """A file of the export; ``counted`` is the manifest's count: None is none, -1 the true one."""

    type: str
    body: bytes
    section: str = "output"
    counted: int | None = -1
    zipped: bool = False

    @property
    def told(self) -> int | None:
        return self.body.count(b"\n") if self.counted == -1 else self.counted


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization")


class Exchange(BaseHTTPRequestHandler):
    """One connection; what it answers is the server's matter."""

    protocol_version = "HTTP/1.1"
    bulk: BulkServer

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
        """Nothing is printed."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        try:
            self.bulk.answer(self, asked)
        except OSError:
            self.close_connection = True

    def send(self, status: int, body: bytes = b"", kind: str = _FHIR, **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def outcome(self, status: int, text: str, code: str = "processing", **headers: str) -> None:
        """An OperationOutcome."""
        issue = {"severity": "error", "code": code, "diagnostics": text}
        body = {"resourceType": "OperationOutcome", "issue": [issue]}
        self.send(status, json.dumps(body).encode(), **headers)


class BulkServer:
    """What it exports, who may ask, what goes wrong; and what it was asked."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.base = f"{self.root}/fhir"
        self.files: list[Exported] = []
        self.elsewhere: BulkServer | None = None
        self.polls = 0
        self.retry_after: str | None = "0"
        self.ranges = True
        self.weak = False
        self.requires_access_token = True
        self.smart: Json = {"capabilities": ["permission-v2"]}
        self.asked: list[Asked] = []
        self.jobs = 0
        self.removed: list[str] = []
        self.stalled = threading.Event()
        self.released = threading.Event()
        self._key: SigningKey | None = None
        self._uses = 0
        self._left: dict[str, int] = {}
        self._used_ids: set[str] = set()
        self._polled: defaultdict[str, int] = defaultdict(int)
        self._faults: defaultdict[str, list[Callable[[Exchange], bool]]] = defaultdict(list)
        self._lock = threading.Lock()
        self.manifest_changes: Callable[[Json], Json] = lambda manifest: manifest

    def guard(self, key: SigningKey, uses: int = 1_000_000) -> None:
        """Ask for tokens of the client ``audit`` with this key; each is good for some uses."""
        self._key, self._uses = key, uses

    def fault(self, path: str, *faults: Callable[[Exchange], bool]) -> None:
        """Let the next requests of a path go wrong, one each."""
        self._faults[path].extend(faults)

    def paths(self, method: str, part: str) -> list[Asked]:
        """The requests of a method whose path holds a text."""
        with self._lock:
            return [one for one in self.asked if one.method == method and part in one.path]

    def tokens(self) -> set[str]:
        """The tokens that were ever given out."""
        return set(self._left)

    def answer(self, exchange: Exchange, asked: Asked) -> None:
        """Answer one request."""
        path = unquote(urlsplit(asked.path).path)
        with self._lock:
            self.asked.append(asked)
            waiting = self._faults[path]
            fault = waiting.pop(0) if waiting else None
        if fault is not None and fault(exchange):
            return
        if path == "/token":
            self._grant(exchange, asked)
        elif path == "/fhir/.well-known/smart-configuration":
            document = {"token_endpoint": f"{self.root}/token"} | self.smart
            exchange.send(200, json.dumps(document).encode(), "application/json")
        elif path.startswith("/files/"):
            # Whoever has such an address may read it: the guard is elsewhere.
            self._send_file(exchange, asked, int(path.rpartition("/")[2]))
        elif not self._let_in(asked):
            exchange.outcome(401, "who is calling?", "login")
        elif path.endswith("/$export"):
            self._begin(exchange, asked)
        elif path.startswith("/fhir/status/"):
            self._tell(exchange, asked, path.rpartition("/")[2])
        elif path.startswith("/fhir/files/"):
            self._send_file(exchange, asked, int(path.rpartition("/")[2]))
        else:
            exchange.outcome(404, "no such thing", "not-found")

    def _let_in(self, asked: Asked) -> bool:
        if self._key is None:
            return True
        token = (asked.token or "").removeprefix("Bearer ")
        with self._lock:
            if self._left.get(token, 0) <= 0:
                return False
            self._left[token] -= 1
        return True

    def _grant(self, exchange: Exchange, asked: Asked) -> None:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        fault = None
        if self._key is None or form.get("grant_type") != "client_credentials":
            fault = "unsupported_grant_type"
        elif form.get("client_assertion_type") != kind:
            fault = "invalid_request"
        elif form.get("scope") not in {"system/*.rs", "system/*.read", "system/Patient.rs"}:
            fault = "invalid_scope"
        elif not self._is_good(form.get("client_assertion", ""), self._key):
            fault = "invalid_client"
        if fault is not None:
            exchange.send(400, json.dumps({"error": fault}).encode(), "application/json")
            return
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._left[token] = self._uses
        granted = {"access_token": token, "token_type": "bearer", "expires_in": 300}
        granted["scope"] = form["scope"]
        exchange.send(200, json.dumps(granted).encode(), "application/json")

    def _is_good(self, assertion: str, key: SigningKey) -> bool:
        """Whether a registered client has signed it, for here, for now, and for once."""
        try:
            kid = jwt.get_unverified_header(assertion)["kid"]
            claims = jwt.decode(
                assertion,
                jwt.PyJWK(key.public()).key,
                algorithms=["RS384", "ES384"],
                audience=f"{self.root}/token",
                issuer="audit",
                options={"require": ["iss", "sub", "aud", "exp", "jti"]},
            )
        except (jwt.PyJWTError, KeyError):
            return False
        with self._lock:
            fresh = claims["jti"] not in self._used_ids
            self._used_ids.add(claims["jti"])
        short = claims["exp"] - claims["iat"] <= 300
        return bool(fresh and short and claims["sub"] == "audit" and kid == key.kid)

    def _begin(self, exchange: Exchange, asked: Asked) -> None:
        if asked.headers.get("prefer") != "respond-async":
            exchange.outcome(400, "Prefer: respond-async is missing")
            return
        if "/Group/" in asked.path and "/Group/icd/" not in asked.path:
            exchange.outcome(404, "there is no such Group", "not-found")
            return
        self.jobs += 1
        exchange.send(202, Content_Location=f"{self.base}/status/{self.jobs}")

    def _tell(self, exchange: Exchange, asked: Asked, job: str) -> None:
        if job in self.removed:
            exchange.outcome(404, "the export is gone", "not-found")
            return
        if asked.method == "DELETE":
            self.removed.append(job)
            exchange.send(202)
            return
        self._polled[job] += 1
        if self._polled[job] <= self.polls:
            headers = {"X_Progress": f"{self._polled[job]} of {self.polls} done"}
            if self.retry_after is not None:
                headers["Retry_After"] = self.retry_after
            exchange.send(202, b"", **headers)
            return
        manifest = self.manifest_changes(self.manifest())
        exchange.send(200, json.dumps(manifest).encode(), "application/json")

    def manifest(self) -> Json:
        """What is told of the export."""
        root = self.base if self.elsewhere is None else self.elsewhere.root
        sections: dict[str, list[Json]] = {"output": [], "deleted": [], "error": []}
        for number, one in enumerate(self.files):
            item: Json = {"type": one.type, "url": f"{root}/files/{number}"}
            if one.told is not None:
                item["count"] = one.told
            sections[one.section].append(item)
        return {
            "transactionTime": MOMENT,
            "request": f"{self.base}/$export",
            "requiresAccessToken": self.requires_access_token,
        } | sections

    def _send_file(self, exchange: Exchange, asked: Asked, number: int) -> None:
        one = self.files[number]
        body = gzip.compress(one.body, mtime=0) if one.zipped else one.body
        etag = f'{"W/" if self.weak else ""}"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"ETag": etag} | ({"Content_Encoding": "gzip"} if one.zipped else {})
        wanted = asked.headers.get("range")
        if wanted is None or not self.ranges or asked.headers.get("if-range") != etag:
            exchange.send(200, body, _NDJSON, **headers)
            return
        begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(body):
            exchange.send(416, Content_Range=f"bytes */{len(body)}")
            return
        headers["Content_Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
        exchange.send(206, body[begin:], _NDJSON, **headers)


class _Threads(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is no news."""


@contextmanager
def bulk_server(*files: Exported, tls: ssl.SSLContext | None = None) -> Iterator[BulkServer]:
    """Start a server that exports some files, over TLS where it is told how."""
    http = _Threads(("127.0.0.1", 0), Exchange)
    server = BulkServer(http.server_address[1])
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
        server.root = server.root.replace("http://127.0.0.1", "https://localhost")
        server.base = f"{server.root}/fhir"
    server.files.extend(files)
    http.RequestHandlerClass = type("Bound", (Exchange,), {"bulk": server})
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        thread.join()


# -------------------------------------------------------------------------------- what goes wrong


def busy(status: int = 503, retry_after: str | None = "0") -> Callable[[Exchange], bool]:
    """Not now."""

    def go(exchange: Exchange) -> bool:
        headers = {} if retry_after is None else {"Retry_After": retry_after}
        exchange.outcome(status, "not now", "throttled", **headers)
        return True

    return go


def refuse(status: int, text: str, code: str = "processing") -> Callable[[Exchange], bool]:
    """An OperationOutcome with a text."""

    def go(exchange: Exchange) -> bool:
        exchange.outcome(status, text, code)
        return True

    return go


def says(
    status: int, body: bytes = b"", kind: str = "text/html", **headers: str
) -> Callable[[Exchange], bool]:
    """Any answer."""

    def go(exchange: Exchange) -> bool:
        exchange.send(status, body, kind, **headers)
        return True

    return go


def hang_up(exchange: Exchange) -> bool:
    """Close the connection without a word."""
    exchange.close_connection = True
    return True


def drop_after(size: int) -> Callable[[Exchange], bool]:
    """Close the connection in the middle of a file."""
    return _partly(size, lambda _: None)


def stall_after(size: int) -> Callable[[Exchange], bool]:
    """Send so much of a file, and no more until the test is done with it."""

    def wait(server: BulkServer) -> None:
        server.stalled.set()
        server.released.wait(60)

    return _partly(size, wait)


def _partly(size: int, then: Callable[[BulkServer], None]) -> Callable[[Exchange], bool]:
    def go(exchange: Exchange) -> bool:
        whole = exchange.wfile.write

        def cut(data: bytes) -> int:  # type: ignore[type-arg,unused-ignore]
            if data.startswith(b"HTTP/1.1 ") or b"\r\n\r\n" in data[-4:]:
                return whole(data)
            whole(data[:size])
            exchange.wfile.flush()
            then(exchange.bulk)
            exchange.close_connection = True
            raise ConnectionAbortedError

        exchange.wfile.write = cut  # type: ignore[method-assign,assignment]
        return False

    return go
