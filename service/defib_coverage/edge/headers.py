"""Headers on every answer that tell browsers what not to do with it."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

NO_STORE: Header = (b"cache-control", b"no-store")
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""The policy of a page that has nothing inline and asks no other host."""
ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_STRICT: tuple[Header, ...] = (*ALWAYS, (b"content-security-policy", _NOTHING.encode()))
_STRICT_TRANSPORT: Header = (b"strict-transport-security", b"max-age=31536000")
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """ASGI middleware that adds them.

    No answer is stored, except what says itself how it may be: files come with an ETag. Nothing may
    run in an answer, except in a page that brings a policy of its own.
    """

    def __init__(self, app: ASGIApp, pages: Container[str] = (), *, https: bool = False) -> None:
        """Wrap an application.

        Args:
            app: the application.
            pages: paths of HTML pages that are not ours; the scripts in them may run.
            https: whether clients reach the service by https alone.
        """
        self._app = app
        self._pages = pages
        transport = (_STRICT_TRANSPORT,) if https else ()
        self._page = (*ALWAYS, *transport, NO_STORE)
        self._file = (*_STRICT, *transport)
        self._other = (*_STRICT, *transport, NO_STORE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with more headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in self._pages:
            await self._app(scope, receive, _PageSender(send, self._page))
            return

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = self._other
                for name, _ in message["headers"]:
                    if name in _TELLS_STORAGE:
                        more = self._file
                    elif name == _POLICY:
                        more = self._page
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, receive, sender)


_POLICY = b"content-security-policy"
_TELLS_STORAGE = {b"etag", b"cache-control"}


class _PageSender:
    """Sends a page with a policy that names the scripts in it by their digests."""

    def __init__(self, send: Send, headers: tuple[Header, ...]) -> None:
        self._send = send
        self._headers = headers
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Hold the head back until the page is there: it comes in one piece."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            policy = (_POLICY, page_policy(message.get("body", b"")).encode())
            start["headers"] = [*start["headers"], *self._headers, policy]
            await self._send(start)
        await self._send(message)


def page_policy(page: bytes) -> str:
    """The policy for a page of our own: its own files, and the scripts that stand in it."""
    digests = (hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(page))
    scripts = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"{_NOTHING}; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'"
    )
