"""A patient's rows as text, and what is counted on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.audit.rows import Source, in_order, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.audit.job import Lines
    from defib_coverage.audit.judging import Judge, JudgedOrder
    from defib_coverage.audit.records import Patient
    from defib_coverage.audit.rows import Row
    from defib_coverage.audit.shared import SharedRecords

_encode = msgspec.json.Encoder().encode


class RejectedRow(msgspec.Struct, frozen=True):
    """What could not be used, as the file of rejects tells it."""

    file: str
    line: int | None
    reason: str
    part: str | None = None


class Judged(msgspec.Struct):
    """What was judged, in numbers.

    ``patients`` have an order of ours; ``records`` are theirs, of which ``older`` were an older
    state or the same again, and ``deleted`` are gone by now. ``passed`` are records that were kept
    and belong to nobody with such an order. ``unjudged`` may hold an order and could not be read.
    """

    patients: int = 0
    orders: int = 0
    records: int = 0
    older: int = 0
    deleted: int = 0
    passed: int = 0
    unjudged: int = 0
    by_status: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, other: Judged) -> None:
        """Add other numbers."""
        for name in self.__struct_fields__[:-1]:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for status, number in other.by_status.items():
            self.by_status[status] = self.by_status.get(status, 0) + number


class Examined(NamedTuple):
    """The rows of a patient and their rejects, each one line of JSON."""

    rows: list[bytes]
    rejects: list[bytes]


def examine(
    patient: Patient, judge: Judge, shared: SharedRecords, lines: Lines, counts: Judged
) -> Examined:
    """Judge one patient.

    Args:
        patient: their records.
        judge: judges them.
        shared: what their records may point at.
        lines: tells where they stand.
        counts: what is counted is added here.
    """
    judged, refused = judge.judge(patient, shared)
    counts.unjudged += len(refused)
    if judged or refused:
        counts.patients += bool(judged)
        counts.records += patient.read
        counts.older += patient.older
        counts.deleted += patient.deleted
    else:
        counts.passed += patient.read
    counts.orders += len(judged)
    rows = in_order([_row(one, patient, lines) for one in judged])
    for row in rows:
        counts.by_status[row.status] = counts.by_status.get(row.status, 0) + 1
    rejects = (
        RejectedRow(*lines.place(one.record.slice, one.record.number), one.reason, one.part)
        for one in refused
    )
    return Examined(_texts(rows), _texts(rejects))


def _row(judged: JudgedOrder, patient: Patient, lines: Lines) -> Row:
    file, line = lines.place(judged.record.slice, judged.record.number)
    found = judged.found
    source = Source(
        kind=judged.determination.order.reference.partition("/")[0],
        performed=found is not None and found.performed,
        file=file,
        line=line,
        known_at=judged.known_at,
        site=None if found is None else found.site,
        operator=None if found is None else found.operator,
        same_day=judged.same_day,
    )
    return row_of(judged.determination, patient.key, source)


def _texts(rows: Iterable[msgspec.Struct]) -> list[bytes]:
    return [_encode(row) + b"\n" for row in rows]
