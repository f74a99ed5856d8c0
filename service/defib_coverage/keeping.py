"""The ledger of an installation, opened as its settings say."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from defib_coverage.database.engine import file_of, is_shared, read_url
from defib_coverage.database.upgrade import check
from defib_coverage.errors import SettingsError
from defib_coverage.ledger.ledger import Ledger
from defib_coverage.ledger.lookup import Lookup
from defib_coverage.ledger.secrets import Secrets
from defib_coverage.ledger.store import Store
from defib_coverage.ledger.verify import is_sealed_with
from defib_coverage.ledger.writer import Writer
from defib_coverage.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL

    from defib_coverage.ledger.browsing import Browser
    from defib_coverage.settings import Settings

_DATABASE = "defib-coverage.db"
_SPOOL = "spool"
_KEY_SUFFIX = ".key"
_SHORTEST_KEY = 32


def database_of(settings: Settings) -> URL:
    """The database of an installation: a file of SQLite in its own folder by default.

    Raises:
        SettingsError: the setting is no database, or the folder cannot be made.
    """
    if settings.database is not None:
        return read_url(settings.database)
    folder = settings.state_folder
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / _DATABASE).touch(mode=0o600)
    except OSError as error:
        message = (
            f"{PREFIX}STATE: {folder} cannot be made ({error.strerror}). Name a folder that the "
            f"service may write to, or set {PREFIX}LEDGER=off"
        )
        raise SettingsError(message) from error
    return read_url(f"sqlite:///{folder / _DATABASE}")


def secrets_of(settings: Settings, url: URL) -> Secrets:
    """The keys of an installation's ledger.

    Beside a file of SQLite a key is made where none is set.

    Raises:
        SettingsError: there is none, or its file cannot be used.
    """
    if settings.ledger_key is not None:
        return Secrets(settings.ledger_key)
    file = file_of(url)
    if file is None:
        message = (
            f"{PREFIX}LEDGER_KEY: must be a secret of at least 32 characters, the same for all "
            "that share the database; keep a copy: without it nothing can be verified or opened"
        )
        raise SettingsError(message)
    path = file.with_name(file.name + _KEY_SUFFIX)
    try:
        key = _key_in(path)
    except OSError as error:
        message = f"{PREFIX}LEDGER_KEY: {path} cannot be used ({error.strerror})"
        raise SettingsError(message) from error
    except UnicodeDecodeError as error:
        message = f"{PREFIX}LEDGER_KEY: {path} holds no text. Put the copy of the key there"
        raise SettingsError(message) from error
    if len(key) < _SHORTEST_KEY:
        message = (
            f"{PREFIX}LEDGER_KEY: {path} holds no secret of at least {_SHORTEST_KEY} characters. "
            "Put the copy of the key there; where nothing was recorded yet, delete the file"
        )
        raise SettingsError(message)
    return Secrets(key)


def _key_in(path: Path) -> str:
    """The key in a file, made where there is none; of several that make it at once, one does."""
    if not path.exists():
        # Written elsewhere first: nobody reads half a key.
        made, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(made, "w") as key:
                key.write(secrets.token_urlsafe(48) + "\n")
                # On the disk before anything is sealed with it: without it nothing opens again.
                key.flush()
                os.fsync(key.fileno())
            with suppress(FileExistsError):
                os.link(name, path)
        finally:
            Path(name).unlink()
        _sync_folder(path.parent)
    return path.read_text().strip()


def _sync_folder(folder: Path) -> None:
    """Let the names in a folder outlast a power failure."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def kept_ledger(settings: Settings) -> tuple[URL, Secrets]:
    """The database and the keys of a ledger that has been kept; nothing is made.

    Raises:
        SettingsError: there is no ledger, or its key is not there.
    """
    file = settings.state_folder / _DATABASE
    if settings.database is None and not file.exists():
        message = f"{PREFIX}STATE: there is no ledger, for {file} is not there"
        raise SettingsError(message)
    url = database_of(settings)
    file = file_of(url) or file
    if not is_shared(url) and not file.exists():
        message = f"{PREFIX}DATABASE: there is no ledger, for {file} is not there"
        raise SettingsError(message)
    key = file.with_name(file.name + _KEY_SUFFIX)
    if settings.ledger_key is None and not is_shared(url) and not key.exists():
        message = f"{PREFIX}LEDGER_KEY: the ledger's key is not there: neither set nor in {key}"
        raise SettingsError(message)
    check(url)
    return url, secrets_of(settings, url)


def _check_spool(folder: Path) -> None:
    """Make the folder of the spool, and look that files can be made in it.

    Raises:
        SettingsError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _no_spool(folder, error) from error


def _no_spool(folder: Path, error: OSError) -> SettingsError:
    message = f"{PREFIX}STATE: {folder} cannot be used ({error.strerror})"
    return SettingsError(message)


class Keeping:
    """Everything that a ledger of these settings takes; opened when the service starts."""

    def __init__(self, settings: Settings) -> None:
        """Look that database and spool can be used; nothing is kept open yet.

        Raises:
            SettingsError: it cannot.
        """
        self._settings = settings
        self._url = database_of(settings)
        check(self._url)
        self.secrets = secrets_of(settings, self._url)
        if not is_sealed_with(self._url, self.secrets.chain):
            message = (
                f"{PREFIX}LEDGER_KEY: is not the key of this ledger, or the row of its last day "
                "was changed: see defib-coverage ledger verify"
            )
            raise SettingsError(message)
        self._spool = settings.state_folder / _SPOOL
        if settings.ledger == "spool":
            _check_spool(self._spool)

    def open(self, committed: Callable[[float], None] | None = None) -> Ledger:
        """Open the ledger, with a thread that writes.

        Args:
            committed: is told in that thread how many seconds a transaction took.

        Raises:
            SettingsError: the folder of the spool cannot be used.
        """
        settings = self._settings
        store = Store(self._url, self.secrets.chain)
        try:
            writer = Writer(
                store,
                self._spool,
                spools=settings.ledger == "spool",
                keep_days=settings.retention_days,
                committed=committed,
            )
        except OSError as error:
            raise _no_spool(self._spool, error) from error
        return Ledger(writer, self.secrets, settings.ledger_content)

    def lookup(self) -> Lookup:
        """What reads the ledger while the service runs."""
        return Lookup(self._url)

    def browser(self) -> Browser:
        """What reads it for people."""
        # Nobody needs it where no page is shown.
        from defib_coverage.ledger.browsing import Browser  # noqa: PLC0415

        return Browser(self._url, self.secrets.chain)
