"""Recorded hook requests: one a line in files of lines, or one a file, in a folder or by itself."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from defib_coverage.command.documents import read_document
from defib_coverage.documents.document import InputError, document_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINES = frozenset({".ndjson", ".jsonl"})
_ONE = ".json"
_GZIP = b"\x1f\x8b"
# Bytes of one line: far more than the service takes.
_LONGEST = 64 * 1024 * 1024
_PIECE = 1 << 20
# Files, and objects of each, that tell what a folder holds.
_FILES = 20
_LOOKS = 100


class Place(NamedTuple):
    """Where a request stands; ``line`` is None for a file of one."""

    file: str
    line: int | None


class Reject(msgspec.Struct, frozen=True):
    """What could not be judged, and why."""

    file: str
    line: int | None
    reason: str


class Recorded(NamedTuple):
    """The body of one request, and where it stands."""

    place: Place
    body: bytes


def files_of(path: Path) -> list[Path]:
    """The files of a folder that may hold requests, or the one file that is named.

    Raises:
        InputError: there are none.
    """
    if not path.is_dir():
        if not path.exists():
            message = f"{path}: cannot be read (No such file or directory)"
            raise InputError(message)
        return [path]
    found = sorted(one for one in path.rglob("*") if one.is_file() and _kind(one) is not None)
    if not found:
        message = f"{path}: holds no file whose name ends with .ndjson, .jsonl or .json"
        raise InputError(message)
    return found


def holds_calls(path: Path) -> bool:
    """Whether a file or folder holds hook requests rather than records of patients.

    The first objects of the first files tell; what holds neither is taken for requests.

    Raises:
        InputError: there is no file.
    """
    is_population = False
    for file in files_of(path)[:_FILES]:
        with suppress(InputError, EOFError, zlib.error, OSError):
            for _, text in islice(_texts(file), _LOOKS):
                with suppress(InputError):
                    document = document_of("", text or b"")
                    if document.is_request:
                        return True
                    is_population = is_population or document.text_of("resourceType") is not None
    return not is_population


def recorded(path: Path, root: Path) -> Iterator[Recorded | Reject]:
    """The requests of a file, and what in it is none.

    Args:
        path: the file; all but ``.json`` is read line by line, ``.gz`` after either is unpacked.
        root: what the names of files begin below.
    """
    name = path.relative_to(root).as_posix() if path != root else path.name
    number: int | None = None
    try:
        for number, text in _texts(path):
            if text is None:
                yield Reject(name, number, f"is longer than {_LONGEST >> 20} MiB")
            else:
                yield _call(Place(name, number), text)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield Reject(name, (number or 0) + 1, "is a damaged gzip file from here on")
    except InputError as error:
        yield Reject(name, None, str(error).removeprefix(f"{path}: "))
    except OSError as error:
        yield Reject(name, None, f"cannot be read ({error.strerror})")


def _texts(path: Path) -> Iterator[tuple[int | None, bytes | None]]:
    """Every object of a file with the number of its line; None for a line that is too long.

    Raises:
        InputError: a file of one object cannot be read.
        EOFError, zlib.error, OSError: a file of lines cannot be read, or not to its end.
    """
    if _kind(path) == _ONE:
        yield None, read_document(str(path)).body
        return
    with _opened(path) as file:
        for number, line in enumerate(_lines(file), start=1):
            if line is None or line.strip():
                yield number, line


def _kind(path: Path) -> str | None:
    """The ending that tells how a file is read; None for one that is no input."""
    name = path.with_suffix("") if path.suffix == ".gz" else path
    return name.suffix if name.suffix in {*_LINES, _ONE} else None


def _call(place: Place, text: bytes) -> Recorded | Reject:
    """A text that is a hook request; else why it is none."""
    try:
        document = document_of("", text)
    except InputError as error:
        return Reject(*place, str(error).removeprefix(": "))
    if document.is_request:
        return Recorded(place, document.body)
    kind = document.text_of("resourceType")
    held = "an object" if kind is None else f"the resource type {kind[:64]!r}"
    return Reject(*place, f"holds {held}, not a CDS Hooks request")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A file of lines, unpacked where it is gzip, whatever its name."""
    with path.open("rb") as file:
        head = file.read(len(_GZIP))
        file.seek(0)
        if head != _GZIP:
            yield file
            return
        with gzip.open(file) as unpacked:
            yield unpacked  # type: ignore[misc] # it reads bytes


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Every line; None for one that is too long to be held."""
    while line := file.readline(_LONGEST):
        if len(line) < _LONGEST or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(_PIECE)) and not rest.endswith(b"\n"):
            pass
        yield None
