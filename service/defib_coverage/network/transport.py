"""HTTP within bounds of time, size, and how much goes on at once."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec
import requests
import urllib3

from defib_coverage.network.connections import bounded_session, working_for
from defib_coverage.network.inflate import CorruptError, Inflater, TooLongError
from defib_coverage.network.transfer import Reason, Transfer, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from defib_coverage.network.addresses import Reach

Result = TypeVar("Result")
_CHUNK = 1 << 16
_REDIRECTS = range(300, 400)
# Of one caller's work: no call keeps all threads of a place for itself.
_MOST_AT_ONCE = 16


class Reply(msgspec.Struct, frozen=True):
    """What came back: status, headers by lower-case name, the decoded body."""

    status: int
    headers: dict[str, str]
    body: bytes


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
        self._session = bounded_session(threads, authorities)
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
        return self.send("GET", url, headers, transfer, most_bytes, take=take)

    def send(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        transfer: Transfer,
        most_bytes: int,
        *,
        body: bytes | None = None,
        take: Callable[[int], bool] = lambda _: True,
    ) -> Reply:
        """One exchange with any method; the rest as for ``get``.

        Args:
            method: of HTTP.
            url: where to.
            headers: further headers.
            transfer: its time, and where it may connect.
            most_bytes: how large the decoded body of the answer may be.
            body: what is sent.
            take: asked for room for every piece of the answer; whether there is any.

        Raises:
            TransferError: there is no complete answer, or it leads elsewhere.
        """
        with self.opened(method, url, headers, transfer, body=body) as answer, _told(transfer):
            if answer.status in _REDIRECTS:
                raise TransferError(Reason.REDIRECTED)
            return Reply(answer.status, answer.headers, answer.body(most_bytes, take))

    @contextmanager
    def opened(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        transfer: Transfer,
        *,
        body: bytes | None = None,
        seconds: float | None = None,
    ) -> Iterator[Opened]:
        """An answer whose body is still to be read, as it is sent; also one that leads elsewhere.

        Args:
            method: of HTTP.
            url: where to.
            headers: further headers.
            transfer: its time, and where it may connect.
            body: what is sent.
            seconds: how long the other side may be silent, where that is less than its time.

        Raises:
            TransferError: there is no answer.
        """
        left = transfer.left()
        silence = left if seconds is None else min(left, seconds)
        with working_for(transfer):
            with _told(transfer):
                response = self._session.request(
                    method,
                    url,
                    data=body,
                    headers={"Accept-Encoding": "gzip"} | dict(headers),
                    timeout=(silence, silence),
                    stream=True,
                    allow_redirects=False,
                )
            with response:
                yield Opened(response, transfer)

    def close(self) -> None:
        """Close the connections and let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._session.close()


class Opened:
    """An answer of which only status and headers have come; it is read once."""

    def __init__(self, response: requests.Response, transfer: Transfer) -> None:
        """Read nothing yet."""
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._transfer = transfer

    @property
    def encoding(self) -> str:
        """How the body is encoded, ``identity`` if it is not."""
        return self.headers.get("content-encoding", "identity").strip().lower()

    def pieces(self) -> Iterator[bytes]:
        """The body as it is sent, not decoded.

        Raises:
            TransferError: it breaks off, or the time is over.
        """
        while True:
            with _told(self._transfer):
                self._transfer.left()
                chunk = self._response.raw.read1(_CHUNK, decode_content=False)
            if not chunk:
                return
            yield chunk

    def body(self, most_bytes: int, take: Callable[[int], bool] = lambda _: True) -> bytes:
        """The whole body, decoded here: a library's decoder may unfold any amount at once.

        Args:
            most_bytes: how large it may be.
            take: asked for room for every piece of it; whether there is any.

        Raises:
            TransferError: it is larger, or breaks off, or is encoded in another way than asked for.
        """
        if self.encoding not in {"identity", "gzip"}:
            raise TransferError(Reason.BROKEN)
        inflater = Inflater(most_bytes) if self.encoding == "gzip" else None
        body = bytearray()
        with _told(self._transfer):
            for chunk in self.pieces():
                for piece in (chunk,) if inflater is None else inflater.feed(chunk):
                    if len(body) + len(piece) > most_bytes or not take(len(piece)):
                        raise TransferError(Reason.TOO_LARGE)
                    body += piece
            if inflater is not None:
                inflater.finish()
        return bytes(body)


@contextmanager
def _told(transfer: Transfer) -> Iterator[None]:
    """Tell what goes wrong meanwhile by its reason.

    Raises:
        TransferError: something has.
    """
    try:
        yield
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
