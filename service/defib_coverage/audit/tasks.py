"""The pieces of work of the embedded engine, each done by one process and left on disk.

A piece is done when its last file is there under its own name; whatever a broken run left besides
is written anew.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.audit.examining import Judged, examine
from defib_coverage.audit.files import open_file
from defib_coverage.audit.job import cohort, shared_records, tools
from defib_coverage.audit.keeping import Wanted, keep, kept, size_of
from defib_coverage.audit.records import Gathering
from defib_coverage.audit.scanning import Scanned, paths_of, places_of, scan
from defib_coverage.audit.work import finish, finished, page_paths, put, row_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.audit.inputs import InputFile, Slice
    from defib_coverage.audit.job import Lines, Spec
    from defib_coverage.audit.work import Folders

BUCKET = 6 << 20
"""Bytes of lines that a process brings together at a time."""
_CHUNK = 1 << 20
_HASHES = 1 << 32


def digest_of(file: InputFile) -> str:
    """The SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open_file(file.path) as raw:
        while chunk := raw.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def digest_file(file: InputFile, folders: Folders, number: int) -> None:
    """Leave the SHA-256 of a file."""
    put(folders.digest(number), digest_of(file).encode())


def scan_slice(spec: Spec, file: InputFile, piece: Slice, folders: Folders) -> Scanned:
    """Scan a slice, unless that was done."""
    paths = paths_of(folders.scans, piece.number)
    known = finished(paths.done, paths[:-1])
    if known is not None:
        return msgspec.json.decode(known, type=Scanned)
    scanned = scan(file, piece, tools(spec).heads, folders.scans)
    finish(paths.done, paths[:-1], msgspec.json.encode(scanned))
    return scanned


def keep_slices(pieces: Sequence[tuple[InputFile, Slice]], folders: Folders, buckets: int) -> None:
    """Keep the lines of some slices that count, unless that was done."""
    to = page_paths(folders.pages, pieces[0][1].number)
    if finished(to.done, [to.pages]) is None:
        members = cohort(str(folders.cohort))
        keep(
            (
                Wanted(
                    file, piece, places_of(paths_of(folders.scans, piece.number).places, members)
                )
                for file, piece in pieces
            ),
            buckets,
            to.pages,
        )
        finish(to.done, [to.pages], b"")


def judge_bucket(spec: Spec, folders: Folders, lines: Lines, bucket: int, buckets: int) -> Judged:
    """Judge the patients of a bucket, unless that was done."""
    paths = row_paths(folders.rows, bucket)
    known = finished(paths.done, paths[:-1])
    if known is not None:
        return msgspec.json.decode(known, type=Judged)
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
    finish(paths.done, paths[:-1], msgspec.json.encode(counts))
    return counts


def _range(bucket: int, buckets: int) -> tuple[int, int]:
    """The hashes of a bucket: the first, and the one after the last."""
    return -(-bucket * _HASHES // buckets), -(-(bucket + 1) * _HASHES // buckets)
