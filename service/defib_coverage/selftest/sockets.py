"""HTTP as no honest client speaks it: written to the socket byte by byte."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.selftest.caller import Caller

_CONNECT = 5.0
_READ = 15.0
_STATUS_LINE = 13  # "HTTP/1.1 200 "
_PORTS = {"http": 80, "https": 443}


def connect(caller: Caller) -> socket.socket:
    """A connection to the service, through TLS where its URL says so.

    Raises:
        OSError: there is none to be had.
    """
    parts = urlsplit(caller.base)
    host = parts.hostname or ""
    made = socket.create_connection((host, parts.port or _PORTS[parts.scheme]), _CONNECT)
    if parts.scheme == "http":
        return made
    trusted = ssl.create_default_context(cafile=caller.ca_bundle)
    try:
        return trusted.wrap_socket(made, server_hostname=host)
    except OSError:
        made.close()
        raise


def head(caller: Caller, path: str, *lines: str) -> bytes:
    """The beginning of a POST, up to but without the line that ends its headers."""
    parts = urlsplit(caller.base)
    own = [f"{name}: {value}" for name, value in caller.authorization(path).items()]
    start = [f"POST {parts.path}{path} HTTP/1.1", f"Host: {parts.netloc}"]
    return "".join(
        f"{line}\r\n" for line in [*start, "Content-Type: application/json", *own, *lines]
    ).encode()


def status_of(caller: Caller, parts: Iterable[bytes]) -> int | None:
    """Write all parts; the status that came, None where the connection was cut."""
    with connect(caller) as link:
        link.settimeout(_READ)
        with suppress(OSError):  # an answer may have come before all was written
            for part in parts:
                link.sendall(part)
        return _status(link)


def _status(link: socket.socket) -> int | None:
    found = b""
    while len(found) < _STATUS_LINE:
        try:
            more = link.recv(_STATUS_LINE - len(found))
        except ConnectionError:
            return None
        if not more:
            return None
        found += more
    code = found.split(b" ")[1]
    return int(code) if code.isdigit() else None


def drip(caller: Caller, start: bytes, drop: bytes, seconds: int) -> bool:
    """Send a drop every second; whether the service refused or cut the connection meanwhile.

    Args:
        caller: the service.
        start: what is sent at once.
        drop: what is sent each second; nothing for a client that has gone to sleep.
        seconds: how long to go on.
    """
    with connect(caller) as link:
        link.sendall(start)
        link.settimeout(1)
        for _ in range(seconds):
            try:
                # A refusal or the end: either way no more of this is awaited.
                link.recv(1)
            except TimeoutError:
                pass
            except OSError:
                return True
            else:
                return True
            with suppress(OSError):
                link.sendall(drop)
    return False
