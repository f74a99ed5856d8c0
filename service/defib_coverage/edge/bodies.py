"""Request bodies: of the right type, inflated, and bounded each and all together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from defib_coverage.errors import RequestError
from defib_coverage.network.inflate import CorruptError, Inflater, TooLongError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Receive, Scope

_TYPES = {b"application/json", b"application/fhir+json"}
_HELD_AT_ONCE = 16


class Bodies:
    """Reads bodies up to a size, and refuses when all that are held take too much memory."""

    def __init__(self, most: int) -> None:
        """Accept bodies of ``most`` bytes, and hold as much as 16 of them."""
        self._most = most
        self._room = _HELD_AT_ONCE * most

    def reading(self, scope: Scope, receive: Receive, also: Sequence[bytes] = ()) -> _Reading:
        """An async context with the body of a request, decoded; leaving it gives the room back.

        Types that are read beside JSON may be named by ``also``.

        Entering raises:
            RequestError: 415 for a type or encoding that is not read, 413 for a body that is too
                large, 400 for broken gzip, 503 where other bodies take all room.
            ClientDisconnect: the client went away.
        """
        return _Reading(self, scope, receive, also)

    def take(self, whole: int, size: int) -> None:
        """Take room for ``size`` bytes more of a body that is ``whole`` bytes with them.

        Raises:
            RequestError: 413 where the body gets too large, 503 where there is no room.
        """
        if whole > self._most:
            raise self.too_long()
        if size > self._room:
            message = "too many large calls at a time; call again"
            raise RequestError(503, "throttled", message, retry_after=1)
        self._room -= size

    def give_back(self, size: int) -> None:
        """Give room back."""
        self._room += size

    def too_long(self) -> RequestError:
        """The refusal of a body that is too large."""
        message = f"the body is larger than {self._most} bytes"
        return RequestError(413, "too-long", message, f"byte {self._most}")

    def check_head(self, scope: Scope, also: Sequence[bytes] = ()) -> Inflater | None:
        """What inflates the body that the headers announce; None for a plain one.

        Raises:
            RequestError: 415 or 413 for what need not even be read.
        """
        kind, encoding = b"application/json", b"identity"
        for name, value in scope["headers"]:
            if name == b"content-type":
                kind = value.partition(b";")[0].strip().lower()
            elif name == b"content-encoding":
                encoding = value.strip().lower()
            elif name == b"content-length" and value.isdigit() and int(value) > self._most:
                raise self.too_long()
        if kind not in _TYPES and kind not in also:
            raise RequestError(415, "not-supported", "the body must be application/json", "header")
        if encoding == b"identity":
            return None
        if encoding != b"gzip":
            message = "the body must be gzip, or not compressed"
            raise RequestError(415, "not-supported", message, "header")
        return Inflater(self._most)


class _Reading:
    """One body while it is read and held."""

    def __init__(
        self, bodies: Bodies, scope: Scope, receive: Receive, also: Sequence[bytes]
    ) -> None:
        self._bodies = bodies
        self._also = also
        self._scope = scope
        self._receive = receive
        self._body: bytes | bytearray = b""

    async def __aenter__(self) -> bytes | bytearray:
        try:
            await self._read(self._bodies.check_head(self._scope, self._also))
        except BaseException as error:
            self._bodies.give_back(len(self._body))
            if isinstance(error, TooLongError):
                raise self._bodies.too_long() from error
            if isinstance(error, CorruptError):
                message = "the body is broken gzip"
                raise RequestError(400, "structure", message, "the body") from error
            raise
        return self._body

    async def __aexit__(self, *_: object) -> None:
        self._bodies.give_back(len(self._body))

    async def _read(self, inflater: Inflater | None) -> None:
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            for piece in (chunk,) if inflater is None else inflater.feed(chunk):
                self._add(piece)
            more = message.get("more_body", False)
        if inflater is not None:
            inflater.finish()

    def _add(self, piece: bytes) -> None:
        self._bodies.take(len(self._body) + len(piece), len(piece))
        if not self._body:
            self._body = piece
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        # Grown in place: one copy of a large body, not two.
        self._body += piece
