"""The memory of tokens that were used: each is good for one call.

One worker keeps them in its memory; several share a database (see ``replay_database``).
"""

from __future__ import annotations

import hashlib
import heapq
from typing import TYPE_CHECKING, Protocol

from defib_coverage.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 1_000_000


class UsedTokens(Protocol):
    """Which tokens were used."""

    async def remember(self, issuer: str, jti: str, expires: float) -> bool:
        """Remember a token.

        Args:
            issuer: who issued it.
            jti: its id, unique for the issuer; any text.
            expires: until when it must be remembered, in seconds since 1970.

        Returns:
            Whether this is its first use.

        Raises:
            RequestError: 503 if that cannot be told.
        """

    def close(self) -> None:
        """Let go of what the memory holds on to."""


def unavailable() -> RequestError:
    """The refusal of a call whose token cannot be remembered: our fault, not the caller's."""
    return RequestError(503, "transient", "the service cannot check tokens now; try again")


def digest_of(jti: str) -> str:
    """A token's id as it is kept: of one length, and in letters that every database takes."""
    return hashlib.sha256(jti.encode("utf-8", "surrogatepass")).hexdigest()


class TokensInMemory:
    """The tokens that this process has seen."""

    def __init__(self, now: Callable[[], float], most: int = _MOST) -> None:
        """Remember nothing yet.

        Args:
            now: seconds since 1970.
            most: how many tokens are remembered at a time; more are refused.
        """
        self._now = now
        self._most = most
        self._known: set[bytes] = set()
        self._by_end: list[tuple[float, bytes]] = []

    async def remember(self, issuer: str, jti: str, expires: float) -> bool:
        """Remember a token; see ``UsedTokens``."""
        while self._by_end and self._by_end[0][0] < self._now():
            _, ended = heapq.heappop(self._by_end)
            self._known.discard(ended)
        key = hashlib.sha256(f"{issuer} {digest_of(jti)}".encode()).digest()
        if key in self._known:
            return False
        if len(self._known) >= self._most:
            raise unavailable()
        self._known.add(key)
        heapq.heappush(self._by_end, (expires, key))
        return True

    def close(self) -> None:
        """Forget all tokens."""
        self._known.clear()
        self._by_end.clear()
