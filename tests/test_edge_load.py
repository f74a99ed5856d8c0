"""More calls than can be answered: refused at once, and answered again when there is room."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from defib_coverage.edge.gate import Gate
from defib_coverage.edge.rate import RateLimit
from defib_coverage.errors import RequestError
from live_server import bundle, condition, running, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_server import Live

SIGN = "/cds-services/defibrillator-order-sign"
GOOD = json.dumps(sign()).encode()


def _post(body: bytes) -> bytes:
    head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"POST {SIGN} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode() + body


@pytest.fixture(scope="module")
def narrow() -> Iterator[Live]:
    with running(max_calls="2") as server:
        yield server


def _answer(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    received = b""
    while data := client.recv(65536):
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def test_overload_is_503_and_passes(narrow: Live) -> None:
    request = sign()
    odd = [condition("I21.4", f"c-{n}", onsetDateTime=n) for n in range(20_000)]
    request["prefetch"]["conditions"] = bundle(*odd)
    host, _, port = narrow.base.removeprefix("http://").partition(":")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
            for _ in range(30)
        ]
        # While this one is worked on, the others arrive.
        clients[0].sendall(_post(json.dumps(request).encode()))
        for client in clients[1:]:
            client.sendall(_post(GOOD))
        answers = [_answer(client) for client in clients]
    statuses = [status for status, _, _ in answers]
    assert statuses.count(200) >= 1
    assert set(statuses) == {200, 503}
    for status, headers, body in answers:
        if status == 503:
            assert headers["retry-after"] == "1"
            assert json.loads(body)["issue"][0]["code"] == "throttled"
    assert narrow.post(SIGN, GOOD).status_code == 200


def test_connections_that_have_sent_half_a_call_take_no_place(narrow: Live) -> None:
    host, _, port = narrow.base.removeprefix("http://").partition(":")
    with ExitStack() as stack:
        for _ in range(50):
            half = stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
            half.sendall(_post(GOOD)[:-10])
        for _ in range(10):
            assert narrow.post(SIGN, GOOD).status_code == 200


def test_a_place_is_given_back_however_a_call_ends() -> None:
    gate = Gate(1)

    async def fail() -> None:
        async with gate:
            raise ZeroDivisionError

    async def wait() -> None:
        async with gate:
            await asyncio.sleep(60)

    async def every_way_out() -> None:
        with pytest.raises(ZeroDivisionError):
            await fail()
        for turns in range(3):
            task = asyncio.create_task(wait())
            # Cancelled before it has begun, on its way in, and inside.
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with gate:
            with pytest.raises(RequestError) as refused:
                await fail()
        assert (refused.value.status, refused.value.code) == (503, "throttled")
        async with gate:
            pass

    asyncio.run(every_way_out())


def test_a_client_may_call_so_often_in_a_minute_and_another_still_may() -> None:
    limit = RateLimit()
    assert [limit.seconds_to_wait("a", 3) for _ in range(3)] == [0, 0, 0]
    assert 58 <= limit.seconds_to_wait("a", 3) <= 60
    assert limit.seconds_to_wait("a", 3) > 0
    assert limit.seconds_to_wait("b", 3) == 0
    # A call that was refused does not count.
    assert limit.seconds_to_wait("a", 4) == 0
    assert RateLimit().seconds_to_wait("a", 3) == 0
