"""Connections of requests that a transfer makes, watches, and can shut down."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from defib_coverage.network.transfer import Transfer

# Connections are made by urllib3; this tells them for whom they work.
_work = threading.local()


@contextmanager
def working_for(transfer: Transfer) -> Iterator[None]:
    """Let the connections that this thread uses meanwhile be those of a transfer."""
    _work.transfer = transfer
    try:
        yield
    finally:
        transfer.hold(None)
        _work.transfer = None


def bounded_session(connections: int, authorities: Path | None) -> requests.Session:
    """A session of which nothing of this machine goes along: no proxy, password file or cookie.

    Args:
        connections: how many are kept.
        authorities: certificates to trust instead of the usual ones.
    """
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(pool_connections=1, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.verify = True if authorities is None else str(authorities)
    return session


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
