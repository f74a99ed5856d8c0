"""The files of an audit: found by folder or pattern, told apart, cut into slices.

What a file is called decides nothing but whether it is read at all: gzip is known by its first
bytes, and a file of one JSON document by its name's ending.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.audit.files import is_remote, list_files, open_file
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defib_coverage.audit.files import Found

_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_DOCUMENTS = (".json", ".json.gz")
_GZIP = b"\x1f\x8b"
# What a fetched export keeps beside its records.
_NOT_RECORDS = frozenset({"fetch.json", "manifest.json"})
_ASIDE = frozenset({"errors"})
SLICE = 64 << 20
"""Bytes of a file that are read as one piece of work."""
_MOST_SLICES = 2000
TOGETHER = 16 << 20
"""Bytes of small slices that are worth a piece of work."""


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
        InputError: a source names nothing, or a file cannot be read or told of.
    """
    found: dict[str, InputFile] = {}
    for source in sources:
        if not source.strip():
            message = "INPUT is empty; name a folder, a file or a pattern"
            raise InputError(message)
        try:
            named = list(list_files(source, _is_read))
            for one in named:
                _check_name(one.path)
                if is_remote(one.path) or not Path(one.path).is_relative_to(out.resolve()):
                    found.setdefault(one.path, _look_at(one))
        except OSError as error:
            message = f"{error.filename or source}: {error.strerror or 'cannot be read'}"
            raise InputError(message) from error
        if not named:
            message = (
                f"{source}: holds no .ndjson, .jsonl or .json file, compressed or not, "
                "beside what audits wrote"
            )
            raise InputError(message)
    if not found:
        message = f"{out}: is all that there is to read, and is written to"
        raise InputError(message)
    names = Counter(one.name for one in found.values())
    # Files of different folders go by their whole path where they share a name.
    files = [
        one if names[one.name] == 1 else msgspec.structs.replace(one, name=one.path)
        for one in found.values()
    ]
    return tuple(sorted(files, key=lambda one: (one.name, one.path)))


def _check_name(path: str) -> None:
    """Refuse a name that no manifest can repeat.

    Raises:
        InputError: it is no text.
    """
    try:
        path.encode()
    except UnicodeEncodeError as error:
        message = f"{path!a}: the name is not UTF-8; rename it"
        raise InputError(message) from error


def _is_read(name: str) -> bool:
    path = PurePath(name.lower())
    return (
        path.name.endswith(_LINES + _DOCUMENTS)
        and not path.name.startswith(".")
        and path.name not in _NOT_RECORDS
        and _ASIDE.isdisjoint(path.parts[:-1])
    )


def _look_at(found: Found) -> InputFile:
    with open_file(found.path) as file:
        packed = file.read(len(_GZIP)) == _GZIP
    document = found.name.lower().endswith(_DOCUMENTS)
    form: Literal["lines", "document"] = "document" if document else "lines"
    return InputFile(found.name, found.path, found.size, found.changed, packed, form)


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


def weights_of(files: Sequence[InputFile], slices: Sequence[Slice]) -> tuple[int, ...]:
    """The bytes of each slice, as they lie on the disk."""
    return tuple(
        (files[piece.file].size if piece.end is None else piece.end) - piece.start
        for piece in slices
    )


def together(weights: Sequence[int], least: int = TOGETHER) -> Iterator[range]:
    """What has these weights, in its order, as many small ones together as make a large one."""
    first = held = 0
    for number, weight in enumerate(weights, 1):
        held += weight
        if held >= least:
            yield range(first, number)
            first, held = number, 0
    if first < len(weights):
        yield range(first, len(weights))
