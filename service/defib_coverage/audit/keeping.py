"""The second pass: the lines of patients who may have an order of ours, put into buckets on disk.

Slices leave a file of pages, small ones together: however many files there are, these are few. A
page holds lines by bucket: first where each bucket ends within the page, then the lines. Buckets
are ranges of the patients' hashes, so that reading them one after the other gives the patients in
the order of their hashes, however many buckets there are.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.audit.files import open_file
from defib_coverage.audit.lines import read_lines
from defib_coverage.audit.scanning import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from defib_coverage.audit.cohort import Cohort
    from defib_coverage.audit.inputs import InputFile, Slice
    from defib_coverage.audit.scanning import Place

_PAGE = 8 << 20
_FRAME = struct.Struct("<IQI")
_SIZE = array("Q").itemsize
_HASHES = 1 << 32


class Wanted(NamedTuple):
    """What is kept of a slice: the lines at some places."""

    file: InputFile
    piece: Slice
    places: Iterable[Place]


class Kept(NamedTuple):
    """A line that was kept: where it stands, and its text."""

    slice: int
    number: int
    text: bytes


def bucket_of(one: int, buckets: int) -> int:
    """The bucket of a hash."""
    return one * buckets // _HASHES


def weigh(places: Path, cohort: Cohort) -> int:
    """How many bytes of a slice are kept."""
    return sum(place.length for place in places_of(places, cohort))


def keep(wanted: Iterable[Wanted], buckets: int, to: Path) -> None:
    """Write the lines of slices that are kept.

    Raises:
        OSError: a file cannot be read, or ``to`` not written.
    """
    part = to.with_suffix(".part")
    with part.open("wb") as out:
        pages = _Pages(out, buckets)
        for one in wanted:
            for place, text in texts_at(one.file, one.piece, one.places):
                pages.add(place, one.piece.number, text)
        pages.flush()
    part.replace(to)


def texts_at(
    file: InputFile, piece: Slice, wanted: Iterable[Place]
) -> Iterator[tuple[Place, bytes]]:
    """The lines of a slice at some places, in the order of the lines.

    Raises:
        OSError: the file cannot be read.
    """
    return _streamed(file, piece, wanted) if piece.end is None else _looked_up(file, wanted)


def _looked_up(file: InputFile, wanted: Iterable[Place]) -> Iterator[tuple[Place, bytes]]:
    """The lines of a file that can be read from any place."""
    with open_file(file.path) as raw:
        for place in wanted:
            raw.seek(place.offset)
            yield place, raw.read(place.length)


def _streamed(
    file: InputFile, piece: Slice, wanted: Iterable[Place]
) -> Iterator[tuple[Place, bytes]]:
    """The lines of a file that can only be read from its beginning."""
    lines = read_lines(file, piece)
    line = None
    for place in wanted:
        while line is None or line.number != place.number:
            line = next(lines)
        yield place, line.text


class _Pages:
    """Writes pages, none of which is much larger than what may be held in memory."""

    def __init__(self, out: BinaryIO, buckets: int) -> None:
        self._out = out
        self._buckets = buckets
        self._held: dict[int, list[bytes]] = {}
        self._size = 0
        self._last: tuple[int, int, int] | None = None

    def add(self, place: Place, number: int, text: bytes) -> None:
        bucket = bucket_of(place.hash, self._buckets)
        # A Bundle of several patients of one bucket is kept in it once.
        if self._last == (number, place.number, bucket):
            return
        self._last = (number, place.number, bucket)
        frame = _FRAME.pack(number, place.number, len(text))
        self._held.setdefault(bucket, []).extend((frame, text))
        self._size += len(frame) + len(text)
        if self._size >= _PAGE:
            self.flush()

    def flush(self) -> None:
        if not self._held:
            return
        ends = array("Q")
        end = 0
        for bucket in range(self._buckets):
            end += sum(map(len, self._held.get(bucket, ())))
            ends.append(end)
        ends.tofile(self._out)
        for bucket in sorted(self._held):
            self._out.writelines(self._held[bucket])
        self._held = {}
        self._size = 0


def size_of(bucket: int, buckets: int, folder: Path) -> int:
    """How many bytes a bucket holds."""
    return sum(end - start for _, start, end in _ranges(bucket, buckets, folder))


def kept(bucket: int, buckets: int, folder: Path) -> Iterator[Kept]:
    """The lines of a bucket, in the order of slices and lines.

    Raises:
        OSError: the folder cannot be read.
    """
    for path, start, end in _ranges(bucket, buckets, folder):
        if start == end:
            continue
        with path.open("rb") as file:
            file.seek(start)
            data = memoryview(file.read(end - start))
        at = 0
        while at < len(data):
            number, line, length = _FRAME.unpack_from(data, at)
            at += _FRAME.size
            yield Kept(number, line, bytes(data[at : at + length]))
            at += length


def _ranges(bucket: int, buckets: int, folder: Path) -> Iterator[tuple[Path, int, int]]:
    """Where the parts of a bucket stand: file, first byte, and the byte after the last."""
    for path in sorted(folder.glob("*.pages")):
        whole = path.stat().st_size
        page = 0
        with path.open("rb") as file:
            while page < whole:
                first = page + buckets * _SIZE
                ends = [_end(file, page, one) if one >= 0 else 0 for one in (bucket - 1, bucket)]
                yield path, first + ends[0], first + ends[1]
                page = first + _end(file, page, buckets - 1)


def _end(file: BinaryIO, page: int, bucket: int) -> int:
    """Where a bucket ends within the lines of a page."""
    file.seek(page + bucket * _SIZE)
    found = array("Q")
    found.frombytes(file.read(_SIZE))
    return found[0]
