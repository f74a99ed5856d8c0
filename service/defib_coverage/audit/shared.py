"""What records of many patients point at: people, drugs, payors, devices; and what was deleted.

They are kept in a file of SQLite, which finds one by its name however many there are.
"""

from __future__ import annotations

import errno
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from defib_coverage.fhir.raw import BAD, decode_resource, name_of
from defib_coverage.fhir.references import tail
from defib_coverage.fhir.resources import Entry, PractitionerRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from defib_coverage.fhir.resources import Resource

_TABLES = """
    CREATE TABLE shared (name TEXT PRIMARY KEY, updated TEXT, text BLOB) WITHOUT ROWID;
    CREATE TABLE role (practitioner TEXT, name TEXT, PRIMARY KEY (practitioner, name))
        WITHOUT ROWID;
    CREATE TABLE deleted (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
# Of two states of a record the newer counts, and of two of one time always the same one.
_PUT = """
    INSERT INTO shared VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
    SET updated = excluded.updated, text = excluded.text
    WHERE (excluded.updated, excluded.text) > (updated, text)
"""


class _Meta(msgspec.Struct):
    updated: str | None = msgspec.field(name="lastUpdated", default=None)


class _Dated(msgspec.Struct):
    meta: _Meta | None = None


class _Deletion(msgspec.Struct, forbid_unknown_fields=True):
    """What a scan puts aside of a deletion: no resource is without its type."""

    deleted: str


_decode_dated = msgspec.json.Decoder(_Dated).decode
_decode_deletion = msgspec.json.Decoder(_Deletion).decode


class Version(msgspec.Struct, frozen=True, order=True):
    """A state of a record: when it was written, and its text; the greatest counts."""

    updated: str
    text: bytes


class Named(NamedTuple):
    """What a record is called: its type, and ``Type/id``, None without a usable id."""

    type: str
    name: str | None
    version: Version


def named(text: bytes) -> Named:
    """What a record is called, and which state of it this is."""
    kind, identifier = name_of(msgspec.Raw(text))
    name = None if identifier is None else f"{kind}/{identifier}"
    return Named(kind, name, Version(_updated(text), text))


def _updated(text: bytes) -> str:
    """The instant at which a record was written, so that later ones are greater; empty if unsaid.

    The same instant may be written in any zone, with or without fractions.
    """
    try:
        meta = _decode_dated(text).meta
        if meta is None or meta.updated is None:
            return ""
        instant = datetime.fromisoformat(meta.updated)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return instant.astimezone(UTC).isoformat(timespec="microseconds")
    except (*BAD, ValueError, OverflowError):
        return ""


class SharedRecords:
    """Finds shared records in the file that ``build`` made."""

    def __init__(self, path: Path) -> None:
        """Open the file to read it."""
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._connection.close()

    def find(self, names: Iterable[str]) -> list[Entry]:
        """The records of these names that there are, with people's roles and roles' people."""
        found: list[Entry] = []
        for name in names:
            roles = self._connection.execute(
                "SELECT name FROM role WHERE practitioner = ? ORDER BY name", (name,)
            ).fetchall()
            for one in (name, *(role for (role,) in roles)):
                resource = self._record(one)
                whose = practitioner_of(resource)
                held = None if whose is None or whose == name else self._record(whose)
                found += [Entry(resource=r) for r in (resource, held) if r is not None]
        return found

    def _record(self, name: str) -> Resource | None:
        row = self._connection.execute("SELECT text FROM shared WHERE name = ?", (name,)).fetchone()
        return None if row is None else decode_resource(msgspec.Raw(row[0]))

    def deleted(self, names: Iterable[str]) -> frozenset[str]:
        """Which of these records were deleted."""
        gone = self._connection.execute
        return frozenset(
            name
            for name in names
            if gone("SELECT 1 FROM deleted WHERE name = ?", (name,)).fetchone() is not None
        )

    @property
    def any_deleted(self) -> bool:
        """Whether any record was deleted at all."""
        row = self._connection.execute("SELECT 1 FROM deleted LIMIT 1").fetchone()
        return row is not None


def build(path: Path, lines: Iterator[bytes]) -> None:
    """Make the file of shared records of the lines that scans put aside.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    connection = sqlite3.connect(part)
    try:
        # It is made anew if it is not made whole.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.executescript(_TABLES)
        for line in lines:
            _put(connection, line)
        connection.commit()
    except sqlite3.OperationalError as error:
        raise OSError(errno.EIO, f"cannot be written ({error})", str(part)) from error
    finally:
        connection.close()
    part.replace(path)


def _put(connection: sqlite3.Connection, line: bytes) -> None:
    try:
        gone = _decode_deletion(line).deleted
    except BAD:
        pass
    else:
        connection.execute("INSERT OR IGNORE INTO deleted VALUES (?)", (gone,))
        return
    _, name, version = named(line)
    if name is None:
        return
    connection.execute(_PUT, (name, version.updated, version.text))
    whose = practitioner_of(decode_resource(msgspec.Raw(line)))
    if whose is not None:
        connection.execute("INSERT OR IGNORE INTO role VALUES (?, ?)", (whose, name))


def practitioner_of(resource: Resource | None) -> str | None:
    """Whose role a resource is, as ``Practitioner/id``; None for what is no role or nobody's."""
    if not isinstance(resource, PractitionerRole) or resource.practitioner is None:
        return None
    return tail(resource.practitioner.reference or "") or None
