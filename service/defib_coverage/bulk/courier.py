"""Exchanges of an export: the token goes along where it may, and is renewed when it is refused."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from defib_coverage.bulk.faults import FetchError, FileError, StoppedError
from defib_coverage.bulk.places import REACH, host_of
from defib_coverage.network.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from defib_coverage.bulk.places import Places
    from defib_coverage.bulk.tokens import Tokens
    from defib_coverage.network.transport import Host, Opened, Reply

_ANSWER_SECONDS = 120
_SILENCE_SECONDS = 60
# A file may take hours; only silence ends it.
_FILE_SECONDS = 7 * 24 * 3600
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5


class Courier:
    """Asks the servers of one export."""

    def __init__(self, host: Host, places: Places, tokens: Tokens) -> None:
        """Ask nothing yet."""
        self.places = places
        self._host = host
        self._tokens = tokens
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._under_way: set[Transfer] = set()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        most_bytes: int,
        body: bytes | None = None,
    ) -> Reply:
        """One small exchange.

        Args:
            method: of HTTP.
            url: one that was checked.
            headers: further headers.
            most_bytes: how large the answer may be.
            body: what is sent.

        Raises:
            TransferError: there is no answer.
            FetchError: nobody without a token, or with this one, gets one.
        """
        for is_last in (False, True):
            token = self._token(url, wanted=True)
            transfer = Transfer(time.monotonic() + _ANSWER_SECONDS, REACH)
            sent = {**headers, **_bearer(token)}
            reply = self._host.send(method, url, sent, transfer, most_bytes, body=body)
            if reply.status != HTTPStatus.UNAUTHORIZED:
                return reply
            self._renew(token, url, is_last=is_last)
        raise AssertionError

    @contextmanager
    def opened(
        self, url: str, headers: Mapping[str, str], *, needs_token: bool
    ) -> Iterator[Opened]:
        """The answer of a file server, whose body is still to be read.

        Where it leads elsewhere it is followed, some steps; the token only goes where it may.

        Args:
            url: one that was checked.
            headers: further headers.
            needs_token: whether the manifest says so.

        Raises:
            TransferError: there is no answer.
            FetchError: nobody without a token, or with this one, gets one; or it leads too far.
            StoppedError: somebody asked to stop.
        """
        renewed = False
        for _ in range(_MOST_REDIRECTS + 2):
            token = self._token(url, wanted=needs_token)
            with (
                self._guarded() as transfer,
                self._host.opened(
                    "GET", url, {**headers, **_bearer(token)}, transfer, seconds=_SILENCE_SECONDS
                ) as answer,
            ):
                if answer.status in _REDIRECTS:
                    url = self._followed(url, answer)
                elif answer.status == HTTPStatus.UNAUTHORIZED:
                    pass
                else:
                    yield answer
                    return
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._renew(token, url, is_last=renewed)
                renewed = True
        message = f"{host_of(url)}: leads from one place to the next without an end"
        raise FileError(message)

    def stop(self) -> None:
        """Break off what is being loaded, from another thread."""
        self._stopped.set()
        with self._lock:
            for transfer in self._under_way:
                transfer.abort()

    def pause(self, seconds: float) -> None:
        """Wait, in any thread.

        Raises:
            StoppedError: somebody asked to stop.
        """
        if self._stopped.wait(seconds):
            raise StoppedError

    @property
    def is_stopped(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stopped.is_set()

    @contextmanager
    def _guarded(self) -> Iterator[Transfer]:
        """A transfer that ``stop`` breaks off."""
        transfer = Transfer(time.monotonic() + _FILE_SECONDS, REACH)
        with self._lock:
            self._under_way.add(transfer)
        try:
            # Whoever asked to stop before it was noted down is heard here.
            self.pause(0)
            yield transfer
        finally:
            with self._lock:
                self._under_way.discard(transfer)

    def _token(self, url: str, *, wanted: bool) -> str | None:
        sent = wanted and self.places.takes_token(url)
        return self._tokens.current(self.pause) if sent else None

    def _renew(self, token: str | None, url: str, *, is_last: bool) -> None:
        """Get another token than that which was refused.

        Raises:
            FetchError: there is none.
        """
        where = host_of(url)
        if token is None:
            remedy = (
                "name a client by --client-id and --key, or a token by --token-file"
                if self._tokens.current(self.pause) is None
                else f"its token is not sent there; --token-to {where} sends it"
            )
            message = f"{where}: asks who is calling (401); {remedy}"
            raise FetchError(message)
        if is_last or not self._tokens.renewed(token):
            message = f"{where}: refuses the token (401)"
            raise FetchError(message)

    def _followed(self, url: str, answer: Opened) -> str:
        """Where an answer leads.

        Raises:
            FetchError: that may not be asked.
        """
        to = urljoin(url, answer.headers.get("location", ""))
        if url.startswith("https:") and not to.startswith("https:"):
            message = f"{host_of(url)}: leads from https to plain http, which is not followed"
            raise FileError(message)
        return self.places.check(to, "the place to which a file leads")


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}
