"""One exchange over HTTP: bounded in time and size, over certificates that are trusted."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from defib_coverage.network.addresses import Reach
from defib_coverage.network.transfer import Reason, Transfer, TransferError
from defib_coverage.network.transport import Host, Reply
from fhir_servers import real_server, wild_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fhir_servers import Exchange

HERE = Reach(development=True)
SECONDS = 0.4
# A busy machine takes its time; no server of these tests ends as soon as this.
SLACK = 2.0
ENOUGH = 30.0
MOST = 1 << 20


def _get(host: Host, *urls: str, seconds: float = ENOUGH) -> list[Reply | TransferError]:
    work: list[Callable[[Transfer], Reply]] = [
        lambda transfer, url=url: host.get(url, {}, transfer, MOST)  # type: ignore[misc]
        for url in urls
    ]
    return asyncio.run(host.run(work, time.monotonic() + seconds, HERE))


def _reason(found: Reply | TransferError) -> Reason:
    assert isinstance(found, TransferError)
    return found.reason


def _drip(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        exchange.send(b" ")
        time.sleep(0.02)


def test_threads_are_free_again_after_the_deadline() -> None:
    host = Host("freed", 4)
    with wild_server(_drip) as server:
        begin = time.monotonic()
        found = _get(host, *[f"{server.root}/{n}" for n in range(8)], seconds=SECONDS)
        assert time.monotonic() - begin < SECONDS + SLACK
        assert {_reason(one) for one in found} == {Reason.TOO_LATE}
        # With all four threads still at work these could not even begin.
        ended = threading.Event()
        done: list[asyncio.Future[None] | object] = []

        def work(_: Transfer) -> None:
            done.append(None)
            ended.set()

        asyncio.run(host.run([work] * 4, time.monotonic() + SLACK, HERE))
        assert len(done) == 4
    host.close()


def test_a_connection_is_used_again_and_guarded_again() -> None:
    kept: list[Exchange] = []

    def first_well_then_never(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        kept.append(exchange)
        exchange.connection.recv(1 << 16)
        kept.append(exchange)
        time.sleep(10)

    host = Host("again", 1)
    with wild_server(first_well_then_never) as server:
        (first,) = _get(host, server.root)
        assert isinstance(first, Reply)
        assert first.body == b"{}"
        begin = time.monotonic()
        (second,) = _get(host, server.root, seconds=SECONDS)
        assert _reason(second) is Reason.TOO_LATE
        assert time.monotonic() - begin < SECONDS + SLACK
        assert len(kept) == 2
        assert len(server.heads) == 1
    host.close()


def test_a_connection_that_closes_after_its_answer_is_guarded_too() -> None:
    def drip_in_a_chunks_head(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5;"
        exchange.send(head)
        for _ in range(200):
            exchange.send(b"x")
            time.sleep(0.02)

    host = Host("closing", 1)
    with wild_server(drip_in_a_chunks_head) as server:
        (found,) = _get(host, server.root, seconds=SECONDS)
        assert _reason(found) is Reason.TOO_LATE

        def done(_: Transfer) -> bool:
            return True

        # With its one thread still at work this could not even begin.
        assert asyncio.run(host.run([done], time.monotonic() + SLACK, HERE)) == [True]
    host.close()


def test_all_pieces_are_asked_room_for_as_they_come() -> None:
    asked: list[int] = []

    def take(size: int) -> bool:
        asked.append(size)
        return sum(asked) <= MOST // 2

    host = Host("room", 1)
    with wild_server(lambda exchange: exchange.answer(b" " * MOST)) as server:
        work = [lambda transfer: host.get(server.root, {}, transfer, MOST, take)]
        (found,) = asyncio.run(host.run(work, time.monotonic() + ENOUGH, HERE))
        assert _reason(found) is Reason.TOO_LARGE
        assert sum(asked) < MOST
    host.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    ],
    ids=["unknown encoding", "not gzip", "cut gzip"],
)
def test_an_encoding_that_cannot_be_read_is_broken(raw: bytes) -> None:
    host = Host("broken", 1)
    with wild_server(lambda exchange: exchange.send(raw)) as server:
        (found,) = _get(host, server.root)
        assert _reason(found) is Reason.BROKEN
    host.close()


def test_what_is_no_http_is_not_reachable() -> None:
    host = Host("other", 1)
    with wild_server(lambda exchange: exchange.send(b"SSH-2.0-OpenSSH\r\n")) as server:
        (found,) = _get(host, server.root)
        assert _reason(found) is Reason.NOT_REACHABLE
    host.close()


def test_a_name_that_nobody_knows() -> None:
    host = Host("unknown", 1)
    (found,) = _get(host, "http://no-such-host.invalid/")
    assert _reason(found) is Reason.NAME_UNKNOWN
    host.close()


def test_a_cookie_of_the_server_is_not_sent_back() -> None:
    host = Host("cookies", 1)
    with wild_server(lambda e: e.answer({}, Set_Cookie="patient=p1; Path=/")) as server:
        _get(host, server.root)
        _get(host, server.root)
        assert len(server.heads) == 2
        assert not [head for head in server.heads if "cookie" in head.lower()]
    host.close()


def test_tls_is_checked_against_the_authorities_that_are_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    files = [tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem")]
    issued.cert_chain_pems[0].write_to_path(files[0])
    issued.private_key_pem.write_to_path(files[1])
    authority.cert_pem.write_to_path(files[2])
    known, unknown = Host("known", 1, files[2]), Host("unknown", 1)
    with real_server(certificate=(str(files[0]), str(files[1]), str(files[2]))) as server:
        (good,) = _get(known, f"{server.base}/metadata")
        (bad,) = _get(unknown, f"{server.base}/metadata")
        (other_name,) = _get(
            known,
            server.base.replace("localhost", "127.0.0.1") + "/metadata",
        )
        known.close()
        unknown.close()
    assert isinstance(good, Reply)
    assert good.status == 200
    assert _reason(bad) is Reason.CERTIFICATE_REFUSED
    assert _reason(other_name) is Reason.CERTIFICATE_REFUSED
