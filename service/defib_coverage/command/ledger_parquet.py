"""The ledger's rows as columns of a Parquet file; needs pyarrow, which is an extra."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import pyarrow as pa
from pyarrow import parquet

from defib_coverage.ledger.departures import DepartureRow
from defib_coverage.ledger.exporting import DecisionRow, FeedbackRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from defib_coverage.command.ledger_files import Sink

_WORDS = pa.list_(pa.string())
_CARD = pa.struct([("id", pa.string()), ("kind", pa.string()), ("suggestions", _WORDS)])
_TYPES = {
    "day": pa.date32(),
    "service_date": pa.date32(),
    "position": pa.int64(),
    "unread": pa.int64(),
    "reasons": _WORDS,
    "time": pa.timestamp("us", tz="UTC"),
    "milliseconds": pa.float64(),
    "findings": _WORDS,
    "indications": _WORDS,
    "suggestions": _WORDS,
    "cards": pa.list_(_CARD),
    "has_comment": pa.bool_(),
}

_ROWS: Mapping[str, type[msgspec.Struct]] = {
    "decisions": DecisionRow,
    "feedback": FeedbackRow,
    "differences": DepartureRow,
}


@contextmanager
def columns(file: BinaryIO, kind: str) -> Iterator[Sink]:
    """A sink that writes columns; what no type is named for is text."""
    fields = _ROWS[kind].__struct_fields__
    schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in fields])
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        yield _Columns(writer, schema)


class _Columns:
    """Writes parts as record batches."""

    def __init__(self, writer: parquet.ParquetWriter, schema: pa.Schema) -> None:
        self._writer = writer
        self._schema = schema

    def write(self, rows: list[msgspec.Struct]) -> None:
        if rows:
            table = pa.Table.from_pylist([_row(row) for row in rows], schema=self._schema)
            self._writer.write_table(table)


def _row(row: msgspec.Struct) -> dict[str, Any]:
    found = msgspec.structs.asdict(row)
    found["time"] = datetime.fromisoformat(found["time"])
    if isinstance(found.get("determination"), msgspec.Raw):
        found["determination"] = bytes(found["determination"]).decode()
    if found.get("difference") is not None:
        found["difference"] = msgspec.json.encode(found["difference"]).decode()
    if "cards" in found:
        found["cards"] = [msgspec.structs.asdict(card) for card in found["cards"]]
    return found
