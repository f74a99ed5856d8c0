"""``fetch.json``: what of an export is known and loaded, so that a second start goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from defib_coverage.bulk.manifest import Section
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.bulk.manifest import Listed, Manifest

Key = TypeVar("Key")
Value = TypeVar("Value")
NAME = "fetch.json"
_FOLDERS: dict[Section, str] = {"output": "", "deleted": "deleted/", "error": "errors/"}


class FileRecord(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A file of the export.

    ``file`` is its name in the folder, which gets ``.gz`` at its end once it is known to be
    compressed. ``url_sha256`` and ``path_sha256`` are digests of its URL, with and without the
    query. ``count`` is what the manifest says. ``etag`` is the server's name for its content.
    ``bytes``, ``sha256`` and ``lines`` (blank ones do not count) are those of the whole file, once
    it is ``done``.
    """

    file: str
    section: Section
    type: str
    url_sha256: str
    path_sha256: str
    count: int | None = None
    etag: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    lines: int | None = None
    done: bool = False

    @property
    def stem(self) -> str:
        """The name without what tells that it is compressed: the same from the beginning on."""
        return self.file.removesuffix(".gz")


class Record(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An export and its folder.

    ``base`` and ``export`` are the FHIR base and the whole kick-off URL. ``status`` is where the
    server tells of it. ``files`` is None until the manifest was read. ``issues`` counts what the
    server reports in its error files, by severity. ``removed``: the server was told to forget it.
    """

    format: Literal[1] = 1
    version: str
    base: str
    export: str
    started: str
    status: str | None = None
    transaction_time: str | None = None
    requires_access_token: bool | None = None
    files: tuple[FileRecord, ...] | None = None
    issues: dict[str, int] = {}
    finished: str | None = None
    removed: bool = False

    @property
    def is_begun(self) -> bool:
        """Whether the server has told where the export is; before that, nothing is loaded."""
        return self.status is not None

    @property
    def is_loaded(self) -> bool:
        """Whether every file of it is here."""
        return self.files is not None and all(one.done for one in self.files)


def read_record(body: bytes, name: str) -> Record:
    """Read a record.

    Args:
        body: the JSON.
        name: what messages call it.

    Raises:
        InputError: it is none.
    """
    try:
        return msgspec.json.decode(body, type=Record)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        message = f"{name}: is not the record of a fetch; give another folder"
        raise InputError(message) from error


def matched(record: Record, manifest: Manifest) -> tuple[tuple[FileRecord, Listed], ...]:
    """The files of a manifest, each with its record: the one that it had, or a new one.

    A server may sign its URLs anew each time, so a file is found again by its whole URL, or by
    the path where no other file has the same. What is not found again is loaded again.

    Args:
        record: what is known, of the same export.
        manifest: what the server says now.
    """
    known = record.files or ()
    by_url = {(one.section, one.url_sha256): one for one in known}
    by_path = _unique(((one.section, one.path_sha256), one) for one in known)
    paths = _unique(((one.section, one.path_digest), one) for one in manifest.files)
    found: list[tuple[FileRecord | None, Listed]] = []
    for one in manifest.files:
        path = (one.section, one.path_digest)
        old = by_url.get((one.section, one.whole_digest))
        if old is None and path in paths:
            old = by_path.get(path)
        same = old is not None and (old.type, old.count) == (one.type, one.count)
        found.append((old if same else None, one))
    taken = {old.stem for old, _ in found if old is not None}
    made: list[tuple[FileRecord, Listed]] = []
    numbers: dict[str, int] = {}
    for old, one in found:
        file = _free(f"{_FOLDERS[one.section]}{one.type}", taken, numbers) if old is None else ""
        made.append((_renewed(old, one, file), one))
    return tuple(made)


def _renewed(old: FileRecord | None, one: Listed, file: str) -> FileRecord:
    if old is not None:
        return msgspec.structs.replace(
            old, url_sha256=one.whole_digest, path_sha256=one.path_digest
        )
    return FileRecord(
        file=file,
        section=one.section,
        type=one.type,
        url_sha256=one.whole_digest,
        path_sha256=one.path_digest,
        count=one.count,
    )


def _free(stem: str, taken: set[str], numbers: dict[str, int]) -> str:
    """The next name that no other file has."""
    while True:
        number = numbers.get(stem, 0)
        numbers[stem] = number + 1
        name = f"{stem}.{number:03}.ndjson"
        if name not in taken:
            return name


def _unique(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, Value]:
    """What stands under a key alone."""
    found: dict[Key, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: values[0] for key, values in found.items() if len(values) == 1}
