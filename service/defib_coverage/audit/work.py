"""What a run knows so far: the files of its work folder, the same for every engine.

Whatever is there under its own name is whole, so that a run that was broken off goes on from it.
But where the machine itself went away, files may be shorter than they were written: what tells that
a piece of work is done tells how large the files are that it left.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.audit.cohort import Cohort
from defib_coverage.audit.examining import RejectedRow
from defib_coverage.audit.scanning import Reject, orders_of, paths_of
from defib_coverage.audit.shared import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defib_coverage.audit.job import Job, Lines


def put(path: Path, text: bytes) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(text)
    part.replace(path)


def is_there(path: Path) -> bool:
    """Whether a file of ``put`` is there, none of which is empty."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def finish(done: Path, left: Sequence[Path], text: bytes) -> None:
    """Write down that a piece of work is done, what came of it, and which files it left."""
    put(done, _sizes(left) + b"\n" + text)


def finished(done: Path, left: Sequence[Path]) -> bytes | None:
    """What came of a piece of work; None where it is to be done, or to be done again."""
    try:
        sizes, _, text = done.read_bytes().partition(b"\n")
        return text if sizes == _sizes(left) else None
    except FileNotFoundError:
        return None


def _sizes(left: Sequence[Path]) -> bytes:
    return msgspec.json.encode([path.stat().st_size for path in left])


class Folders(NamedTuple):
    """Where a run keeps what it knows so far."""

    work: Path

    @property
    def scans(self) -> Path:
        """What each slice holds."""
        return self.work / "scans"

    @property
    def pages(self) -> Path:
        """The lines that were kept."""
        return self.work / "pages"

    @property
    def rows(self) -> Path:
        """The rows of each bucket."""
        return self.work / "rows"

    @property
    def digests(self) -> Path:
        """The digest of each file."""
        return self.work / "digests"

    @property
    def cohort(self) -> Path:
        """Who may have an order of ours."""
        return self.work / "cohort.bits"

    @property
    def shared(self) -> Path:
        """What records of many patients point at."""
        return self.work / "shared.sqlite"

    def digest(self, file: int) -> Path:
        """The digest of one file."""
        return self.digests / f"{file:06}"

    def make(self) -> None:
        """Make the folders."""
        for folder in (self.scans, self.pages, self.rows, self.digests):
            folder.mkdir(parents=True, exist_ok=True)


class RowPaths(NamedTuple):
    """The files of a bucket; ``done`` comes last."""

    rows: Path
    rejects: Path
    done: Path


def row_paths(folder: Path, bucket: int) -> RowPaths:
    """The files of a bucket in the folder of rows."""
    return RowPaths(*(folder / f"{bucket:06}.{ending}" for ending in ("rows", "rejects", "json")))


class PagePaths(NamedTuple):
    """The file of the lines that were kept of some slices; ``done`` comes last."""

    pages: Path
    done: Path


def page_paths(folder: Path, number: int) -> PagePaths:
    """The files of some slices, by the number of the first, in the folder of pages."""
    return PagePaths(folder / f"{number:06}.pages", folder / f"{number:06}.json")


def meet(job: Job, folders: Folders) -> None:
    """Write down who may have an order of ours, and what their records may point at."""
    if not is_there(folders.cohort):
        cohort = Cohort()
        for piece in job.slices:
            cohort.add(orders_of(paths_of(folders.scans, piece.number).orders))
        put(folders.cohort, bytes(cohort))
    if not is_there(folders.shared):
        build(folders.shared, _shared(job, folders))


def _shared(job: Job, folders: Folders) -> Iterator[bytes]:
    for piece in job.slices:
        with paths_of(folders.scans, piece.number).shared.open("rb") as lines:
            yield from lines


def rows_of(folders: Folders, buckets: int) -> Iterator[bytes]:
    """The rows of all buckets, in the order of the patients' hashes."""
    for bucket in range(buckets):
        with row_paths(folders.rows, bucket).rows.open("rb") as rows:
            yield from rows


def rejects_of(job: Job, folders: Folders, buckets: int, lines: Lines) -> Iterator[bytes]:
    """What was rejected when it was scanned, then what could not be judged."""
    for piece in job.slices:
        with paths_of(folders.scans, piece.number).rejects.open("rb") as rejects:
            for text in rejects:
                reject = msgspec.json.decode(text, type=Reject)
                yield _rejected(reject, lines)
    for bucket in range(buckets):
        with row_paths(folders.rows, bucket).rejects.open("rb") as rejects:
            yield from rejects


def _rejected(reject: Reject, lines: Lines) -> bytes:
    """A reject of a slice as a line of the file of rejects."""
    file, line = lines.place(reject.slice, (reject.line or 0) - 1)
    row = RejectedRow(file, None if reject.line is None else line, reject.reason, reject.part)
    return msgspec.json.encode(row) + b"\n"


def digests_of(job: Job, folders: Folders) -> tuple[str, ...]:
    """The SHA-256 of every file."""
    return tuple(
        folders.digest(number).read_text(encoding="ascii") for number in range(len(job.files))
    )
