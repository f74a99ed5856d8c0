"""The time that an exchange has, whatever the other side does, and where it may connect.

A timeout of a socket counts anew with every byte that drips in. A transfer has one deadline:
whoever waits for it calls ``Transfer.abort``, which shuts the socket down whatever the thread is
waiting for.
"""

from __future__ import annotations

import socket
import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from urllib3.connection import HTTPConnection
from urllib3.util.connection import create_connection

if TYPE_CHECKING:
    from defib_coverage.network.addresses import Reach

_CONNECT_SECONDS = 3.0


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


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # It is closed already.
