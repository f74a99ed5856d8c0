"""The pieces of work of the embedded engine, each done by one process and left on disk.

A piece is done when its last file is there under its own name; whatever a broken run left besides
is written anew.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.audit.examining import Judged, examine
from defib_coverage.audit.files import open_file
from defib_coverage.audit.job import cohort, shared_records, tools
from defib_coverage.audit.keeping import keep, kept, size_of
from defib_coverage.audit.records import Gathering
from defib_coverage.audit.scanning import Scanned, paths_of, places_of, scan

if TYPE_CHECKING:
    from defib_coverage.audit.inputs import InputFile, Slice
    from defib_coverage.audit.job import Lines, Spec

BUCKET = 6 << 20
"""Bytes of lines that a process brings together at a time."""
_CHUNK = 1 << 20
_HASHES = 1 << 32


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


def page_path(folder: Path, number: int) -> Path:
    """The file of the lines that were kept of a slice."""
    return folder / f"{number:06}.pages"


def digest_file(file: InputFile, folders: Folders, number: int) -> None:
    """Leave the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open_file(file.path) as raw:
        while chunk := raw.read(_CHUNK):
            digest.update(chunk)
    done = folders.digests / f"{number:06}"
    part = done.with_suffix(".part")
    part.write_text(digest.hexdigest(), encoding="ascii")
    part.replace(done)


def scan_slice(spec: Spec, file: InputFile, piece: Slice, folders: Folders) -> Scanned:
    """Scan a slice, unless that was done."""
    done = paths_of(folders.scans, piece.number).done
    if done.exists():
        return msgspec.json.decode(done.read_bytes(), type=Scanned)
    return scan(file, piece, tools(spec).heads, folders.scans)


def keep_slice(file: InputFile, piece: Slice, folders: Folders, buckets: int) -> None:
    """Keep the lines of a slice that count, unless that was done."""
    to = page_path(folders.pages, piece.number)
    if not to.exists():
        places = paths_of(folders.scans, piece.number).places
        wanted = places_of(places, cohort(str(folders.cohort)))
        keep(file, piece, wanted, buckets, to)


def judge_bucket(spec: Spec, folders: Folders, lines: Lines, bucket: int, buckets: int) -> Judged:
    """Judge the patients of a bucket, unless that was done."""
    paths = row_paths(folders.rows, bucket)
    if paths.done.exists():
        return msgspec.json.decode(paths.done.read_bytes(), type=Judged)
    counts = Judged()
    with_ = tools(spec)
    shared = shared_records(str(folders.shared))
    gathering = Gathering(with_.heads, shared)
    with ExitStack() as stack:
        rows, rejects = (stack.enter_context(path.open("wb")) for path in paths[:-1])
        # A bucket that came out too large is brought together in parts.
        parts = size_of(bucket, buckets, folders.pages) // (2 * BUCKET) + 1
        for part in range(parts):
            low, high = _range(bucket * parts + part, buckets * parts)
            lines_kept = kept(bucket, buckets, folders.pages)
            for patient in gathering.patients(lines_kept, low, high):
                found = examine(patient, with_.judge, shared, lines, counts)
                rows.writelines(found.rows)
                rejects.writelines(found.rejects)
    part_done = paths.done.with_suffix(".part")
    part_done.write_bytes(msgspec.json.encode(counts))
    part_done.replace(paths.done)
    return counts


def _range(bucket: int, buckets: int) -> tuple[int, int]:
    """The hashes of a bucket: the first, and the one after the last."""
    return -(-bucket * _HASHES // buckets), -(-(bucket + 1) * _HASHES // buckets)
