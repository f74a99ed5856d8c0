"""Bodies: compressed or not, never more than fits, and never more than the bound in memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import zlib
from typing import TYPE_CHECKING

import pytest
from starlette.requests import ClientDisconnect

from defib_coverage.edge.bodies import Bodies
from defib_coverage.errors import RequestError
from defib_coverage.network.inflate import PIECE, Inflater, TooLongError
from edge_server import process_of, read_one
from live_server import JSON_TYPE, covered_chart, issue_of, sign

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from starlette.types import Receive, Scope

    from live_server import Live

pytest_plugins = ("live_server",)
SIGN = "/cds-services/defibrillator-order-sign"
GOOD = json.dumps(sign(chart=covered_chart())).encode()
GZIP = JSON_TYPE | {"Content-Encoding": "gzip"}
MEGABYTE = 1 << 20


def _bomb(megabytes: int) -> bytes:
    """White space in gzip: valid JSON once a call follows."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b" " * MEGABYTE) for _ in range(megabytes)]
    return b"".join([*parts, packer.compress(GOOD), packer.flush()])


def test_a_gzip_body_is_answered_like_a_plain_one(live: Live) -> None:
    plain = live.post("/determinations", GOOD).json()
    assert plain["determinations"][0]["status"] == "covered"
    for body in (
        gzip.compress(GOOD),
        gzip.compress(GOOD[:100]) + gzip.compress(GOOD[100:]),
        gzip.compress(b"") + gzip.compress(GOOD) + gzip.compress(b""),
        _bomb(3),
    ):
        assert live.post("/determinations", body, GZIP).json() == plain
    upper = JSON_TYPE | {"Content-Encoding": "GZIP"}
    assert live.post("/determinations", gzip.compress(GOOD), upper).json() == plain


def test_a_bomb_is_413_and_takes_no_memory(live: Live) -> None:
    bomb = _bomb(2000)
    assert len(bomb) < 4 * MEGABYTE
    server = process_of(live.base)
    before = server.memory_info().rss
    response = live.post(SIGN, bomb, GZIP)
    assert response.status_code == 413
    assert issue_of(response)["code"] == "too-long"
    assert server.memory_info().rss - before < 64 * MEGABYTE


PACKED = gzip.compress(GOOD)
BROKEN = {
    "nothing": b"",
    "not gzip": GOOD,
    "zlib": zlib.compress(GOOD),
    "truncated": PACKED[:-20],
    "without its last byte": PACKED[:-1],
    "a wrong check sum": PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
    "a flipped bit": PACKED[:200] + bytes([PACKED[200] ^ 1]) + PACKED[201:],
    "followed by text": PACKED + b"{}",
    "followed by zeros": PACKED + b"\0" * 100,
    "followed by half a member": PACKED + PACKED[:50],
    "a great many members": gzip.compress(b"") * 5000 + PACKED,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_gzip_is_400(live: Live, kind: str) -> None:
    response = live.post(SIGN, BROKEN[kind], GZIP)
    assert response.status_code == 400
    assert issue_of(response)["code"] == "structure"


def test_a_body_that_announces_its_size_is_refused_before_it_comes(live: Live) -> None:
    host, _, port = live.base.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        head = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
        client.sendall(f"POST {SIGN} HTTP/1.1\r\n{head}".encode())
        status, body = read_one(client)
    assert status == 413
    assert json.loads(body)["issue"][0]["code"] == "too-long"


# ----------------------------------------------------------------------------------- piece by piece


@pytest.mark.parametrize("step", [1, 7, 1000, MEGABYTE])
def test_what_is_inflated_does_not_depend_on_how_it_comes(step: int) -> None:
    packed = gzip.compress(GOOD * 20) + gzip.compress(GOOD)
    inflater = Inflater(MEGABYTE)
    pieces = [
        piece
        for start in range(0, len(packed), step)
        for piece in inflater.feed(packed[start : start + step])
    ]
    inflater.finish()
    assert b"".join(pieces) == GOOD * 21
    assert max(map(len, pieces)) <= PIECE


def test_no_more_is_inflated_than_the_bound() -> None:
    inflater = Inflater(3 * PIECE)
    pieces = inflater.feed(gzip.compress(b"x" * 100 * PIECE))
    assert [len(next(pieces)) for _ in range(3)] == [PIECE] * 3
    with pytest.raises(TooLongError):
        next(pieces)
    exact = Inflater(3 * PIECE)
    assert sum(map(len, exact.feed(gzip.compress(b"x" * 3 * PIECE)))) == 3 * PIECE
    exact.finish()


def test_gzip_that_inflates_to_nothing_is_bounded_by_itself() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    inflater = Inflater(1000)
    assert not list(inflater.feed(packer.flush(zlib.Z_SYNC_FLUSH)))
    empty_block = b"\0\0\0\xff\xff"
    for _ in range(190):
        assert not list(inflater.feed(empty_block))
    with pytest.raises(TooLongError):
        list(inflater.feed(empty_block * 20))


# --------------------------------------------------------------------------------- all at once


def _request(*messages: MutableMapping[str, Any]) -> tuple[Scope, Receive]:
    waiting = iter(messages)

    async def receive() -> MutableMapping[str, Any]:
        return next(waiting)

    return {"type": "http", "headers": [(b"content-type", b"application/json")]}, receive


def _chunk(size: int, *, more: bool = False) -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def test_all_bodies_together_are_bounded_and_give_their_room_back() -> None:
    bodies = Bodies(100)

    async def read(*messages: MutableMapping[str, Any]) -> int:
        async with bodies.reading(*_request(*messages)) as body:
            return len(body)

    async def fill() -> None:
        held = [bodies.reading(*_request(_chunk(100))) for _ in range(16)]
        for one in held:
            await one.__aenter__()
        with pytest.raises(RequestError) as refused:
            await read(_chunk(1))
        assert (refused.value.status, refused.value.code) == (503, "throttled")
        assert refused.value.retry_after == 1
        for one in held:
            await one.__aexit__(None, None, None)

    async def every_way_out() -> None:
        for _ in range(50):
            assert await read(_chunk(60, more=True), _chunk(40)) == 100
            with pytest.raises(RequestError, match="larger than 100"):
                await read(_chunk(60, more=True), _chunk(41))
            with pytest.raises(ClientDisconnect):
                await read(_chunk(100, more=True), {"type": "http.disconnect"})
            with pytest.raises(ZeroDivisionError):
                async with bodies.reading(*_request(_chunk(100))):
                    raise ZeroDivisionError
        await fill()
        await fill()

    asyncio.run(every_way_out())
