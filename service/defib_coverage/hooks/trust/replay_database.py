"""The memory of used tokens in a database, for several workers or machines.

The insert of a row decides: the database lets one of several through. SQLite serves the workers of
one machine, PostgreSQL any number of machines.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from defib_coverage.database.engine import PATIENCE, is_shared, open_database, read_url
from defib_coverage.database.tables import USED_TOKEN
from defib_coverage.database.upgrade import check
from defib_coverage.hooks.trust.replay import digest_of, unavailable
from defib_coverage.logs import Trouble, write

if TYPE_CHECKING:
    from collections.abc import Callable

# Clocks of several machines differ: rows outlive their tokens by this many seconds.
_MARGIN = 600.0
_PURGE_EVERY = 300.0
_MOST_CACHED = 10_000


class TokensInDatabase:
    """The tokens that any worker with this database has seen."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        """Open the database.

        Args:
            url: ``sqlite:///file`` or ``postgresql+psycopg://user:password@host/name``.
            now: seconds since 1970.

        Raises:
            SettingsError: the database cannot be used.
        """
        self._now = now
        read = read_url(url)
        check(read)
        self._engine = open_database(read)
        # SQLite has one writer at a time: more threads would only wait for one another.
        self._threads = ThreadPoolExecutor(4 if is_shared(read) else 1, "used-tokens")
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._purge_at = now() + _PURGE_EVERY

    async def remember(self, issuer: str, jti: str, expires: float) -> bool:
        """Remember a token; see ``UsedTokens``."""
        key = (issuer, digest_of(jti))
        if key in self._seen:
            return False
        inserting = asyncio.get_running_loop().run_in_executor(
            self._threads, self._insert, *key, expires
        )
        try:
            first = await asyncio.wait_for(inserting, 2 * PATIENCE)
        except (SQLAlchemyError, TimeoutError) as error:
            line = Trouble(what="used-tokens-unavailable", error=type(error).__name__)
            write(line, logging.ERROR)
            raise unavailable() from error
        self._seen[key] = None
        if len(self._seen) > _MOST_CACHED:
            self._seen.popitem(last=False)
        return first

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(cancel_futures=True)
        self._engine.dispose()

    def _insert(self, issuer: str, jti: str, expires: float) -> bool:
        try:
            with self._engine.connect() as connection:
                connection.execute(insert(USED_TOKEN).values((issuer, jti, expires)))
        except IntegrityError:
            return False
        if self._now() >= self._purge_at:
            self._purge_at = self._now() + _PURGE_EVERY
            self._purge()
        return True

    def _purge(self) -> None:
        """Forget tokens that ended long ago; where that fails, the next time will do."""
        try:
            with self._engine.connect() as connection:
                ended = USED_TOKEN.c.expires < self._now() - _MARGIN
                connection.execute(delete(USED_TOKEN).where(ended))
        except SQLAlchemyError as error:
            line = Trouble(what="used-tokens-not-purged", error=type(error).__name__)
            write(line, logging.WARNING)
