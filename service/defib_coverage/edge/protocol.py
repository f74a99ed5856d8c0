"""The HTTP protocol of the server: requests arrive in time and with short heads, or are cut off.

Bounds that an application cannot keep, since it is not asked before a request's head is there. The
seconds come with the state of the application's lifespan, under ``receive_seconds``: so they reach
a worker process with the application itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from defib_coverage.edge.headers import ALWAYS, NO_STORE
from defib_coverage.hooks.outcome import operation_outcome

if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from uvicorn.config import Config
    from uvicorn.server import ServerState

MOST_HEAD = 64 * 1024
"""Bytes of a request line and its headers, and of what comes between pieces of a body."""
# Bytes of a body that wait for the application before no more are read. Most calls fit: to stop
# and go on costs more than they do.
_MOST_BUFFERED = 256 * 1024
# Requests that wait behind the one being answered: honest clients send one at a time.
_MOST_WAITING = 8
# Line breaks and colon of a header.
_MARKS = 4
# Bytes of an answer that a client must take in the time that its request may take.
_LEAST_TAKEN = 64 * 1024
# How long what was sent after a refusal is thrown away: closed at once, the refusal would be lost.
_LINGER_SECONDS = 1.0


class _RefusedError(Exception):
    """Stops the parser; what is answered stands in the protocol."""


class _Joining:
    """The transport for one answer: the head waits for the body, and both go out in one piece.

    To write costs more than to put an answer together, and the client is woken once.
    """

    __slots__ = ("_head", "_transport", "close", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self.close = transport.close
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head is None:
            self._head = data
        elif self._head:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._transport.write(data)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's fast protocol with bounds of time and size.

    A request must have arrived ``seconds`` after its connection was made, or after its first byte
    where the connection is older; else it is answered with 408 where nothing was answered yet, and
    the connection is closed. A request that has arrived is never cut off. Heads above ``MOST_HEAD``
    are answered with 431. A client that takes next to nothing of its answer for as long is cut off
    too.
    """

    seconds: ClassVar[float] = 10.0
    """What holds where the application's state does not say otherwise."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Made by uvicorn for each connection."""
        super().__init__(config, server_state, app_state, _loop)
        self._limit = float(app_state.get("receive_seconds", self.seconds))
        self._arrival: asyncio.TimerHandle | None = None
        self._departure: asyncio.TimerHandle | None = None
        self._arriving = True
        self._in_body = False
        # Bytes since the last that were of a body, or of a request that is complete.
        self._unread = 0
        self._refusal: tuple[int, str, str] | None = None

    # ------------------------------------------------------------------------- what asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that sends nothing is on the clock too."""
        super().connection_made(transport)
        self._arrival = self.loop.call_later(self._limit, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to wait for."""
        super().connection_lost(exc)
        for timer in (self._arrival, self._departure, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes came: they do not set the clock back."""
        if self._refusal is not None:
            return
        self._unread += len(data)
        super().data_received(data)
        if self._refusal is not None or self.transport.is_closing():
            return
        if self._unread > MOST_HEAD:
            # A head without end, or trailers after the body.
            self._refuse(431, "too-long", f"the head is larger than {MOST_HEAD} bytes")
        elif self._arriving or self._is_idle():
            if self._arrival is None:
                self._arrival = self.loop.call_later(self._limit, self._late)
        elif self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def pause_writing(self) -> None:
        """The client does not read what it asked for."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._departure is not None:
            self._departure.cancel()
            self._departure = None

    # ---------------------------------------------------------------------- what the parser calls

    def on_message_begin(self) -> None:
        """The next request begins."""
        super().on_message_begin()
        self._arriving = True
        self._in_body = False
        if len(self.pipeline) >= _MOST_WAITING:
            self._refusal = (400, "throttled", "too many requests before the first answer")
            raise _RefusedError

    def on_headers_complete(self) -> None:
        """The head is there; its length is added up only where it may be too much."""
        if self._unread > MOST_HEAD:
            head = sum(len(name) + len(value) + _MARKS for name, value in self.headers)
            if len(self.url) + head > MOST_HEAD:
                message = f"the head is larger than {MOST_HEAD} bytes"
                self._refusal = (431, "too-long", message)
                raise _RefusedError
        self._in_body = True
        super().on_headers_complete()
        # A HEAD gets no body; and "go on" must not wait for anything.
        if not self.expect_100_continue and self.scope["method"] != "HEAD":
            self.cycle.transport = _Joining(self.transport)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """A piece of the body: what uvicorn does with it, except when it waits and wakes.

        The application is woken when the body is there, or more of it than is kept waiting: it can
        do nothing with a piece, and every waking costs.
        """
        self._unread = 0
        cycle = self.cycle
        if not cycle.response_complete:
            held: bytes | bytearray = cycle.body
            if not held:
                # Most come in one piece: it is not copied.
                held = body
            else:
                held = bytearray(held) if isinstance(held, bytes) else held
                held += body
            cycle.body = held  # type: ignore[assignment] # it is only measured and copied
            if len(cycle.body) > _MOST_BUFFERED:
                self.flow.pause_reading()
                cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The request has arrived: from here on it is the service that takes time."""
        self._arriving = self._in_body = False
        self._unread = 0
        super().on_message_complete()

    # ------------------------------------------------------------------------- what uvicorn calls

    def on_response_complete(self) -> None:
        """The answer is written; where the connection closes after it, not without end."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came after the last answer; what of it was not taken by now never will be."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """What the parser cannot read, and what it was stopped at."""
        status, code, message = self._refusal or (400, "structure", msg)
        self._refuse(status, code, message)

    def _should_upgrade_to_ws(self) -> bool:
        """No WebSockets: none of these bounds would hold for them."""
        return False

    # ------------------------------------------------------------------------------------- bounds

    def _is_idle(self) -> bool:
        """Whether bytes came between requests that begin none, so that no other clock runs."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self.timeout_keep_alive_task is None

    def _late(self) -> None:
        """The time for a request to arrive is over."""
        self._arrival = None
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or (answering and not self.cycle.more_body):
            # An earlier request has arrived and is being answered; then it is this one's turn.
            self._arrival = self.loop.call_later(self._limit, self._late)
        else:
            self._refuse(408, "timeout", f"the request took longer than {self._limit:g} seconds")

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Take no more; answer where nothing was answered yet; close."""
        self._refusal = (status, code, message)
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is None or (cycle.response_complete and not self._in_body):
            self._answer(status, code, message)
        elif cycle.response_complete or self.pipeline:
            self._close()
        elif not cycle.more_body:
            # An earlier request has arrived and is being answered: that answer is the last.
            cycle.keep_alive = False
        else:
            # The application learns that nobody waits any more; what it answers goes nowhere.
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self._close()
            else:
                self._answer(status, code, message)

    def _answer(self, status: int, code: str, message: str) -> None:
        content = operation_outcome(code, message)
        headers = [
            *self.server_state.default_headers,
            *ALWAYS,
            NO_STORE,
            (b"content-type", b"application/fhir+json"),
            (b"content-length", b"%d" % len(content)),
            (b"connection", b"close"),
        ]
        head = [STATUS_LINE[status], *(name + b": " + value + b"\r\n" for name, value in headers)]
        self.transport.write(b"".join([*head, b"\r\n", content]))
        self._unset_keepalive_if_required()
        if self.transport.can_write_eof():
            # Closed while more is on its way, the answer would be lost with it.
            self.flow.resume_reading()
            self.transport.write_eof()
            self._departure = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
        else:
            self._close()

    def _close(self) -> None:
        """Close when all is taken, or when that takes too long."""
        self.transport.close()
        self._watch()

    def _watch(self) -> None:
        """Cut the connection off unless the client goes on taking what is written."""
        if self._departure is None:
            left = self.transport.get_write_buffer_size()
            self._departure = self.loop.call_later(self._limit, self._untaken, left)

    def _untaken(self, left: int) -> None:
        self._departure = None
        if left - self.transport.get_write_buffer_size() < _LEAST_TAKEN:
            self.transport.abort()
        else:
            self._watch()
