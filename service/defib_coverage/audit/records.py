"""The records of one patient, brought together from wherever they stood."""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.audit.bundles import take_apart
from defib_coverage.audit.heads import Unusable
from defib_coverage.audit.keeping import Kept
from defib_coverage.audit.scanning import hash_of
from defib_coverage.audit.shared import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defib_coverage.audit.heads import Head, Heads
    from defib_coverage.audit.shared import SharedRecords, Version


class Record(NamedTuple):
    """A record as it came: its type, its name, and the line that it stood on.

    One without a usable id is called by a digest of its text.
    """

    type: str
    name: str
    text: bytes
    slice: int
    number: int


class Patient(NamedTuple):
    """One patient: ``key`` is ``Patient/id``.

    ``records`` are in the order of names, each in its newest state; ``requests`` are hook requests
    about them. ``read`` counts the records that came, ``older`` those of them that were an older
    state or the same again, ``deleted`` those that the export says were deleted.
    """

    key: str
    records: tuple[Record, ...]
    requests: tuple[Record, ...] = ()
    read: int = 0
    older: int = 0
    deleted: int = 0

    @property
    def id(self) -> str:
        """The patient's id."""
        return self.key.partition("/")[2]


class Gathering:
    """Brings kept lines together by patient."""

    def __init__(self, heads: Heads, shared: SharedRecords) -> None:
        """Tell by ``heads`` whose a line is, and by ``shared`` what was deleted."""
        self._heads = heads
        self._shared = shared
        self._deletions = shared.any_deleted

    def patients(self, lines: Iterable[Kept], low: int, high: int) -> Iterator[Patient]:
        """The patients whose hash is at least ``low`` and below ``high``, by hash and key.

        Args:
            lines: those of a bucket; lines of other patients among them are passed over.
            low: the first hash.
            high: the hash after the last.
        """
        groups: defaultdict[str, list[tuple[str, Kept]]] = defaultdict(list)
        for line in lines:
            for kind, patient, text in self.of_line(line):
                if low <= hash_of(patient) < high:
                    groups[patient].append((kind, line._replace(text=text)))
        for key in sorted(groups, key=lambda one: (hash_of(one), one)):
            yield self.patient(key, groups.pop(key))

    def of_line(self, line: Kept) -> Iterator[tuple[str, str, bytes]]:
        """What a line holds: each a ``record`` or a ``request``, whose it is, and its text.

        What cannot be used is passed over: it was rejected when it was scanned.
        """
        head = self._heads.read(line.text)
        if head.kind != "bundle":
            yield from ((head.kind, patient, line.text) for patient in head.patients)
            return
        for part in take_apart(line.text):
            inner = self._head(part.text) if part.deleted is None else None
            if inner is not None and inner.kind == "record":
                yield from (("record", patient, part.text) for patient in inner.patients)

    def _head(self, text: bytes) -> Head | None:
        try:
            return self._heads.read(text)
        except Unusable:
            return None

    def patient(self, key: str, lines: Iterable[tuple[str, Kept]]) -> Patient:
        """One patient of the lines about them, each a record or a hook request."""
        newest: dict[str, tuple[Version, Record]] = {}
        requests: list[Record] = []
        older = 0
        for kind, line in lines:
            record, version = _record(line, key)
            if kind == "request":
                requests.append(record)
                continue
            known = newest.get(record.name)
            older += known is not None
            if known is None or (version, record) > known:
                newest[record.name] = (version, record)
        read = len(newest) + older
        gone = self._shared.deleted(newest) if self._deletions else frozenset[str]()
        records = sorted(record for name, (_, record) in newest.items() if name not in gone)
        return Patient(key, tuple(records), tuple(sorted(requests)), read, older, len(gone))


def _record(line: Kept, key: str) -> tuple[Record, Version]:
    """A line as a record, and which state of it this is."""
    text = _by_name(line.text, key)
    kind, name, version = named(text)
    name = name or f"{kind}/unnamed-{blake2b(text, digest_size=8).hexdigest()}"
    return Record(kind, name, text, line.slice, line.number), version


def _by_name(text: bytes, key: str) -> bytes:
    """The text of a record with its patient by the name that the audit has for them."""
    urn = b'"urn:uuid:%s"' % key.partition("/")[2].encode()
    return text.replace(urn, b'"%s"' % key.encode()) if urn in text else text
