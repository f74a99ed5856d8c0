"""The spool: a file that keeps records while the database cannot, until it takes them in order.

One line a record: a digest, then JSON. What is appended is on the disk when ``append`` returns; a
line that was cut off by a crash was never acknowledged, and is left out. Each process has a file of
its own, which it holds a lock on; the files of processes that ended are adopted by those that run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import msgspec

from defib_coverage.ledger.records import Answered, Feedback, Record, Shadowed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answered | Feedback | Shadowed).decode
_SUFFIX = ".spool"
_DAMAGED = ".damaged"
_DIGEST = 16
# Bytes that a spool must still have room for.
_ROOM = 1 << 16


class Part(NamedTuple):
    """Records that wait, how many lines among them could not be read, and where they end."""

    records: list[Record]
    damaged: int
    end: int


class Spool:
    """The records that wait in one file."""

    def __init__(self, path: Path) -> None:
        """Open a file, or make it, and hold it.

        Raises:
            BlockingIOError: another process holds it.
            OSError: it cannot be used.
        """
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise
        self._size = os.fstat(self._file).st_size
        # Up to where the records are elsewhere, and how many lines of them could not be read.
        self._taken = 0
        self._damaged = 0

    def __bool__(self) -> bool:
        """Whether records wait."""
        return self._size > self._taken

    @property
    def size(self) -> int:
        """How many bytes wait."""
        return self._size - self._taken

    def append(self, records: Iterable[Record]) -> None:
        """Keep records, all or none; without any, try whether one could be kept.

        Raises:
            OSError: they could not be kept.
        """
        data = b"".join(_line(record) for record in records)
        try:
            if not data:
                os.posix_fallocate(self._file, self._size, _ROOM)
                os.ftruncate(self._file, self._size)
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            os.fdatasync(self._file)
        except OSError:
            # Half a line would swallow the next.
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def oldest(self, most: int) -> Part:
        """The oldest records that wait.

        Args:
            most: how many of them.

        Raises:
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as file:
            file.seek(self._taken)
            # One that a crash cut off was never acknowledged.
            lines = [line for line in islice(file, most) if line.endswith(b"\n")]
            end = file.tell()
        found = [_record(line) for line in lines]
        records = [one for one in found if one is not None]
        return Part(records, len(found) - len(records), end)

    def took(self, part: Part) -> int:
        """Forget the oldest records, which are elsewhere now.

        A file with lines that could not be read stays as a copy, with the ending ``.damaged``.

        Returns:
            Of a file that is done with, how many lines could not be read.

        Raises:
            OSError: the file cannot be changed.
        """
        self._taken = part.end
        self._damaged += part.damaged
        if self:
            return 0
        damaged, self._damaged = self._damaged, 0
        if damaged:
            shutil.copy(self.path, self.path.with_suffix(_DAMAGED))
        os.ftruncate(self._file, 0)
        os.fdatasync(self._file)
        self._size = self._taken = 0
        return damaged

    def close(self) -> None:
        """Let go of the file; one in which nothing waits is deleted."""
        if not self:
            self.path.unlink(missing_ok=True)
        os.close(self._file)


def new_spool(folder: Path) -> Spool:
    """A spool of this process.

    Raises:
        OSError: the folder cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # They are replayed in the order of their names.
    spool = Spool(folder / f"{time.time_ns()}-{uuid4()}{_SUFFIX}")
    # The name is on the disk before anything is acknowledged.
    listing = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(listing)
    finally:
        os.close(listing)
    return spool


def left_behind(folder: Path) -> list[Spool]:
    """The spools of processes that ended; they are held from now on."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            found.append(Spool(path))
        except OSError:  # another process holds it, or has adopted it and is done
            continue
    return found


def _record(line: bytes) -> Record | None:
    """The record of a line; None for one that was changed, or that another version wrote."""
    digest, _, text = line[:-1].partition(b" ")
    if digest != _digest(text):
        return None
    try:
        record: Record = _decode(text)
    except msgspec.DecodeError:
        return None
    return record


def _line(record: Record) -> bytes:
    text = _encode(record)
    return _digest(text) + b" " + text + b"\n"


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=_DIGEST).hexdigest().encode()
