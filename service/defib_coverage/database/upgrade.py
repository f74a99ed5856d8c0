"""Bringing a database's tables to what this version works with, and telling whether they are."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from defib_coverage.database.engine import SETTING, file_of, is_shared, open_database
from defib_coverage.database.tables import REVISION
from defib_coverage.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_STEPS = Path(__file__).parent / "migrations"
_COMMAND = "defib-coverage db upgrade"


def upgrade(url: URL) -> tuple[str | None, str]:
    """Run the steps that a database lacks, all or none.

    Returns:
        The revision that it had, None for an empty one, and the one that it has now.

    Raises:
        SettingsError: the database cannot be used, or was made by a later version.
    """
    # Costs memory and time to import: only where it is used.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    _make_file(url)
    engine = open_database(url, transactions="write")
    try:
        with engine.begin() as connection:
            before = _revision(connection)
            _check_not_later(before)
            config = Config()
            config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise unusable(url, error) from error
    finally:
        engine.dispose()
    return before, REVISION


def check(url: URL) -> None:
    """Refuse a database whose tables are not those of this version.

    A new file of SQLite gets its tables: there is nothing in it that a step could harm.

    Raises:
        SettingsError: the tables are older or newer, or the database cannot be used.
    """
    _make_file(url)
    engine = open_database(url)
    try:
        with engine.connect() as connection:
            found = _revision(connection)
            empty = found is None and not inspect(connection).get_table_names()
    except SQLAlchemyError as error:
        raise unusable(url, error) from error
    finally:
        engine.dispose()
    _check_not_later(found)
    if found == REVISION:
        return
    if empty and not is_shared(url):
        upgrade(url)
        return
    message = f"{SETTING}: its tables are not those of this version. Run {_COMMAND}"
    raise SettingsError(message)


def _make_file(url: URL) -> None:
    """Make the file of a new SQLite database, for nobody else to read: its other files follow it.

    Raises:
        SettingsError: it cannot be made.
    """
    file = file_of(url)
    # SQLite reads such a name as a URI of its own.
    if file is None or (url.database or "").startswith("file:"):
        return
    try:
        with suppress(FileExistsError):
            file.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        message = f"{SETTING}: {file} cannot be used ({error.strerror})"
        raise SettingsError(message) from error


def _revision(connection: Connection) -> str | None:
    """The revision that a database has."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _check_not_later(found: str | None) -> None:
    if found is not None and found > REVISION:
        message = f"{SETTING}: its tables are those of a later version. Run that version"
        raise SettingsError(message)


def unusable(url: URL, error: SQLAlchemyError) -> SettingsError:
    """A database that failed, in one line.

    Of a file it tells what SQLite says; what a server says may hold more than is meant for a log.
    """
    file = file_of(url)
    if file is not None and isinstance(error, DBAPIError):
        return SettingsError(f"{SETTING}: {file} cannot be used ({error.orig})")
    message = f"{SETTING}: cannot be used ({type(error).__name__}). Check that it runs"
    return SettingsError(message)
