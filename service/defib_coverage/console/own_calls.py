"""Calling this service as a client does, without leaving the process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

_THOUSAND = 1000


class OwnAnswer(msgspec.Struct, frozen=True):
    """What came back: status, body, and how long it took."""

    status: int
    body: bytes
    milliseconds: float


async def post_to(app: ASGIApp, path: str, body: bytes, host: bytes) -> OwnAnswer:
    """Post a JSON body to a path of an application, through all that stands before its routes.

    Args:
        app: the application.
        path: where to.
        body: what is sent.
        host: what the request calls the service.
    """
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", host),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ],
        "client": None,
        "server": None,
        "state": {},
    }
    status = 0
    parts: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    loop = asyncio.get_running_loop()
    begin = loop.time()
    await app(scope, receive, send)
    return OwnAnswer(status, b"".join(parts), round(_THOUSAND * (loop.time() - begin), 2))
