"""Requests that do not arrive: cut off in time, while those that do are answered."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from edge_server import application, read_all, read_one, serving
from live_server import running, sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

    from edge_server import Edge
    from live_server import Live

SIGN = "/cds-services/defibrillator-order-sign"
GOOD = json.dumps(sign()).encode()
SECONDS = 1.5
SLACK = 3.0
HEAD = (
    f"POST {SIGN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(GOOD)}\r\n\r\n"
).encode()
KINDS = {"idle": b"", "slow head": HEAD[:40], "slow body": HEAD + GOOD[:40]}


@pytest.fixture(scope="module")
def hurried() -> Iterator[Live]:
    with running(receive_seconds=str(SECONDS)) as server:
        yield server


def _connect(live: Live) -> socket.socket:
    host, _, port = live.base.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def _outcome(answer: bytes) -> tuple[int, str]:
    """Status and issue code of an answer that must be an OperationOutcome and close."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    assert b"\r\ncontent-type: application/fhir+json" in head
    assert b"\r\nx-content-type-options: nosniff" in head
    return int(head.split(b" ", 2)[1]), json.loads(body)["issue"][0]["code"]


@pytest.mark.parametrize("kind", KINDS)
def test_300_slow_connections_are_cut_off_and_hold_nobody_up(hurried: Live, kind: str) -> None:
    begin = time.monotonic()
    with ExitStack() as stack:
        slow = [stack.enter_context(_connect(hurried)) for _ in range(300)]
        for client in slow:
            client.sendall(KINDS[kind])
        answered = 0
        while time.monotonic() < begin + SECONDS - 0.5:
            # Bytes that trickle in do not set the clock back.
            if kind != "idle":
                for client in slow:
                    client.sendall(b"x")
            assert hurried.post(SIGN, GOOD).status_code == 200
            answered += 1
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(read_all, slow))
        assert time.monotonic() - begin < SECONDS + SLACK
    assert answered
    assert {_outcome(answer) for answer in answers} == {(408, "timeout")}
    assert hurried.post(SIGN, GOOD).status_code == 200


def test_a_body_that_stops_is_cut_off(hurried: Live) -> None:
    begin = time.monotonic()
    with _connect(hurried) as client:
        client.sendall(HEAD + GOOD[:-1])
        assert _outcome(read_all(client)) == (408, "timeout")
    assert SECONDS - 0.2 < time.monotonic() - begin < SECONDS + SLACK


def test_line_breaks_between_requests_do_not_keep_a_connection(hurried: Live) -> None:
    begin = time.monotonic()
    with _connect(hurried) as client:
        client.sendall(HEAD + GOOD)
        assert read_one(client)[0] == 200
        try:
            while time.monotonic() < begin + SECONDS + SLACK:
                client.sendall(b"\r\n")
                time.sleep(0.1)
        except ConnectionError:
            pass
        assert time.monotonic() - begin < SECONDS + SLACK


def test_a_second_request_of_a_connection_has_its_own_time(hurried: Live) -> None:
    with _connect(hurried) as client:
        for _ in range(4):
            client.sendall(HEAD)
            time.sleep(SECONDS / 2)
            client.sendall(GOOD)
            assert read_one(client)[0] == 200


FLOODS = {
    "one header": b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET /health HTTP/1.1\r\n" + b"X-Header: y\r\n" * 10_000 + b"\r\n",
    "the path": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no end": b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000_000,
    "trailers": b"POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\nx\r\n0\r\n" + b"X-Trailer: y\r\n" * 1_000_000,
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_head_of_more_than_64_kilobytes_is_431(hurried: Live, kind: str) -> None:
    with _connect(hurried) as client:
        with suppress(ConnectionError):  # cut off before all was sent
            client.sendall(FLOODS[kind])
        answer = read_all(client)
    if kind == "trailers":
        # The method is answered before the body has come.
        assert answer.startswith(b"HTTP/1.1 405")
    else:
        assert _outcome(answer) == (431, "too-long")


def test_a_head_of_60_kilobytes_is_answered(hurried: Live) -> None:
    with _connect(hurried) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 60_000 + b"\r\n\r\n")
        assert read_one(client)[0] == 200
        body = b" " * 300_000 + GOOD
        head = HEAD.replace(str(len(GOOD)).encode(), str(len(body)).encode())
        client.sendall(head + body)
        assert read_one(client)[0] == 200


def test_what_is_not_http_is_400_with_an_outcome(hurried: Live) -> None:
    with _connect(hurried) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert _outcome(read_all(client)) == (400, "structure")


def test_a_request_for_a_websocket_is_a_plain_request(hurried: Live) -> None:
    with _connect(hurried) as client:
        client.sendall(
            b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        assert read_one(client)[0] == 200


# ------------------------------------------------------------------------ applications that are odd


async def _slow(request: Request) -> Response:
    await request.body()
    await asyncio.sleep(1.0)
    return Response(b"slow")


async def _large(_: Request) -> Response:
    return Response(b"x" * 30_000_000)


async def _greedy(request: Request) -> Response:
    """Answers before the body has come."""
    return Response(b"at once", 413 if request.method == "POST" else 200)


async def _in_pieces(request: Request) -> Response:
    body = await request.body()

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (body, b", twice: ", body):
            yield piece

    return StreamingResponse(pieces())


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    routes = [
        Route("/pieces", _in_pieces, methods=["POST"]),
        Route("/slow", _slow, methods=["POST"]),
        Route("/large", _large),
        Route("/greedy", _greedy, methods=["GET", "POST"]),
    ]
    with serving(application(routes, receive_seconds=0.3)) as server:
        yield server


SLOW = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def test_head_and_body_of_an_answer_come_in_one_piece(edge: Edge) -> None:
    with edge.connect() as client:
        for _ in range(20):
            client.sendall(b"GET /greedy HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = client.recv(1 << 16)
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"\r\n\r\nat once")


def test_head_is_answered_without_a_body(edge: Edge) -> None:
    with edge.connect() as client:
        for _ in range(2):
            client.sendall(b"HEAD /greedy HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = client.recv(1 << 16)
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"\r\n\r\n")


def test_who_asks_whether_to_go_on_is_told_before_the_body(edge: Edge) -> None:
    with edge.connect() as client:
        head = b"POST /pieces HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        client.sendall(head + b"Content-Length: 4\r\n\r\n")
        assert client.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"once")
        assert read_one(client) == (200, b"once, twice: once")


def test_a_body_and_an_answer_in_pieces_arrive_whole(edge: Edge) -> None:
    with edge.connect() as client:
        client.sendall(b"POST /pieces HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n")
        for piece in (b"on", b"e", b" by"):
            time.sleep(0.02)
            client.sendall(piece)
        assert read_one(client) == (200, b"one by, twice: one by")


def test_an_answer_may_take_longer_than_its_request(edge: Edge) -> None:
    with edge.connect() as client:
        client.sendall(SLOW)
        assert read_one(client) == (200, b"slow")
        client.sendall(SLOW)
        assert read_one(client) == (200, b"slow")


def test_a_request_behind_one_that_is_answered_does_not_cut_it_off(edge: Edge) -> None:
    with edge.connect() as client:
        client.sendall(SLOW + SLOW[:20])
        answer = read_all(client)
    first, _, second = answer.partition(b"slow")
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 408")


def test_what_breaks_http_behind_a_request_does_not_cut_it_off(edge: Edge) -> None:
    with edge.connect() as client:
        client.sendall(SLOW + b"\x00\x00\x00")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"slow")
    assert answer.count(b"HTTP/1.1") == 1


def test_requests_do_not_pile_up_behind_one_another(edge: Edge) -> None:
    with edge.connect() as client:
        client.sendall(SLOW * 1000)
        answer = read_all(client)
    assert answer.count(b"HTTP/1.1 200") <= 9
    assert edge.connections() <= 1


def test_an_answer_is_not_followed_by_a_408(edge: Edge) -> None:
    with edge.connect() as client:
        client.sendall(b"POST /greedy HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_client_that_never_reads_its_answer_is_cut_off(edge: Edge) -> None:
    with edge.connect(receive_buffer=4096) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        deadline = time.monotonic() + SLACK
        time.sleep(0.1)
        while edge.connections() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert edge.connections() == 0


def test_a_client_that_reads_gets_all_of_a_large_answer(edge: Edge) -> None:
    with edge.connect() as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = 0
        while data := client.recv(1 << 20):
            received += len(data)
            time.sleep(0.02)
    assert received > 30_000_000
