"""The rows of an audit as columns of a Parquet file; needs pyarrow, which is an extra."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import pyarrow as pa
from pyarrow import parquet

from defib_coverage.audit.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = pa.list_(pa.string())
_PAIR = pa.struct([("primary", pa.string()), ("any_of", _WORDS), ("supported", _WORDS)])
_WINDOW = pa.struct(
    [
        ("event", pa.string()),
        ("event_date", pa.string()),
        ("reference", pa.string()),
        ("last_excluded_day", pa.date32()),
        ("first_eligible_day", pa.date32()),
        ("days_remaining", pa.int64()),
        ("certainty", pa.string()),
        ("applies", pa.bool_()),
        ("exception", pa.string()),
    ]
)
_SCHEMA = pa.schema(
    [
        ("patient", pa.string()),
        ("reference", pa.string()),
        ("kind", pa.string()),
        ("performed", pa.bool_()),
        ("system", pa.string()),
        ("code", pa.string()),
        ("class", pa.string()),
        ("service_date", pa.date32()),
        ("service_date_basis", pa.string()),
        ("depends_on", pa.string()),
        ("policy_version", pa.string()),
        ("status", pa.string()),
        ("indications_met", _WORDS),
        ("missing_secondary", pa.list_(_PAIR)),
        ("waiting_periods", pa.list_(_WINDOW)),
        ("earliest_eligible_date", pa.date32()),
        ("warnings", _WORDS),
        ("findings", _WORDS),
        ("coverage", pa.string()),
        ("known_at", pa.date32()),
        ("site", pa.string()),
        ("operator", pa.string()),
        ("same_day", _WORDS),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("determination", pa.string()),
    ]
)
_AT_A_TIME = 500
_decode = msgspec.json.Decoder(Row).decode


class Columns:
    """Takes rows, and writes them some at a time."""

    def __init__(self, writer: parquet.ParquetWriter) -> None:
        """Write to ``writer``."""
        self._writer = writer
        self._held: list[dict[str, Any]] = []

    def add(self, text: bytes) -> None:
        """Take a row as its line of JSON."""
        self._held.append(_columns(_decode(text), text))
        if len(self._held) == _AT_A_TIME:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            self._writer.write_table(pa.Table.from_pylist(self._held, schema=_SCHEMA))
            self._held = []


@contextmanager
def columns(file: BinaryIO) -> Iterator[Columns]:
    """Write rows to a file as columns; ``determination`` holds the whole row as JSON."""
    with parquet.ParquetWriter(file, _SCHEMA, compression="zstd") as writer:
        found = Columns(writer)
        yield found
        found.flush()


def _columns(row: Row, text: bytes) -> dict[str, Any]:
    order, source = row.order, row.audit
    return {
        "patient": row.patient,
        "reference": order.reference,
        "kind": source.kind,
        "performed": source.performed,
        "system": order.system,
        "code": order.code,
        "class": order.class_,
        "service_date": order.service_date,
        "service_date_basis": order.service_date_basis,
        "depends_on": order.depends_on,
        "policy_version": None if row.policy is None else row.policy.version,
        "status": row.status,
        "indications_met": row.indications_met,
        "missing_secondary": [msgspec.structs.asdict(one) for one in row.missing_secondary],
        "waiting_periods": [msgspec.structs.asdict(one) for one in row.waiting_periods],
        "earliest_eligible_date": row.earliest_eligible_date,
        "warnings": [one.code for one in row.findings if one.severity == "warning"],
        "findings": [one.code for one in row.findings],
        "coverage": None if row.coverage is None else row.coverage.standing,
        "known_at": source.known_at,
        "site": source.site,
        "operator": source.operator,
        "same_day": source.same_day,
        "file": source.file,
        "line": source.line,
        "determination": text.rstrip(b"\n").decode(),
    }
