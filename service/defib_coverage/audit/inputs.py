"""The files of an audit: found by folder or pattern, told apart, cut into slices.

What a file is called decides nothing but whether it is read at all: gzip is known by its first
bytes, and a file of one JSON document by its name's ending.
"""

from __future__ import annotations

import glob
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_DOCUMENTS = (".json", ".json.gz")
_GZIP = b"\x1f\x8b"
# What a fetched export keeps beside its records.
_NOT_RECORDS = frozenset({"fetch.json", "manifest.json"})
_ASIDE = frozenset({"errors"})
SLICE = 64 << 20
"""Bytes of a file that are read as one piece of work."""
_MOST_SLICES = 2000


class InputFile(msgspec.Struct, frozen=True):
    """One file: its name below the input, where it is, its size in bytes, when it was changed.

    ``form``: one resource a line, or one document in the whole file.
    """

    name: str
    path: str
    size: int
    changed: int
    gzip: bool
    form: Literal["lines", "document"]


class Slice(msgspec.Struct, frozen=True):
    """The lines of a file that begin at ``start`` or later, and before ``end``.

    ``number`` is its place among all slices, ``file`` that of its file. What is compressed, and
    what is one document, is one slice: ``end`` is then None.
    """

    number: int
    file: int
    start: int
    end: int | None


def find_files(sources: Sequence[str], out: Path) -> tuple[InputFile, ...]:
    """The files of an audit, in the order of their names.

    Args:
        sources: folders, files or patterns such as ``export/*.ndjson.gz``.
        out: the folder that is written to, which is never read.

    Raises:
        InputError: a source names nothing, or a file cannot be read.
    """
    found: dict[str, InputFile] = {}
    for source in sources:
        before = len(found)
        for name, path in _paths(source):
            if not path.resolve().is_relative_to(out.resolve()):
                found.setdefault(str(path.resolve()), _look_at(name, path))
        if len(found) == before and not any(_paths(source)):
            message = f"{source}: holds no .ndjson, .jsonl or .json file, compressed or not"
            raise InputError(message)
    return _named_once(sorted(found.values(), key=lambda one: (one.name, one.path)))


def _named_once(files: list[InputFile]) -> tuple[InputFile, ...]:
    """Files of different folders by their whole path where they share a name."""
    names = [one.name for one in files]
    return tuple(
        one if names.count(one.name) == 1 else msgspec.structs.replace(one, name=one.path)
        for one in files
    )


def _paths(source: str) -> Iterator[tuple[str, Path]]:
    """The files that a source names, each with its name below it."""
    folder = Path(source)
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            below = path.relative_to(folder)
            if path.is_file() and _is_read(path) and _ASIDE.isdisjoint(below.parts[:-1]):
                yield below.as_posix(), path
    elif folder.is_file():
        yield folder.name, folder
    else:
        for one in sorted(glob.glob(source, recursive=True)):  # noqa: PTH207 - absolute ones too
            path = Path(one)
            if path.is_file():
                yield path.name, path
            else:
                for name, inner in _paths(one) if path.is_dir() else ():
                    yield f"{path.name}/{name}", inner


def _is_read(path: PurePath) -> bool:
    name = path.name.lower()
    return (
        name.endswith(_LINES + _DOCUMENTS) and not name.startswith(".") and name not in _NOT_RECORDS
    )


def _look_at(name: str, path: Path) -> InputFile:
    try:
        status = path.stat()
        with path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise InputError(message) from error
    document = name.lower().endswith(_DOCUMENTS)
    return InputFile(
        name,
        str(path.resolve()),
        status.st_size,
        status.st_mtime_ns,
        packed,
        "document" if document else "lines",
    )


def slices_of(files: Sequence[InputFile], size: int = SLICE) -> tuple[Slice, ...]:
    """The pieces of work that files are cut into, none much larger than ``size`` bytes.

    Of very large inputs the pieces are larger, so that their number stays bounded.
    """
    total = sum(one.size for one in files)
    size = max(size, total // _MOST_SLICES)
    found: list[Slice] = []
    for number, file in enumerate(files):
        if file.gzip or file.form == "document":
            found.append(Slice(len(found), number, 0, None))
            continue
        for start in range(0, max(file.size, 1), size):
            found.append(Slice(len(found), number, start, min(start + size, file.size)))
    return tuple(found)
