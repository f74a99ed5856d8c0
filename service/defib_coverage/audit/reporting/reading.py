"""An audit's folder, read: a line at a time, and refused where it is no whole audit."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import msgspec

from defib_coverage.audit.manifest import check_output
from defib_coverage.audit.names import REJECTS, ROWS
from defib_coverage.audit.reporting.rows import Reject, Row
from defib_coverage.documents.document import InputError
from defib_coverage.fhir.raw import BAD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from defib_coverage.audit.manifest import Manifest

# A determination with the longest chart behind it is far smaller; a longer line is no row.
_LONGEST_LINE = 64 * 1024 * 1024
# Reasons are sentences of ours and few; should they ever name what was read, memory stays bounded.
_MOST_REASONS = 200
_OTHER_REASONS = "(other reasons)"

_Line = TypeVar("_Line")


def read_rows(folder: Path, manifest: Manifest) -> Iterator[Row]:
    """The rows, one after another; held against what the manifest counts.

    Raises:
        InputError: a line is damaged, out of order or was changed, or lines are missing.
    """
    path = folder / ROWS
    last: tuple[int, str, date, str] | None = None
    statuses: Counter[str] = Counter()
    for number, row in _lines(path, Row):
        place = (zlib.crc32(row.patient.encode()), row.patient)
        key = (*place, row.order.service_date, row.order.reference)
        if last is not None and key < last:
            # What belongs to one event would be counted as two.
            message = f"{path}: line {number}: is not where it belongs: the rows are not in order"
            raise InputError(message)
        last = key
        statuses[row.status] += 1
        yield row
    due = manifest.counts
    if statuses.total() != due.orders:
        message = (
            f"{path}: rows: {statuses.total()}, counted by the manifest: {due.orders}. "
            "The audit is not finished, or was changed"
        )
        raise InputError(message)
    if due.by_status and +Counter(due.by_status) != +statuses:
        message = f"{path}: its statuses are not those that the manifest counts: it was changed"
        raise InputError(message)
    check_output(folder, ROWS, manifest)


def count_rejects(folder: Path, manifest: Manifest) -> Counter[str]:
    """How many lines were rejected for each reason.

    Raises:
        InputError: there is no list of them, it is damaged or was changed, or lines are missing.
    """
    path = folder / REJECTS
    if not path.is_file():
        if manifest.counts.rejects:
            message = f"{folder}: holds no {REJECTS}, the manifest counts some"
            raise InputError(message)
        return Counter()
    found: Counter[str] = Counter()
    for _, reject in _lines(path, Reject):
        known = reject.reason in found or len(found) < _MOST_REASONS
        found[reject.reason if known else _OTHER_REASONS] += 1
    if found.total() != manifest.counts.rejects:
        message = (
            f"{path}: lines: {found.total()}, counted by the manifest: {manifest.counts.rejects}"
        )
        raise InputError(message)
    check_output(folder, REJECTS, manifest)
    return found


def _lines(path: Path, kind: type[_Line]) -> Iterator[tuple[int, _Line]]:
    decode = msgspec.json.Decoder(kind).decode
    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if not line.endswith(b"\n"):
                    # Also the tail of a file whose writer was stopped.
                    message = f"{path}: line {number}: is cut off"
                    raise InputError(message)
                yield number, decode(line)
    except OSError as error:
        raise _unreadable(path, error) from error
    except BAD as error:
        message = f"{path}: line {number}: is damaged ({_fault(error)})"
        raise InputError(message) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be read ({error.strerror})")


def _fault(error: Exception) -> str:
    """What is wrong, without what the line says: it may be a patient's."""
    if not isinstance(error, msgspec.ValidationError):
        return "no JSON text"
    place = str(error).partition(" - at `$")[2].rstrip("`")
    if "missing required field" in str(error):
        return str(error).partition(" - at ")[0].replace("Object missing", "without the")
    return f"{place.lstrip('.')} is not what it should be" if place else "no JSON object"
