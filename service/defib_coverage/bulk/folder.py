"""The folder of an export: its record, its files, and that only one fetch writes to it."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from defib_coverage.bulk.faults import FetchError
from defib_coverage.bulk.record import NAME, Record, read_record
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from defib_coverage.bulk.record import FileRecord

_PART = ".part"
# Each save writes all of it, so of very many files not each is worth one.
_MOST_SAVES = 200


class Folder:
    """A folder with the export that it is for; used from several threads."""

    def __init__(self, path: Path, record: Record, *, is_unsure: bool) -> None:
        """Take a folder that ``opened`` has made sure of.

        Args:
            path: where it is.
            record: what is known.
            is_unsure: whether something was asked for before, and nobody knows what came of it.
        """
        self.path = path
        self.is_unsure = is_unsure
        self._lock = threading.Lock()
        self._changes = 0
        self._take(record)

    @property
    def record(self) -> Record:
        """What is known now."""
        with self._lock:
            return self._whole()

    def known(self, one: FileRecord) -> FileRecord:
        """What is known of a file now."""
        with self._lock:
            return self._files[one.stem]

    def keep(self, record: Record) -> None:
        """Write the record, whole or not at all.

        Raises:
            FetchError: it cannot be written.
        """
        with self._lock:
            self._take(record)
            self._save()

    def keep_file(self, changed: FileRecord) -> None:
        """Note what has become of one file; of very many files not each change is written at once.

        Raises:
            FetchError: it cannot be written.
        """
        with self._lock:
            self._files[changed.stem] = changed
            self._changes += 1
            if self._changes % (1 + len(self._files) // _MOST_SAVES) == 0:
                self._save()

    def forget(self) -> None:
        """Delete the record of an export that is not, so that the folder is free for any other."""
        with self._lock, suppress(OSError):
            # One that stays says that nothing was begun, which makes the folder as free.
            (self.path / NAME).unlink(missing_ok=True)

    def part_of(self, one: FileRecord) -> Path:
        """Where a file is loaded to."""
        return self.path / f"{one.stem}{_PART}"

    def place_of(self, one: FileRecord) -> Path:
        """Where a file is once it is complete."""
        return self.path / one.file

    def unwritable(self, error: OSError) -> FetchError:
        """Why nothing can be written, in one line."""
        return FetchError(f"{self.path}: cannot be written to ({error.strerror or error})")

    def _take(self, record: Record) -> None:
        self._listed = record.files is not None
        self._files = {one.stem: one for one in record.files or ()}
        self._record = msgspec.structs.replace(record, files=None)

    def _whole(self) -> Record:
        files = tuple(self._files.values()) if self._listed else None
        return msgspec.structs.replace(self._record, files=files)

    def _save(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self._whole()), indent=2) + b"\n"
        part = self.path / f"{NAME}{_PART}"
        try:
            with private(part) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path / NAME)
        except OSError as error:
            raise self.unwritable(error) from error


def private(path: Path, begin: int = 0) -> BinaryIO:
    """Open a file to write to, which only its owner may read: these are charts.

    Args:
        path: the file; it is made if it is not there.
        begin: how much of it stays.

    Raises:
        OSError: it cannot be written to.
    """
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb")
    file.truncate(begin)
    file.seek(begin)
    return file


@contextmanager
def opened(path: Path, fresh: Record) -> Iterator[Folder]:
    """The folder of an export, made or gone on with; nobody else writes to it meanwhile.

    Args:
        path: where.
        fresh: the record of an export that has not begun.

    Raises:
        InputError: the folder holds something else, or another export, or another fetch writes
            to it.
        FetchError: it cannot be written to.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (FileExistsError, NotADirectoryError) as error:
        message = f"{path}: is no folder"
        raise InputError(message) from error
    except OSError as error:
        message = f"{path}: cannot be opened as a folder ({error.strerror})"
        raise InputError(message) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"{path}: another fetch writes to it"
            raise InputError(message) from error
        found = _found(path)
        same = found is not None and (found.base, found.export) == (fresh.base, fresh.export)
        if not same:
            _check_free(path, found)
        known = found if found is not None and same else fresh
        yield Folder(path, known, is_unsure=found is not None and not found.is_begun)
    finally:
        os.close(handle)


def _found(path: Path) -> Record | None:
    """The record that a folder has.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return read_record((path / NAME).read_bytes(), str(path / NAME))
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{path / NAME}: cannot be read ({error.strerror})"
        raise InputError(message) from error


def _check_free(path: Path, found: Record | None) -> None:
    """Refuse a folder with anything but the record of a request that brought nothing.

    Raises:
        InputError: there is more.
    """
    if found is not None and found.is_begun:
        message = f"{path}: holds another export, {found.export}; give another folder"
        raise InputError(message)
    if any(one.name not in {NAME, f"{NAME}{_PART}"} for one in path.iterdir()):
        message = f"{path}: is not empty, and holds no export; give another folder"
        raise InputError(message)
