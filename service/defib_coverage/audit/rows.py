"""A row of an audit: the determination of one order, whose it is, and where it was found."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.determination import Determination

if TYPE_CHECKING:
    from collections.abc import Sequence


class Source(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """How an order was found, beside what is decided of it.

    ``kind`` is the type of the record that it stands in; ``performed`` whether that says that it
    was carried out or billed. ``file`` and ``line`` are where it stands. ``known_at`` is the last
    day whose records counted, None where all did. ``site`` and ``operator`` are where and by whom,
    as the record names them. ``same_day`` are the patient's other orders of ours of that day.
    """

    kind: str
    performed: bool
    file: str
    line: int
    known_at: date | None = None
    site: str | None = None
    operator: str | None = None
    same_day: tuple[str, ...] = ()


class Row(Determination, frozen=True, rename="camel", kw_only=True, gc=False):
    """A determination (the public contract, version 1) with ``patient``, as ``Patient/id``."""

    patient: str
    audit: Source


_MEMBERS = Determination.__struct_fields__


def row_of(found: Determination, patient: str, source: Source) -> Row:
    """The row of an order."""
    members = {name: getattr(found, name) for name in _MEMBERS}
    return Row(patient=patient, audit=source, **members)


def in_order(rows: Sequence[Row]) -> list[Row]:
    """The rows of a patient, by service date and reference."""
    return sorted(rows, key=lambda row: (row.order.service_date, row.order.reference))
