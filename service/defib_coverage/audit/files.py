"""Opening and listing what an audit reads: files of this machine, or of a cluster's storage.

A path with a scheme, such as ``hdfs://`` or ``s3://``, is read through pyarrow, which is an extra.
"""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


class Found(NamedTuple):
    """A file: its name below what was asked for, its path, size in bytes, and when it changed."""

    name: str
    path: str
    size: int
    changed: int


def is_remote(path: str) -> bool:
    """Whether a path is an address of another storage."""
    return "://" in path


def open_file(path: str) -> BinaryIO:
    """Open a file to read it from any place.

    Raises:
        OSError: it cannot be read.
    """
    if not is_remote(path):
        return Path(path).open("rb")
    from pyarrow import fs  # noqa: PLC0415 - an extra, and slow to import

    system, inner = fs.FileSystem.from_uri(path)
    return cast("BinaryIO", system.open_input_file(inner))


def list_files(source: str) -> Iterator[Found]:
    """The files that a source names: a folder with all below it, a file, or a pattern.

    Raises:
        OSError: it cannot be read.
    """
    if is_remote(source):
        yield from _remote(source)
        return
    path = Path(source)
    if path.is_dir():
        for one in sorted(path.rglob("*")):
            if one.is_file():
                yield _local(one.relative_to(path).as_posix(), one)
    elif path.is_file():
        yield _local(path.name, path)
    else:
        for match in sorted(glob.glob(source, recursive=True)):  # noqa: PTH207 - absolute ones too
            one = Path(match)
            if one.is_file():
                yield _local(one.name, one)
            elif one.is_dir():
                inner = list_files(match)
                yield from (found._replace(name=f"{one.name}/{found.name}") for found in inner)


def _local(name: str, path: Path) -> Found:
    status = path.stat()
    return Found(name, str(path.resolve()), status.st_size, status.st_mtime_ns)


def _remote(source: str) -> Iterator[Found]:
    from pyarrow import fs  # noqa: PLC0415

    try:
        system, inner = fs.FileSystem.from_uri(source)
        about = system.get_file_info(inner)
        if about.type == fs.FileType.File:
            found = [about]
        else:
            found = system.get_file_info(fs.FileSelector(inner, recursive=True))
    except (ValueError, ImportError) as error:  # pyarrow's for what it cannot reach
        message = "cannot be read"
        raise OSError(0, message, source) from error
    root = source.removesuffix("/")
    for one in sorted(found, key=lambda file: file.path):
        if one.type == fs.FileType.File:
            below = one.path.removeprefix(inner).lstrip("/")
            path = f"{root}/{below}" if below else root
            yield Found(below or one.base_name, path, one.size, one.mtime_ns or 0)
