"""FHIR servers for the tests: a real one, and some that misbehave.

The real one is sekmet-fhir in a process of its own. PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from live_server import Json

_PATIENCE = 60
_FAREWELL = 3
_PAGE_BYTES = 1 << 16
_HERE = "127.0.0.1"


# ------------------------------------------------------------------------------------ the real one


class RealServer:
    """A running FHIR R4 server."""

    def __init__(self, base: str, token: str | None, authority: str | None) -> None:
        self.base = base
        self.token = token
        self._session = requests.Session()
        # The machine's own authorities would win over the one of this server.
        self._session.trust_env = False
        self._session.verify = authority or True
        self._session.headers["Content-Type"] = "application/fhir+json"
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Json:
        """Read or search."""
        found: Json = json.loads(self.text(path))
        return found

    def text(self, path: str) -> bytes:
        """Read or search: the answer as it is sent."""
        response = self._session.get(f"{self.base}/{path}", timeout=_PATIENCE)
        response.raise_for_status()
        return response.content

    def store(self, resources: Sequence[Json]) -> None:
        """Store resources under their own ids."""
        entries = [
            {
                "resource": one,
                "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
            }
            for one in resources
        ]
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        response = self._session.post(self.base, json=body, timeout=_PATIENCE)
        if not response.ok:
            raise AssertionError(response.text[:2000])

    def close(self) -> None:
        self._session.close()


@contextmanager
def real_server(
    token: str | None = None,
    certificate: tuple[str, str, str] | None = None,
    backend_clients: Mapping[str, Json] | None = None,
) -> Iterator[RealServer]:
    """Start a FHIR server, empty.

    Args:
        token: the bearer token that it asks for.
        certificate: files of its certificate, its key, and the authority behind them.
        backend_clients: the JWK Sets of clients that may get tokens of its own, by id.
    """
    port = free_port()
    scheme, authority = "http", None
    with TemporaryDirectory() as folder:
        settings: Json = {
            "host": _HERE,
            "port": port,
            "data_dir": folder,
            "simulator": {"enabled": False},
            "validation": {"inbound": "off"},
        }
        if token is not None:
            settings["server_auth"] = {"types": ["bearer"], "tokens": [token]}
        if backend_clients is not None:
            settings["server_auth"] = {
                "types": ["bearer", "smart"],
                "tokens": [token],
                "smart_clients": [
                    {"client_id": name, "jwks": keys, "scopes": "system/*.rs"}
                    for name, keys in backend_clients.items()
                ],
            }
        if certificate is not None:
            scheme, authority = "https", certificate[2]
            settings |= {"tls_certfile": certificate[0], "tls_keyfile": certificate[1]}
        settings["base_url"] = f"{scheme}://localhost:{port}/fhir"
        # YAML reads JSON.
        Path(folder, "settings.yaml").write_text(json.dumps(settings), encoding="utf-8")
        command = [sys.executable, "-m", "sekmet.cli", "serve", "-c", f"{folder}/settings.yaml"]
        with (
            Path(folder, "log").open("wb") as log,
            subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process,
        ):
            server = RealServer(settings["base_url"], token, authority)
            try:
                _wait(server, process, Path(folder, "log"))
                yield server
            finally:
                # A TLS connection that stays open would hold the server for half a minute.
                server.close()
                process.terminate()
                try:
                    process.wait(_FAREWELL)
                except subprocess.TimeoutExpired:
                    process.kill()


def _wait(server: RealServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.get("metadata")
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    message = f"the FHIR server did not start: {log.read_text(errors='replace')}"
    raise RuntimeError(message)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HERE, 0))
        port: int = probe.getsockname()[1]
        return port


# ----------------------------------------------------------------------------- ones that misbehave


class Exchange:
    """One request to a misbehaving server: what was asked, and the socket to answer on."""

    def __init__(self, connection: socket.socket, head: str, root: str) -> None:
        self.connection = connection
        self.head = head
        self.path = head.split(" ")[1] if " " in head else ""
        self.root = root

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(
        self,
        body: object,
        status: str = "200 OK",
        kind: str = "application/fhir+json",
        **headers: str,
    ) -> None:
        """Answer with a whole body; what is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "Connection: close", "", ""]).encode() + data)


class WildServer:
    """A server that answers as a function tells it to; it counts and keeps what it was asked."""

    def __init__(self, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self.root = f"http://localhost:{self.port}"
        self.heads: list[str] = []

    def paths(self) -> list[str]:
        return [head.split(" ")[1] for head in self.heads if " " in head]


@contextmanager
def wild_server(behave: Callable[[Exchange], None]) -> Iterator[WildServer]:
    """Start a server whose every connection is left to a function."""
    listening = socket.create_server((_HERE, 0), backlog=512)
    server = WildServer(listening)
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                head = connection.recv(_PAGE_BYTES).decode(errors="replace")
                server.heads.append(head)
                if head:
                    behave(Exchange(connection, head, server.root))
            except OSError:
                return  # The client has gone, as it should.

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        over.set()
        # A blocked accept does not notice that its socket was closed.
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
