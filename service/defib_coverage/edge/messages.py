"""What every route reads of a request's head, and how it sends its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope, Send

JSON = "application/json"
_JSON_TYPE = (b"content-type", JSON.encode())


def authorization_of(scope: Scope) -> str | None:
    """The header of that name; where it stands several times, none can be trusted."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    return found[0].decode("latin-1") if len(found) == 1 else None


async def send_json(content: bytes, send: Send) -> None:
    """Answer 200 with JSON: what a Response sends, without making one."""
    headers = [(b"content-length", b"%d" % len(content)), _JSON_TYPE]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def parent_of(scope: Scope) -> str | None:
    """The header ``traceparent``, where the call has one."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            parent: str = value.decode("latin-1")
            return parent
    return None
