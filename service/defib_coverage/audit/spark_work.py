"""What the processes of a Spark cluster do: read slices, keep lines, judge patients.

Each of these is handed batches of rows and gives batches back; it holds one batch, or the lines of
one patient, at a time, and may be done again where a process was lost.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa
from pyspark import SparkFiles

from defib_coverage import __version__
from defib_coverage.audit.cohort import Cohort
from defib_coverage.audit.examining import Judged, examine
from defib_coverage.audit.heads import Unusable
from defib_coverage.audit.job import shared_records, tools
from defib_coverage.audit.keeping import Kept
from defib_coverage.audit.lines import read_lines
from defib_coverage.audit.records import Gathering
from defib_coverage.audit.scanning import hash_of, paths_of, scan
from defib_coverage.audit.tasks import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyspark import Broadcast

    from defib_coverage.audit.heads import Heads
    from defib_coverage.audit.job import Job, Lines, Tools

DIGEST = "digest"
DONE = "json"
COUNTS = "counts"
_CHUNK = 1 << 20
_BATCH = 4 << 20


class Columns(NamedTuple):
    """The columns of a table, in Spark's words, and the one whose bytes make a batch large."""

    ddl: str
    schema: pa.Schema


FOUND = Columns(
    "number bigint, name string, data binary",
    pa.schema([("number", pa.int64()), ("name", pa.string()), ("data", pa.binary())]),
)
"""What a slice, or a file, holds: its number, which of its files (``scanning.Paths``), a piece."""
KEPT = Columns(
    "hash bigint, patient string, piece bigint, line bigint, kind string, text binary",
    pa.schema(
        [
            ("hash", pa.int64()),
            ("patient", pa.string()),
            ("piece", pa.int64()),
            ("line", pa.int64()),
            ("kind", pa.string()),
            ("text", pa.binary()),
        ]
    ),
)
"""A record that is kept: whose it is, where it stands, and its text."""
ROWS = Columns(
    "kind string, text binary", pa.schema([("kind", pa.string()), ("text", pa.binary())])
)
"""What patients came to: ``rows`` and ``rejects``, and the ``counts`` of each part."""


def in_batches(rows: Iterable[tuple[object, ...]], columns: Columns) -> Iterator[pa.RecordBatch]:
    """Rows as batches, none much larger than what may be held; their last column is bytes."""
    held: list[tuple[object, ...]] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row[-1])  # type: ignore[arg-type]  # bytes
        if size >= _BATCH:
            yield _batch(held, columns)
            held, size = [], 0
    if held:
        yield _batch(held, columns)


def _batch(rows: Sequence[tuple[object, ...]], columns: Columns) -> pa.RecordBatch:
    arrays = [
        pa.array(values, type=field.type)
        for values, field in zip(zip(*rows, strict=True), columns.schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=columns.schema)


def _places(batches: Iterable[pa.RecordBatch], tasks: Sequence[range]) -> Iterator[int]:
    """What is to be done by the tasks whose numbers these are."""
    for batch in batches:
        for number in batch.column(0).to_pylist():
            yield from tasks[number]


def _tools(job: Job) -> Tools:
    """The tools of this process, which must be those of the machine that began the run.

    Raises:
        ValueError: the package or the site's own files are others here.
    """
    made = tools(job.spec)
    if (made.judge.knowledge.digest, __version__) != (job.digest, job.version):
        message = f"{gethostname()} has another version of defib-coverage, its rules or codes"
        raise ValueError(message)
    return made


class Read(NamedTuple):
    """Reads slices, and takes the digests of files: both are numbers.

    ``tasks`` are those that are done together: places among the slices, and then the files.
    """

    job: Job
    slices: tuple[int, ...]
    files: tuple[int, ...]
    tasks: tuple[range, ...]

    def work(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """What the slices and files of these tasks hold."""
        places = _places(batches, self.tasks)
        return in_batches((row for one in places for row in self._one(one)), FOUND)

    def _one(self, at: int) -> Iterator[tuple[object, ...]]:
        if at >= len(self.slices):
            number = self.files[at - len(self.slices)]
            yield number, DIGEST, digest_of(self.job.files[number]).encode()
            return
        piece = self.job.slices[self.slices[at]]
        with tempfile.TemporaryDirectory() as folder:
            heads = _tools(self.job).heads
            scanned = scan(self.job.files[piece.file], piece, heads, Path(folder))
            paths = paths_of(Path(folder), piece.number)
            for path in (paths.orders, paths.shared, paths.rejects):
                with path.open("rb") as file:
                    first = True
                    while (data := file.read(_CHUNK)) or first:
                        first = False
                        yield piece.number, path.suffix[1:], data
            yield piece.number, DONE, msgspec.json.encode(scanned)


class Keep(NamedTuple):
    """Keeps the records of patients who may have an order of ours; ``tasks``: of slices."""

    job: Job
    cohort: Broadcast[bytes]
    shared: str
    tasks: tuple[range, ...]

    def work(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The records that are kept of the slices of these tasks."""
        cohort = Cohort(self.cohort.value)
        heads = _tools(self.job).heads
        gathering = Gathering(heads, shared_records(SparkFiles.get(self.shared)))
        rows = (
            (hash_of(patient), patient, one, line.number, kind, text)
            for one in _places(batches, self.tasks)
            for line in self._lines(one, heads, cohort)
            for kind, patient, text in gathering.of_line(line)
            if hash_of(patient) in cohort
        )
        return in_batches(rows, KEPT)

    def _lines(self, number: int, heads: Heads, cohort: Cohort) -> Iterator[Kept]:
        """The lines of a slice that hold a record of the cohort, or of others in a Bundle."""
        piece = self.job.slices[number]
        for line in read_lines(self.job.files[piece.file], piece):
            if line.number is None or not line.text:
                continue
            try:
                head = heads.read(line.text)
            except Unusable:
                continue
            if head.kind == "bundle" or any(hash_of(one) in cohort for one in head.patients):
                yield Kept(number, line.number, line.text)


class Group(NamedTuple):
    """Judges patients, whose lines come one after the other."""

    job: Job
    lines: Lines
    shared: str

    def work(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of the patients of these records, and their counts."""
        return in_batches(self._rows(batches), ROWS)

    def _rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[object, ...]]:
        with_ = _tools(self.job)
        shared = shared_records(SparkFiles.get(self.shared))
        gathering = Gathering(with_.heads, shared)
        counts = Judged()
        for patient, lines in _groups(batches):
            found = gathering.patient(patient, lines)
            examined = examine(found, with_.judge, shared, self.lines, counts)
            yield from (("rows", text) for text in examined.rows)
            yield from (("rejects", text) for text in examined.rejects)
        yield COUNTS, msgspec.json.encode(counts)


def _groups(
    batches: Iterable[pa.RecordBatch],
) -> Iterator[tuple[str, list[tuple[str, Kept]]]]:
    """The records of each patient, also where they lie in several batches.

    Raises:
        ValueError: a patient comes again after their group was closed: the rows are out of order.
    """
    last = (-1, "")
    lines: list[tuple[str, Kept]] = []
    for batch in batches:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            hash_, patient, piece, line, kind, text = row
            key = (hash_, patient)
            if key != last:
                if key < last:
                    message = "the records of a patient came apart"
                    raise ValueError(message)
                if lines:
                    yield last[1], lines
                last, lines = key, []
            lines.append((kind, Kept(piece, line, text)))
    if lines:
        yield last[1], lines
