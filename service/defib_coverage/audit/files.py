"""Opening and listing what an audit reads: files of this machine, or of a cluster's storage.

A path with a scheme, such as ``hdfs://`` or ``s3://``, is read through pyarrow, which is an extra.
"""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn, cast

from defib_coverage.audit.names import JOB, MANIFEST, REJECTS, ROWS, WORK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


def list_files(source: str, wanted: Callable[[str], bool]) -> Iterator[Found]:
    """The files that a source names: a folder with all below it, a file, or a pattern.

    Args:
        source: the folder, file or pattern.
        wanted: tells by its name whether a file is one of them.

    Raises:
        OSError: a file or a folder cannot be read, or a link leads nowhere.
    """
    if is_remote(source):
        yield from (one for one in _remote(source) if wanted(one.name))
        return
    path = Path(source)
    if path.is_dir():
        yield from _below(path, "", wanted)
    elif path.is_file():
        yield from _regular(path, path.name, wanted)
    else:
        for match in sorted(glob.glob(source, recursive=True)):  # noqa: PTH207 - absolute ones too
            one = Path(match)
            if one.is_dir():
                yield from _below(one, f"{one.name}/", wanted)
            else:
                yield from _regular(one, one.name, wanted)


def _below(folder: Path, prefix: str, wanted: Callable[[str], bool]) -> Iterator[Found]:
    """The files below a folder; a folder that is linked to from several places is read once."""
    seen: set[str] = set()
    found: list[Path] = []
    for here, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        found += [Path(here, name) for name in names]
    for one in sorted(found):
        yield from _regular(one, prefix + one.relative_to(folder).as_posix(), wanted)


def _refuse(error: OSError) -> NoReturn:
    """A folder that cannot be read is no empty one."""
    raise error


def _regular(path: Path, name: str, wanted: Callable[[str], bool]) -> Iterator[Found]:
    if wanted(name) and not _is_of_audit(path):
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            yield Found(name, str(path.resolve()), status.st_size, status.st_mtime_ns)


def _is_of_audit(path: Path) -> bool:
    """Whether an audit wrote a file, finished or not: rows are no records."""
    if path.name in {ROWS, REJECTS}:
        return (path.parent / MANIFEST).is_file() or (path.parent / WORK / JOB).is_file()
    return any(one.name == WORK and (one / JOB).is_file() for one in path.parents)


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
