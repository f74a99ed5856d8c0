"""Where a client's public keys come from: pinned in a file, or published and fetched now and then.

Published keys are read again when they are an hour old, and at most once a minute when a token
names a key that is not known: so clients change keys without a word to anyone. Where the fetch
fails, known keys go on serving for a day.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

import msgspec

from defib_coverage.hooks.trust.jwks import KeySet, PublicKey, read_key_set
from defib_coverage.logs import Trouble, write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FRESH = 3600.0
"""Seconds after which published keys are read again."""
PAUSE = 60.0
"""Seconds between two fetches of one client's keys."""
LASTING = 24 * 3600.0
"""Seconds that published keys go on serving when they cannot be read again."""


class Keys(Protocol):
    """The keys of one client."""

    async def find(self, kid: str) -> PublicKey | None:
        """The key of this id; None if the client has none."""

    async def known(self) -> bool:
        """Whether there is any key that serves."""


class PinnedKeys(msgspec.Struct, frozen=True):
    """Keys from a file: they change when the service starts again."""

    pinned: KeySet

    async def find(self, kid: str) -> PublicKey | None:
        """The key of this id; None if the client has none."""
        return self.pinned.keys.get(kid)

    async def known(self) -> bool:
        """Whether there is any key that serves."""
        return bool(self.pinned.keys)


class PublishedKeys:
    """Keys that the client publishes."""

    def __init__(
        self,
        client_id: str,
        jku: str,
        fetch: Callable[[str], Awaitable[bytes]],
        now: Callable[[], float],
    ) -> None:
        """Fetch nothing yet.

        Args:
            client_id: whose keys; for the log.
            jku: where they are published.
            fetch: gets the content of a URL, within bounds of time and size.
            now: seconds since 1970.
        """
        self._client_id = client_id
        self._jku = jku
        self._fetch = fetch
        self._now = now
        self._known = KeySet({})
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> PublicKey | None:
        """The key of this id; None if the client has none that is known."""
        key = self._serving(kid)
        if key is None:
            fetching = self._start()
            if fetching is not None:
                # A caller that hangs up must not take the fetch away from the others.
                await asyncio.shield(fetching)
            return self._serving(kid)
        if not 0 <= self._now() - self._read_at < FRESH:
            # Known keys serve while newer ones are on their way.
            self._start()
        return key

    async def known(self) -> bool:
        """Whether there is any key that serves; where keys are wanting or old, they are fetched."""
        if not self._serves():
            fetching = self._start()
            if fetching is not None:
                await asyncio.shield(fetching)
        elif not 0 <= self._now() - self._read_at < FRESH:
            self._start()
        return self._serves() and bool(self._known.keys)

    def _serves(self) -> bool:
        # A clock that was set back makes keys old, not young.
        return abs(self._now() - self._read_at) < LASTING

    def _serving(self, kid: str) -> PublicKey | None:
        return self._known.keys.get(kid) if self._serves() else None

    def _start(self) -> asyncio.Task[None] | None:
        """The fetch that is under way, or a new one; None if it is too early for that."""
        if self._fetching is None or self._fetching.done():
            if abs(self._now() - self._tried_at) < PAUSE:
                return None
            self._tried_at = self._now()
            self._fetching = asyncio.create_task(self._read())
        return self._fetching

    async def _read(self) -> None:
        """Read the keys again; where that fails, those that are known stay."""
        try:
            known = read_key_set(await self._fetch(self._jku))
        except Exception as error:  # noqa: BLE001 - whatever a fetch died of, known keys go on
            kind = type(error).__name__
            line = Trouble(what="keys-unavailable", client=self._client_id, error=kind)
            write(line, logging.WARNING)
            return
        self._known = known
        self._read_at = self._now()
        if known.problems:
            dropped = len(known.problems)
            line = Trouble(what="keys-dropped", client=self._client_id, count=dropped)
            write(line, logging.WARNING)
