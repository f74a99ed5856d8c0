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
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from defib_coverage.ledger.records import Answered, Feedback, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answered | Feedback).decode
_SUFFIX = ".spool"
_DAMAGED = ".damaged"
_DIGEST = 16


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

    def __bool__(self) -> bool:
        """Whether records wait."""
        return self._size > 0

    @property
    def size(self) -> int:
        """How many bytes wait."""
        return self._size

    def append(self, records: Iterable[Record]) -> None:
        """Keep records, all or none.

        Raises:
            OSError: they could not be kept.
        """
        data = b"".join(_line(record) for record in records)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            os.fdatasync(self._file)
        except OSError:
            # Half a line would swallow the next.
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def read(self) -> Iterator[Record | None]:
        """The records that wait, oldest first; None for a line that was changed.

        Raises:
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):  # else a crash cut it off
                    digest, _, text = line[:-1].partition(b" ")
                    yield _decode(text) if digest == _digest(text) else None

    def clear(self, *, keep: bool) -> None:
        """Forget the records, which are elsewhere now.

        Args:
            keep: whether a copy of the file stays, with the ending ``.damaged``.

        Raises:
            OSError: the file cannot be changed.
        """
        if keep:
            shutil.copy(self.path, self.path.with_suffix(_DAMAGED))
        os.ftruncate(self._file, 0)
        os.fdatasync(self._file)
        self._size = 0

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
    return Spool(folder / f"{uuid4()}{_SUFFIX}")


def left_behind(folder: Path) -> list[Spool]:
    """The spools of processes that ended; they are held from now on."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            found.append(Spool(path))
        except OSError:  # another process holds it, or has adopted it and is done
            continue
    return found


def _line(record: Record) -> bytes:
    text = _encode(record)
    return _digest(text) + b" " + text + b"\n"


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=_DIGEST).hexdigest().encode()
