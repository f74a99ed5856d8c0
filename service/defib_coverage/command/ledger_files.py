"""The ledger written to files of other formats: whole, or not at all."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, Protocol

import msgspec

from defib_coverage.command.new_file import new_file
from defib_coverage.documents.document import InputError
from defib_coverage.ledger.departures import departed, departures
from defib_coverage.ledger.exporting import PART, decisions, expected, feedback
from defib_coverage.ledger.fhir_events import audit_event, provenance
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defib_coverage.command.ledger_open import Books
    from defib_coverage.ledger.exporting import Expected
    from defib_coverage.ledger.report import Period

Format = Literal["ndjson", "parquet", "fhir"]
_encode = msgspec.json.Encoder().encode


class Written(NamedTuple):
    """The files with their numbers of rows, and what the rows of the days say."""

    files: dict[Path, int]
    expected: Expected


class Sink(Protocol):
    """Where rows go."""

    def write(self, rows: list[msgspec.Struct]) -> None:
        """Write a part."""


class Opener(Protocol):
    """Makes a sink of a file for ``decisions``, ``feedback`` or ``differences``."""

    def __call__(self, file: BinaryIO, kind: str, /) -> AbstractContextManager[Sink]:
        """Open it."""


def export(
    books: Books, period: Period, folder: Path, form: Format, *, with_comments: bool
) -> Written:
    """Write the rows of a period to files in a folder.

    Raises:
        InputError: the folder cannot be written to, a file is there already, or rows were lost.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            written = _export(books, period, folder, form, stack, with_comments=with_comments)
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror})"
        raise InputError(message) from error
    return written


def _export(  # noqa: PLR0913 - what an export is made of
    books: Books,
    period: Period,
    folder: Path,
    form: Format,
    stack: ExitStack,
    *,
    with_comments: bool,
) -> Written:
    connection, secrets = books
    due = expected(connection, period)
    if form == "fhir":
        both = (folder / "audit-events.ndjson", folder / "provenances.ndjson")
        events, origins = (stack.enter_context(new_file(path)) for path in both)
        number, base = 0, read_settings(os.environ).canonical_base
        for row in decisions(connection, period):
            events.write(_encode(audit_event(row, base)) + b"\n")
            origins.write(_encode(provenance(row, base)) + b"\n")
            number += 1
        return Written(dict.fromkeys(both, number), due)
    opened = _opener(form)
    rows: dict[str, Iterable[msgspec.Struct]] = {
        "decisions": decisions(connection, period),
        "feedback": feedback(connection, period, secrets if with_comments else None),
    }
    if departed(connection, period):
        rows["differences"] = departures(connection, period)
    paths = {kind: folder / f"{kind}.{form}" for kind in rows}
    files = {kind: stack.enter_context(new_file(path)) for kind, path in paths.items()}
    sinks = {kind: stack.enter_context(opened(file, kind)) for kind, file in files.items()}
    numbers = {paths[kind]: _pour(found, sinks[kind]) for kind, found in rows.items()}
    there = sum(numbers.values())
    if there != due.rows:
        message = (
            f"the days have {due.rows} rows, but {there} are there: nothing was written. "
            "Run defib-coverage ledger verify"
        )
        raise InputError(message)
    return Written(numbers, due)


def _opener(form: Format) -> Opener:
    """What makes a sink of a file, and of the kind of its rows."""
    if form == "ndjson":
        return _lines
    try:
        from defib_coverage.command.ledger_parquet import columns  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        message = "--format parquet: needs pyarrow: pip install 'defib-coverage[parquet]'"
        raise InputError(message) from error
    return columns


class _Lines:
    """Writes a JSON object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, rows: list[msgspec.Struct]) -> None:
        self._file.write(b"".join(_encode(row) + b"\n" for row in rows))


@contextmanager
def _lines(file: BinaryIO, _: str) -> Iterator[Sink]:
    yield _Lines(file)


def _pour(rows: Iterable[msgspec.Struct], sink: Sink) -> int:
    """Write rows a part at a time; how many there were."""
    number = 0
    part: list[msgspec.Struct] = []
    for row in rows:
        part.append(row)
        if len(part) == PART:
            sink.write(part)
            number += len(part)
            part = []
    sink.write(part)
    return number + len(part)
