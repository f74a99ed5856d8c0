"""Opening a database: SQLite for one machine, PostgreSQL for any number, each within bounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from defib_coverage.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

SETTING = "DEFIB_COVERAGE_DATABASE"
PATIENCE = 2
"""What one statement may cost in seconds: then the call is refused, not kept waiting."""
# What of a file of SQLite may be mapped into a reader's memory, in bytes.
_MAPPED = 1 << 36
# SQLite's words for a database that no other process sees.
_NO_FILE = {None, "", ":memory:"}


def read_url(url: str) -> URL:
    """The URL of a database that can be shared.

    Args:
        url: ``sqlite:///file`` or ``postgresql+psycopg://user:password@host/name``.

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
        f"{SETTING}: is no database that workers can share. Use sqlite:////folder/file on one "
        "machine, or postgresql+psycopg://user:password@host/name"
    )
    raise SettingsError(message)


def is_shared(url: URL) -> bool:
    """Whether several machines may use the database."""
    return url.get_backend_name() == "postgresql"


def file_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server."""
    return None if is_shared(url) else Path(url.database or "")


def open_database(url: URL, transactions: Literal["read", "write"] | None = None) -> Engine:
    """The engine of a database, with bounds on how long anything may take.

    Args:
        url: as ``read_url`` gives it.
        transactions: whether statements belong together until they are committed. Those that read
            all see the database as it was at the first, and hinder no writer; those that write are
            on the disk when they are committed. By default each statement stands by itself.

    Raises:
        SettingsError: the driver is not installed.
    """
    if not is_shared(url):
        engine = create_engine(
            url,
            connect_args={"timeout": PATIENCE},
            **({} if transactions else {"isolation_level": "AUTOCOMMIT"}),
        )
        event.listen(engine, "connect", _write_ahead)
        if transactions:
            event.listen(engine, "begin", _BEGIN[transactions])
        return engine
    bounds = {
        "connect_timeout": PATIENCE,
        "tcp_user_timeout": 1000 * PATIENCE,
        # What is committed is on the server's disk, however the server is set up.
        # And who stops in the middle of a transaction does not hold up the others for long.
        "options": (
            f"-c statement_timeout={1000 * PATIENCE} -c synchronous_commit=on "
            f"-c idle_in_transaction_session_timeout={2000 * PATIENCE} "
            "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
        ),
    }
    try:
        return create_engine(
            url,
            connect_args=bounds,
            pool_pre_ping=True,
            isolation_level=_ISOLATION[transactions],
        )
    except ImportError as error:
        raise _no_driver() from error


def open_reader(url: URL) -> Engine:
    """The engine of a database for who only reads.

    A transaction sees one state of it however long it takes, and nobody who writes waits for it.

    Args:
        url: as ``read_url`` gives it.

    Raises:
        SettingsError: the driver is not installed.
    """
    if not is_shared(url):
        engine = create_engine(url, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _only_read)
        event.listen(engine, "begin", _begin_to_read)
        return engine
    bounds = {"connect_timeout": PATIENCE, "options": "-c default_transaction_read_only=on"}
    try:
        return create_engine(url, connect_args=bounds, isolation_level="REPEATABLE READ")
    except ImportError as error:
        raise _no_driver() from error


def _no_driver() -> SettingsError:
    message = f"{SETTING}: the driver is missing: pip install 'defib-coverage[postgres]'"
    return SettingsError(message)


def _write_ahead(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own connection
    """Let SQLite's readers and its writer work side by side; what is committed is on the disk."""
    # The driver's own transactions begin too late to be immediate.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_to_write(connection: Connection) -> None:
    """Begin as the one writer, so that nothing that was read can have changed until the end."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_to_read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


_BEGIN = {"read": _begin_to_read, "write": _begin_to_write}
_ISOLATION: dict[str | None, Literal["AUTOCOMMIT", "READ COMMITTED", "REPEATABLE READ"]] = {
    None: "AUTOCOMMIT",
    "read": "REPEATABLE READ",
    "write": "READ COMMITTED",
}


def _only_read(connection: Any, _: object) -> None:  # noqa: ANN401 - as above
    """Keep SQLite from writing, and show text that is none instead of failing."""
    connection.isolation_level = None
    connection.text_factory = _shown
    connection.execute("PRAGMA query_only=ON")
    # Large files are read in half the time.
    connection.execute(f"PRAGMA mmap_size={_MAPPED}")


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace")
