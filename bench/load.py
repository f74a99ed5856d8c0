"""A load generator that costs next to nothing: a socket and ready-made requests.

One connection sends its next request as soon as it has its answer: a call is measured by itself,
not the neighbours that share its caches. Every answer is checked.
"""

from __future__ import annotations

import re
import socket
import time
from statistics import quantiles
from typing import NamedTuple

PATH = "/cds-services/defibrillator-order-sign"
_TIMEOUT = 60.0  # seconds for one answer; a server that takes longer has failed
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNK = 1 << 16


class WrongAnswerError(Exception):
    """A server answered something else than 200 with its cards, or nothing at all."""


class Answer(NamedTuple):
    """Status code and body of an HTTP answer."""

    status: int
    body: bytes


def make_request(body: bytes) -> bytes:
    """The HTTP request for a body, as one piece that can be sent again and again."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One kept-alive connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        """Connect to ``port``."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, request: bytes) -> Answer:
        """Send a request and read its answer.

        Raises:
            WrongAnswerError: the server closed the connection or did not say how long its body is.
        """
        self.send(request)
        return self.receive()

    def send(self, request: bytes) -> None:
        """Send a request."""
        self._socket.sendall(request)

    def receive(self) -> Answer:
        """Read the answer to the request that was sent.

        Raises:
            WrongAnswerError: as ``call``.
        """
        received = bytearray()
        while (end := received.find(_HEAD_END)) < 0:
            received += self._receive()
        head = bytes(received[: end + len(_HEAD_END)])
        length = _LENGTH.search(head)
        if length is None:
            message = "the answer has no content-length"
            raise WrongAnswerError(message)
        whole = len(head) + int(length[1])
        while len(received) < whole:
            received += self._receive()
        return Answer(int(head.split(b" ", 2)[1]), bytes(received[len(head) : whole]))

    def _receive(self) -> bytes:
        data = self._socket.recv(_CHUNK)
        if not data:
            message = "the server closed the connection"
            raise WrongAnswerError(message)
        return data

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def check(answer: Answer, cards: int) -> None:
    """Refuse an answer that is not 200 with ``cards`` cards.

    Raises:
        WrongAnswerError: with the status and the beginning of the body.
    """
    right = answer.body.startswith(b'{"cards":[{') and answer.body.count(b'"summary":') == cards
    if answer.status != 200 or not right:  # noqa: PLR2004 - HTTP's OK
        message = f"expected 200 with {cards} cards, got {answer.status}: {answer.body[:200]!r}"
        raise WrongAnswerError(message)


def drive(port: int, request: bytes, calls: int, cards: int) -> float:
    """Send ``calls`` requests, one after another; the seconds that took.

    Raises:
        WrongAnswerError: any answer was not what it should be.
        OSError: the server could not be reached.
    """
    connection = Connection(port)
    try:
        start = time.perf_counter()
        for _ in range(calls):
            check(connection.call(request), cards)
        return time.perf_counter() - start
    finally:
        connection.close()


def percentile(seconds: list[float], percent: int) -> float:
    """A percentile."""
    return quantiles(seconds, n=100)[percent - 1]
