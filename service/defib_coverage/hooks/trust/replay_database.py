"""The memory of used tokens in a database, for several workers or machines.

The insert of a row decides: the database lets one of several through. SQLite serves the workers of
one machine, PostgreSQL any number of machines.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    Float,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    make_url,
)
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from defib_coverage.errors import SettingsError
from defib_coverage.hooks.trust.replay import digest_of, unavailable
from defib_coverage.logs import Trouble, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL, Engine

_SETTING = "DEFIB_COVERAGE_DATABASE"
# What one answer may cost in seconds: then the call is refused, not kept waiting.
_PATIENCE = 2
# Clocks of several machines differ: rows outlive their tokens by this many seconds.
_MARGIN = 600.0
_PURGE_EVERY = 300.0
_MOST_CACHED = 10_000
# SQLite's words for a database that no other process sees.
_NO_FILE = {None, "", ":memory:"}

_tables = MetaData()
_used = Table(
    "used_token",
    _tables,
    Column("issuer", String(500), primary_key=True),
    Column("jti_sha256", String(64), primary_key=True),
    Column("expires", Float, nullable=False, index=True),
)


class TokensInDatabase:
    """The tokens that any worker with this database has seen."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        """Open the database and make the table if it is not there.

        Args:
            url: ``sqlite:///file`` or ``postgresql+psycopg://user:password@host/name``.
            now: seconds since 1970.

        Raises:
            SettingsError: the database cannot be used.
        """
        self._now = now
        read = _read_url(url)
        shared = read.get_backend_name() == "postgresql"
        self._engine = _engine(read)
        # SQLite has one writer at a time: more threads would only wait for one another.
        self._threads = ThreadPoolExecutor(4 if shared else 1, "used-tokens")
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._purge_at = now() + _PURGE_EVERY
        try:
            _make_table(self._engine)
        except SQLAlchemyError as error:
            self.close()
            message = f"{_SETTING}: cannot be used ({type(error).__name__}). Check that it runs"
            raise SettingsError(message) from error

    async def remember(self, issuer: str, jti: str, expires: float) -> bool:
        """Remember a token; see ``UsedTokens``."""
        key = (issuer, digest_of(jti))
        if key in self._seen:
            return False
        inserting = asyncio.get_running_loop().run_in_executor(
            self._threads, self._insert, *key, expires
        )
        try:
            first = await asyncio.wait_for(inserting, 2 * _PATIENCE)
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
                connection.execute(insert(_used).values((issuer, jti, expires)))
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
                ended = _used.c.expires < self._now() - _MARGIN
                connection.execute(delete(_used).where(ended))
        except SQLAlchemyError as error:
            line = Trouble(what="used-tokens-not-purged", error=type(error).__name__)
            write(line, logging.WARNING)


def _read_url(url: str) -> URL:
    """The URL of a database that can be shared.

    Raises:
        SettingsError: it is none; the message does not repeat it, for it may hold a password.
    """
    try:
        read = make_url(url)
    except ArgumentError:
        read = None
    if read is not None and read.drivername == "postgresql+psycopg":
        return read
    if read is not None and read.drivername == "sqlite" and read.database not in _NO_FILE:
        return read
    message = (
        f"{_SETTING}: is no database that workers can share. Use sqlite:////folder/file on one "
        "machine, or postgresql+psycopg://user:password@host/name"
    )
    raise SettingsError(message)


def _engine(url: URL) -> Engine:
    """The engine, with bounds on how long anything may take; every statement stands by itself.

    Raises:
        SettingsError: the driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url, connect_args={"timeout": _PATIENCE}, isolation_level="AUTOCOMMIT"
        )
        event.listen(engine, "connect", _write_ahead)
        return engine
    bounds = {
        "connect_timeout": _PATIENCE,
        "tcp_user_timeout": 1000 * _PATIENCE,
        "options": f"-c statement_timeout={1000 * _PATIENCE}",
    }
    try:
        return create_engine(
            url, connect_args=bounds, pool_pre_ping=True, isolation_level="AUTOCOMMIT"
        )
    except ImportError as error:
        message = f"{_SETTING}: the driver is missing: pip install 'defib-coverage[postgres]'"
        raise SettingsError(message) from error


def _write_ahead(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own connection
    """Let SQLite's readers and its writer work side by side."""
    connection.execute("PRAGMA journal_mode=WAL")


def _make_table(engine: Engine) -> None:
    """Make the table; of several workers that start together, one does it and others try again.

    Raises:
        SQLAlchemyError: it cannot be made.
    """
    for left in reversed(range(3)):
        try:
            _tables.create_all(engine)
        except SQLAlchemyError:
            if not left:
                raise
        else:
            return
