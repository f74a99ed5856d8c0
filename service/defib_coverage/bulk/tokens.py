"""The access token of an export: none, one from a file, or one of SMART Backend Services."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

import msgspec

from defib_coverage.bulk.faults import BUSY, PASSING, REASONS, FetchError
from defib_coverage.bulk.outcomes import told_by_token_server
from defib_coverage.bulk.places import REACH, host_of
from defib_coverage.documents.document import InputError
from defib_coverage.hooks.trust.signing import SigningKey, sign
from defib_coverage.network.transfer import Transfer, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from defib_coverage.bulk.patience import Patience
    from defib_coverage.network.transport import Host, Reply

    Pause = Callable[[float], None]

ALGORITHMS = ("RS384", "ES384")
"""What SMART lets a backend service sign with."""
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Below the five minutes that SMART allows: the server's clock may be behind ours.
_LIFETIME = 240
_SECONDS = 30
_LARGEST = 1 << 20
_LARGEST_FILE = 1 << 16
_OK = 200
# As RFC 6750 has it.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
# A token is not used in its last seconds; where it lives for seconds only, in its last half.
_MARGIN = 30.0
_USUAL_LIFE = 300.0


class Tokens(Protocol):
    """Where the token comes from; asked from several threads."""

    def current(self, pause: Pause = time.sleep) -> str | None:
        """The token to send; None where none is. ``pause`` waits for a server that is busy."""

    def renewed(self, refused: str) -> bool:
        """Whether there is another one than that which was refused."""


class NoToken:
    """For servers that ask nobody who is calling."""

    def current(self, pause: Pause = time.sleep) -> None:  # noqa: ARG002 - the shape of Tokens
        """None is sent."""
        return

    def renewed(self, refused: str) -> bool:  # noqa: ARG002 - the shape of Tokens
        """There is never another."""
        return False


class FileToken:
    """A bearer token that something else writes to a file, and may write anew."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            InputError: the file holds no token.
        """
        self._path = path
        self._token = self._read()

    def current(self, pause: Pause = time.sleep) -> str:  # noqa: ARG002 - the shape of Tokens
        """The token as it was read last."""
        return self._token

    def renewed(self, refused: str) -> bool:
        """Whether the file holds another by now.

        Raises:
            InputError: it holds none any more.
        """
        self._token = self._read()
        return self._token != refused

    def _read(self) -> str:
        try:
            with self._path.open("rb") as file:
                text = file.read(_LARGEST_FILE).decode("ascii").strip()
        except OSError as error:
            message = f"--token-file: {self._path}: cannot be read ({error.strerror})"
            raise InputError(message) from error
        except UnicodeDecodeError:
            text = ""
        if _TOKEN.fullmatch(text) is None:
            message = f"--token-file: {self._path}: holds no bearer token"
            raise InputError(message)
        return text


class Backend(msgspec.Struct, frozen=True):
    """A client of SMART Backend Services: its id, its private key, where it asks, for what."""

    client_id: str
    key: SigningKey
    token_url: str
    scope: str


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    token_type: str
    expires_in: float | None = None


class BackendTokens:
    """Tokens of SMART Backend Services: each is used until shortly before its end."""

    def __init__(self, backend: Backend, host: Host, patience: Patience) -> None:
        """Ask for nothing yet."""
        self._backend = backend
        self._host = host
        self._patience = patience
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0

    def current(self, pause: Pause = time.sleep) -> str:
        """The token, a new one where the last is at its end.

        Args:
            pause: waits before a server that is busy or away is asked again.

        Raises:
            FetchError: none is granted.
        """
        with self._lock:
            if self._token is None or time.monotonic() >= self._until:
                self._token = self._granted(pause)
            return self._token

    def renewed(self, refused: str) -> bool:
        """Always: where another thread has not got a new one already, the next use gets one."""
        with self._lock:
            if self._token == refused:
                self._token = None
        return True

    def _granted(self, pause: Pause) -> str:
        """Ask for a token; a server that is busy or away for a moment is asked again.

        Raises:
            FetchError: there is none.
        """
        where = host_of(self._backend.token_url)
        for attempt in range(self._patience.attempts):
            asked: str | None = None
            try:
                reply = self._ask()
            except TransferError as error:
                if error.reason not in PASSING or attempt + 1 == self._patience.attempts:
                    message = f"token server {where}: {REASONS[error.reason]}"
                    raise FetchError(message) from error
            else:
                if reply.status not in BUSY or attempt + 1 == self._patience.attempts:
                    return self._taken(reply, where)
                asked = reply.headers.get("retry-after")
            pause(self._patience.pause(attempt, asked))
        raise AssertionError

    def _ask(self) -> Reply:
        backend = self._backend
        assertion = sign(
            backend.key,
            backend.client_id,
            backend.token_url,
            now=time.time(),
            lifetime=_LIFETIME,
            sub=backend.client_id,
        )
        form = {
            "grant_type": "client_credentials",
            "scope": backend.scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": assertion,
        }
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        transfer = Transfer(time.monotonic() + _SECONDS, REACH)
        body = urlencode(form).encode()
        return self._host.send("POST", backend.token_url, headers, transfer, _LARGEST, body=body)

    def _taken(self, reply: Reply, where: str) -> str:
        """The token of an answer.

        Raises:
            FetchError: it holds none; what it holds is not repeated.
        """
        if reply.status != _OK:
            message = f"token server {where}: refuses the client ({told_by_token_server(reply)})"
            raise FetchError(message)
        try:
            granted = msgspec.json.decode(reply.body, type=_Granted, strict=False)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            granted = None
        is_bearer = granted is not None and granted.token_type.lower() == "bearer"
        if granted is None or not is_bearer or _TOKEN.fullmatch(granted.access_token) is None:
            message = f"token server {where}: answers without a bearer token"
            raise FetchError(message)
        life = _USUAL_LIFE if granted.expires_in is None else max(granted.expires_in, 0.0)
        self._until = time.monotonic() + life - min(_MARGIN, life / 2)
        return granted.access_token
