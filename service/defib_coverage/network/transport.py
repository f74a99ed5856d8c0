"""One GET over HTTP within bounds: a checked address, an end to its time and to its size.

A timeout of requests counts anew with every byte that drips in. Here one deadline holds for the
whole exchange: whoever waits for it calls ``Transfer.abort``, which shuts the socket down whatever
the thread is waiting for.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from defib_coverage.network.inflate import CorruptError, Inflater, TooLongError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from defib_coverage.network.addresses import Reach

Result = TypeVar("Result")
_CHUNK = 1 << 16
_REDIRECTS = range(300, 400)
_CONNECT_SECONDS = 3.0
# Of one caller's work: no call keeps all threads of a place for itself.
_MOST_AT_ONCE = 16


class Reason(StrEnum):
    """Why an exchange brought nothing usable."""

    ADDRESS_REFUSED = "address-refused"
    NAME_UNKNOWN = "name-unknown"
    NOT_REACHABLE = "not-reachable"
    CERTIFICATE_REFUSED = "certificate-refused"
    TOO_LATE = "too-late"
    TOO_LARGE = "too-large"
    REDIRECTED = "redirected"
    BROKEN = "broken"


class TransferError(Exception):
    """An exchange that brought nothing usable."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason; what the other side sent is never repeated."""
        super().__init__(reason)
        self.reason = reason


class Reply(msgspec.Struct, frozen=True):
    """What came back: status, headers by lower-case name, the decoded body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transfer:
    """One exchange or a chain of them, with one end to its time; used by one thread at a time."""

    def __init__(self, deadline: float, reach: Reach) -> None:
        """Begin nothing yet.

        Args:
            deadline: in seconds of ``time.monotonic``.
            reach: the addresses that may be connected to.
        """
        self._deadline = deadline
        self._reach = reach
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def left(self) -> float:
        """Seconds left.

        Raises:
            TransferError: none are.
        """
        left = self._deadline - time.monotonic()
        if left <= 0 or self._over.is_set():
            raise TransferError(Reason.TOO_LATE)
        return left

    def pause(self, seconds: float) -> None:
        """Wait, unless the time would be over by then.

        Raises:
            TransferError: it would.
        """
        if seconds >= self.left() or self._over.wait(seconds):
            raise TransferError(Reason.TOO_LATE)

    def abort(self) -> None:
        """End it now, from another thread: no wait on its socket lasts on."""
        with self._lock:
            self._over.set()
            if self._socket is not None:
                _shut(self._socket)

    def hold(self, handle: socket.socket | None) -> None:
        """Note the connection in use, or that there is none any more.

        A handle of its own is kept: a connection may be closed, or given back for others to use,
        while its answer is still being read.

        Raises:
            TransferError: the time is over.
        """
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None
            if handle is not None:
                if self._over.is_set():
                    raise TransferError(Reason.TOO_LATE)
                self._socket = handle.dup()

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to an address of a host that may be connected to, and to no other.

        Raises:
            TransferError: no address is known, or one of them is refused, or none answers.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise TransferError(Reason.NAME_UNKNOWN) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        # A name with one address that is refused is a name under someone else's hand.
        if not addresses or not all(self._reach.allows(address) for address in addresses):
            raise TransferError(Reason.ADDRESS_REFUSED)
        for address in addresses:
            seconds = min(self.left(), _CONNECT_SECONDS)
            try:
                return create_connection(
                    (address, port),
                    seconds,
                    socket_options=HTTPConnection.default_socket_options,
                )
            except OSError:
                continue
        raise TransferError(Reason.NOT_REACHABLE)


# The connection classes below are made by urllib3; this tells them for whom they work.
_work = threading.local()


class _Watched:
    """A connection that its transfer can shut down, also while it shakes hands or waits."""

    sock: socket.socket | None
    _watch: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        transfer: Transfer = _work.transfer
        made = transfer.connect(self._dns_host, self.port)  # type: ignore[attr-defined]
        # TLS takes the socket's handle over; a second handle of the same connection stays ours.
        self._watch = made.dup()
        transfer.hold(self._watch)
        return made

    def request(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - urllib3's own
        if self.sock is not None:
            _work.transfer.hold(self._watch)
        super().request(*arguments, **named)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self._watch is not None:
            self._watch.close()
            self._watch = None


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - requests' own
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


class Host:
    """One place that is asked, with its own connections and threads.

    A place that does not answer keeps its own threads busy, not those of others.
    """

    def __init__(self, name: str, threads: int, authorities: Path | None = None) -> None:
        """Connect to nothing yet.

        Args:
            name: of its threads.
            threads: how many exchanges may go on at a time.
            authorities: certificates to trust instead of the usual ones.
        """
        self._session = requests.Session()
        # No proxy, no password file, no cookie: nothing of this machine goes along.
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _Adapter(pool_connections=1, pool_maxsize=threads)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.verify = True if authorities is None else str(authorities)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(
        self,
        work: Sequence[Callable[[Transfer], Result]],
        deadline: float,
        reach: Reach,
    ) -> list[Result | TransferError]:
        """Do all of it at once, and be back at the deadline.

        Args:
            work: what to do, each in a thread of its own with a transfer of its own.
            deadline: in seconds of ``time.monotonic``.
            reach: the addresses that may be connected to.

        Returns:
            What each returned, or why it did not.
        """
        transfers = [Transfer(deadline, reach) for _ in work]
        places = asyncio.Semaphore(_MOST_AT_ONCE)

        async def begin(one: Callable[[Transfer], Result], transfer: Transfer) -> Result:
            async with places:
                return await asyncio.wrap_future(self._pool.submit(one, transfer))

        begun = [
            asyncio.ensure_future(begin(one, transfer))
            for one, transfer in zip(work, transfers, strict=True)
        ]
        if begun:
            await asyncio.wait(begun, timeout=max(deadline - time.monotonic(), 0))
        found: list[Result | TransferError] = []
        for future, transfer in zip(begun, transfers, strict=True):
            if not future.done():
                future.cancel()
                transfer.abort()
                found.append(TransferError(Reason.TOO_LATE))
                continue
            error = future.exception()
            if error is None:
                found.append(future.result())
            elif isinstance(error, TransferError):
                found.append(error)
            else:
                raise error
        return found

    def get(
        self,
        url: str,
        headers: Mapping[str, str],
        transfer: Transfer,
        most_bytes: int,
        take: Callable[[int], bool] = lambda _: True,
    ) -> Reply:
        """Get one URL, in the thread that this is called from.

        Args:
            url: what to get.
            headers: further headers.
            transfer: its time, and where it may connect.
            most_bytes: how large the decoded body may be.
            take: asked for room for every piece of it; whether there is any.

        Raises:
            TransferError: there is no complete answer, or it leads elsewhere.
        """
        _work.transfer = transfer
        try:
            left = transfer.left()
            with self._session.get(
                url,
                headers={"Accept-Encoding": "gzip"} | dict(headers),
                timeout=(left, left),
                stream=True,
                allow_redirects=False,
            ) as response:
                if response.status_code in _REDIRECTS:
                    raise TransferError(Reason.REDIRECTED)
                body = _read(response, transfer, most_bytes, take)
                lower = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, lower, body)
        except requests.exceptions.SSLError as error:
            transfer.left()
            raise TransferError(Reason.CERTIFICATE_REFUSED) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            # Why a socket failed does not matter once it was shut down for its time.
            transfer.left()
            timed_out = isinstance(error, requests.Timeout)
            raise TransferError(Reason.TOO_LATE if timed_out else Reason.NOT_REACHABLE) from error
        except TooLongError as error:
            raise TransferError(Reason.TOO_LARGE) from error
        except (ValueError, CorruptError) as error:
            raise TransferError(Reason.BROKEN) from error
        finally:
            transfer.hold(None)
            _work.transfer = None

    def close(self) -> None:
        """Close the connections and let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._session.close()


def _read(
    response: requests.Response,
    transfer: Transfer,
    most_bytes: int,
    take: Callable[[int], bool],
) -> bytes:
    """The body, decoded here: a library's decoder may unfold any amount at once."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise TransferError(Reason.BROKEN)
    inflater = Inflater(most_bytes) if encoding == "gzip" else None
    body = bytearray()
    while True:
        transfer.left()
        chunk = response.raw.read1(_CHUNK, decode_content=False)
        if not chunk:
            break
        for piece in (chunk,) if inflater is None else inflater.feed(chunk):
            if len(body) + len(piece) > most_bytes or not take(len(piece)):
                raise TransferError(Reason.TOO_LARGE)
            body += piece
    if inflater is not None:
        inflater.finish()
    return bytes(body)


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # It is closed already.
