"""The first pass: every line of a slice is read once, and its place kept under whose it is.

What is known of a slice afterwards stands in files of its own, so that a run which was broken off
goes on with the slices that it had not come to.
"""

from __future__ import annotations

import zlib
from array import array
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from defib_coverage.audit.bundles import Part, take_apart
from defib_coverage.audit.heads import Head, Unusable
from defib_coverage.audit.lines import Line, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from defib_coverage.audit.cohort import Cohort
    from defib_coverage.audit.heads import Heads
    from defib_coverage.audit.inputs import InputFile, Slice

_FLUSH = 1 << 16
_PER_PLACE = 3
_LOW = 0xFFFFFFFF
_encode = msgspec.json.Encoder().encode


class Reject(msgspec.Struct, frozen=True):
    """What could not be used: where it stands, and why, without what it says.

    ``line`` counts from 1 within its slice, until the lines of all slices are known. ``part`` is an
    entry of a line that holds several.
    """

    slice: int
    line: int | None
    reason: str
    part: str | None = None


class Scanned(msgspec.Struct):
    """What a slice holds, in numbers.

    ``lines`` = ``blank`` + ``rejected`` + those that were read. These hold ``records`` of patients
    (one of several patients counts for each), ``shared``, ``unread`` and ``nobody`` records (see
    ``heads.Head``), ``requests`` and ``deletions``; ``rejected_parts`` are entries of Bundles,
    ``broken`` files that end early.
    """

    lines: int = 0
    blank: int = 0
    rejected: int = 0
    rejected_parts: int = 0
    broken: int = 0
    records: int = 0
    shared: int = 0
    unread: int = 0
    nobody: int = 0
    requests: int = 0
    deletions: int = 0
    bundles: int = 0
    bundle_entries: int = 0

    def add(self, other: Scanned) -> None:
        """Add the numbers of another slice."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Place(NamedTuple):
    """Where a line stands that holds a record of a patient: whose, as a hash, and where."""

    hash: int
    number: int
    offset: int
    length: int


class Paths(NamedTuple):
    """The files that the scan of a slice leaves; ``done`` comes last."""

    places: Path
    orders: Path
    shared: Path
    rejects: Path
    done: Path


def paths_of(folder: Path, number: int) -> Paths:
    """The files of a slice in the folder of scans."""
    stem = f"{number:06}"
    endings = ("places", "orders", "shared", "rejects", "json")
    return Paths(*(folder / f"{stem}.{ending}" for ending in endings))


def hash_of(patient: str) -> int:
    """The hash of a patient's key: 32 bits, the same in every process and on every machine."""
    return zlib.crc32(patient.encode())


def scan(file: InputFile, piece: Slice, heads: Heads, folder: Path) -> Scanned:
    """Read a slice, and write down what it holds in all of its files but ``done``.

    Raises:
        OSError: the file cannot be read, or the folder not written to.
    """
    paths = paths_of(folder, piece.number)
    with ExitStack() as stack:
        places, orders, shared, rejects = (
            stack.enter_context(path.open("wb")) for path in paths[:-1]
        )
        scan_ = _Scan(piece.number, heads, _Spools(places, orders, shared, rejects))
        for line in read_lines(file, piece):
            scan_.take(line)
        scan_.flush()
    return scan_.scanned


class _Spools(NamedTuple):
    places: BinaryIO
    orders: BinaryIO
    shared: BinaryIO
    rejects: BinaryIO


class _Scan:
    """The scan of one slice."""

    def __init__(self, number: int, heads: Heads, spools: _Spools) -> None:
        self.scanned = Scanned()
        self._number = number
        self._read = heads.read
        self._spools = spools
        self._places = array("Q")
        self._orders: set[int] = set()

    def take(self, line: Line) -> None:
        """Take one line."""
        scanned = self.scanned
        if line.number is None:
            scanned.broken += 1
            self._reject(None, line.fault or "")
            return
        scanned.lines += 1
        text = line.text
        if line.fault is not None:
            scanned.rejected += 1
            self._reject(line, line.fault)
            return
        try:
            head = self._read(text)
        except Unusable as unusable:
            if not text.strip():
                scanned.blank += 1
                return
            scanned.rejected += 1
            self._reject(line, str(unusable))
            return
        if head.kind == "record":
            scanned.records += len(head.patients)
            self._place(line, head)
        else:
            self._other(line, head)

    def _place(self, line: Line, head: Head) -> None:
        places = self._places
        length = len(line.text)
        for patient in head.patients:
            key = zlib.crc32(patient.encode())
            places.extend((key << 32 | length, line.offset, line.number or 0))
            if head.order:
                self._orders.add(key)
        if len(places) >= _FLUSH * _PER_PLACE:
            self.flush_places()

    def _other(self, line: Line, head: Head) -> None:
        scanned = self.scanned
        match head.kind:
            case "unread":
                scanned.unread += 1
            case "nobody":
                scanned.nobody += 1
            case "shared":
                scanned.shared += 1
                self._share(line.text)
            case "request":
                scanned.requests += 1
                self._place(line, head)
            case _:
                scanned.bundles += 1
                self._bundle(line)

    def _share(self, text: bytes) -> None:
        self._spools.shared.write(text.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")

    def _bundle(self, line: Line) -> None:
        """The entries of a Bundle, each as if it stood on a line of its own."""
        try:
            parts = take_apart(line.text)
        except Unusable as unusable:
            self.scanned.bundles -= 1
            self.scanned.rejected += 1
            self._reject(line, str(unusable))
            return
        patients: dict[str, bool] = {}
        for part in parts:
            self.scanned.bundle_entries += 1
            self._part(line, part, patients)
        for patient, order in patients.items():
            self._place(line, Head("bundle", (patient,), order))

    def _part(self, line: Line, part: Part, patients: dict[str, bool]) -> None:
        scanned = self.scanned
        if part.deleted is not None:
            scanned.deletions += 1
            self._share(_encode({"deleted": part.deleted}))
            return
        try:
            head = self._read(part.text)
            if head.kind in {"bundle", "request"}:
                message = f"a {head.kind} inside a Bundle"
                raise Unusable(message)  # noqa: TRY301 - rejected like any other
        except Unusable as unusable:
            scanned.rejected_parts += 1
            self._reject(line, str(unusable), part.name)
            return
        if head.kind == "record":
            scanned.records += len(head.patients)
            for patient in head.patients:
                patients[patient] = patients.get(patient, False) or head.order
        elif head.kind == "shared":
            scanned.shared += 1
            self._share(part.text)
        elif head.kind == "unread":
            scanned.unread += 1
        else:
            scanned.nobody += 1

    def _reject(self, line: Line | None, reason: str, part: str | None = None) -> None:
        number = None if line is None or line.number is None else line.number + 1
        self._spools.rejects.write(_encode(Reject(self._number, number, reason, part)) + b"\n")

    def flush_places(self) -> None:
        """Write the places so far, so that none are held of a slice of any size."""
        self._places.tofile(self._spools.places)
        del self._places[:]

    def flush(self) -> None:
        """Write what is still held."""
        self.flush_places()
        array("I", sorted(self._orders)).tofile(self._spools.orders)


def places_of(path: Path, cohort: Cohort) -> Iterator[Place]:
    """The places of the cohort's patients in a slice, in the order of its lines."""
    with path.open("rb") as file:
        while True:
            block = array("Q")
            block.frombytes(file.read(_FLUSH * _PER_PLACE * block.itemsize))
            if not block:
                return
            keys = block[::_PER_PLACE]
            for found in cohort.find(keys):
                at = found * _PER_PLACE
                yield Place(keys[found] >> 32, block[at + 2], block[at + 1], keys[found] & _LOW)


def orders_of(path: Path) -> array[int]:
    """The hashes of the patients of a slice that may have an order of ours."""
    found = array("I")
    found.frombytes(path.read_bytes())
    return found
