"""An application behind the product's own protocol, in a thread: for what needs an odd application.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import uvicorn
from starlette.applications import Starlette

from defib_coverage.edge.protocol import BoundedProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from starlette.routing import Route

_PATIENCE = 30.0


class Edge(NamedTuple):
    """A server in a thread, and where it listens."""

    server: uvicorn.Server
    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        client.settimeout(_PATIENCE)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(("127.0.0.1", self.port))
        return client

    def connections(self) -> int:
        return len(self.server.server_state.connections)


def application(routes: Sequence[Route], receive_seconds: float) -> Starlette:
    """An application that tells the protocol its seconds as the product does."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, float]]:
        yield {"receive_seconds": receive_seconds}

    return Starlette(routes=list(routes), lifespan=lifespan)


@contextmanager
def serving(app: Any) -> Iterator[Edge]:  # noqa: ANN401 - any ASGI application
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=BoundedProtocol, ws="none", log_config=None
    )
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    deadline = time.monotonic() + _PATIENCE
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield Edge(server, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)
        listening.close()


def process_of(base: str) -> psutil.Process:
    """The process that listens at a base URL of this machine."""
    port = int(base.rpartition(":")[2])
    (found,) = (
        connection.pid
        for connection in psutil.net_connections("tcp4")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr.port == port
    )
    return psutil.Process(found)


def read_one(client: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer on a connection that goes on."""
    response = HTTPResponse(client)
    response.begin()
    return response.status, response.read()


def read_all(client: socket.socket) -> bytes:
    """What a server sends until it closes, however it closes."""
    received = bytearray()
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionError:
        pass
    return bytes(received)
