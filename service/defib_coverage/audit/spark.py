"""The distributed engine: the same lines, patients and rule on the processes of a Spark cluster.

What stands in the lines comes back to the driver, and so does what each patient came to. Between
the two Spark brings the lines of a patient together, in ranges of the patients' hashes. Needs
pyspark, which is an extra, on the driver, and this package on every machine of the cluster.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import msgspec
from py4j.protocol import Py4JError
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql.functions import expr

from defib_coverage.audit.engine import Outcome
from defib_coverage.audit.examining import Judged
from defib_coverage.audit.inputs import TOGETHER, together, weights_of
from defib_coverage.audit.job import lines_of
from defib_coverage.audit.scanning import Scanned, paths_of
from defib_coverage.audit.spark_session import session
from defib_coverage.audit.spark_work import (
    COUNTS,
    DIGEST,
    DONE,
    FOUND,
    KEPT,
    ROWS,
    Group,
    Keep,
    Read,
)
from defib_coverage.audit.work import (
    Folders,
    digests_of,
    finish,
    finished,
    is_there,
    meet,
    put,
    rejects_of,
    row_paths,
    rows_of,
)
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from defib_coverage.audit.engine import Progress
    from defib_coverage.audit.job import Job, Lines

# Bytes of the input that are behind one part of the patients: what is kept of them is less.
_PART = 128 << 20
_LONGEST = 300
# Tasks of a stage: the driver keeps track of each.
_MOST_TASKS = 4000
# Tasks that each processor has even of a small input.
_LEAST_TASKS = 4


class Spark:
    """Runs jobs on a Spark cluster."""

    name = "spark"

    def __init__(self, master: str | None) -> None:
        """Use the cluster of ``master``, such as ``local[2]``; None: that of spark-submit."""
        self._master = master

    def run(self, job: Job, work: Path, progress: Progress) -> Outcome:
        """Run a job; see ``Engine``."""
        folders = Folders(work)
        folders.make()
        spark_folder = work / "spark"
        spark_folder.mkdir(exist_ok=True)
        with _told(), session(self._master, spark_folder.resolve()) as spark:
            scanned = _scan(spark, job, folders, progress)
            meet(job, folders)
            lines = lines_of(job.files, job.slices, [one.lines for one in scanned])
            judged = _judge(spark, job, folders, lines, progress)
        return Outcome(
            tuple(scanned),
            judged,
            rows_of(folders, 1),
            rejects_of(job, folders, 1, lines),
            digests_of(job, folders),
        )


@contextmanager
def _told() -> Iterator[None]:
    """What went wrong on the cluster, in one line.

    Raises:
        InputError: something did.
    """
    try:
        yield
    except (PySparkException, Py4JError) as error:
        lines = str(error).strip().splitlines() or [""]
        message = f"Spark gave up: {lines[-1].strip()[:_LONGEST]}"
        raise InputError(message) from error


def _scan(spark: SparkSession, job: Job, folders: Folders, progress: Progress) -> list[Scanned]:
    """Read what no earlier run has read."""
    slices = tuple(n for n in range(len(job.slices)) if _known(folders, n) is None)
    files = tuple(n for n in range(len(job.files)) if not is_there(folders.digest(n)))
    todo = len(slices) + len(files)
    progress.stage("Reading", todo, "pieces")
    if todo:
        weights = weights_of(job.files, [job.slices[n] for n in slices])
        tasks = _tasks(spark, [*weights, *(job.files[n].size for n in files)])
        read = Read(job, slices, files, tasks)
        table = _numbered(spark, len(tasks)).mapInArrow(read.work, FOUND.ddl)
        with _computed(table) as found:
            _write(found, folders, progress)
    return [
        msgspec.json.decode(_known(folders, n) or b"", type=Scanned) for n in range(len(job.slices))
    ]


def _known(folders: Folders, number: int) -> bytes | None:
    """What an earlier run, or this one, found in a slice."""
    paths = paths_of(folders.scans, number)
    return finished(paths.done, [paths.orders, paths.shared, paths.rejects])


def _write(found: DataFrame, folders: Folders, progress: Progress) -> None:
    """Write what slices hold as the scan of this machine would, the last file last."""
    open_name = None
    with ExitStack() as stack:
        for row in found.toLocalIterator():
            if row.name == DIGEST:
                put(folders.digest(row.number), bytes(row.data))
                progress.advance(1)
                continue
            if row.name == DONE:
                stack.close()
                paths = paths_of(folders.scans, row.number)
                left = [paths.orders, paths.shared, paths.rejects]
                finish(paths.done, left, bytes(row.data))
                progress.advance(1)
                continue
            name = f"{row.number:06}.{row.name}"
            if name != open_name:
                stack.close()
                file = stack.enter_context((folders.scans / name).open("wb"))
                open_name = name
            file.write(row.data)


def _judge(
    spark: SparkSession, job: Job, folders: Folders, lines: Lines, progress: Progress
) -> Judged:
    """Judge every patient of the cohort, unless that was done."""
    paths = row_paths(folders.rows, 0)
    progress.stage("Judging", 1, "step")
    known = finished(paths.done, paths[:-1])
    if known is not None:
        return msgspec.json.decode(known, type=Judged)
    context = spark.sparkContext
    cohort = context.broadcast(folders.cohort.read_bytes())
    context.addFile(str(folders.shared.resolve()))
    shared = folders.shared.name
    parts = max(sum(file.size for file in job.files) // _PART, context.defaultParallelism)
    tasks = _tasks(spark, weights_of(job.files, job.slices))
    table = (
        _numbered(spark, len(tasks))
        .mapInArrow(Keep(job, cohort, shared, tasks).work, KEPT.ddl)
        # Parts are ranges of hashes, so that they come back in the order of the patients.
        .repartitionById(parts, expr(f"cast((hash * {parts}) >> 32 as int)"))
        .sortWithinPartitions("hash", "patient", "piece", "line")
        .mapInArrow(Group(job, lines, shared).work, ROWS.ddl)
    )
    judged = Judged()
    with _computed(table) as found, ExitStack() as stack:
        files = {
            "rows": stack.enter_context(paths.rows.open("wb")),
            "rejects": stack.enter_context(paths.rejects.open("wb")),
        }
        for row in found.toLocalIterator():
            if row.kind == COUNTS:
                judged.add(msgspec.json.decode(bytes(row.text), type=Judged))
            else:
                files[row.kind].write(row.text)
    finish(paths.done, paths[:-1], msgspec.json.encode(judged))
    progress.advance(1)
    return judged


def _tasks(spark: SparkSession, weights: Sequence[int]) -> tuple[range, ...]:
    """What has these weights, as tasks: a task costs Spark more time than a small file."""
    processors = spark.sparkContext.defaultParallelism
    least = min(TOGETHER, sum(weights) // (_LEAST_TASKS * processors))
    return tuple(together(weights, max(least, 1)))


def _numbered(spark: SparkSession, count: int) -> DataFrame:
    """Numbers from 0, each a task of its own unless there are very many."""
    return spark.range(count, numPartitions=min(count, _MOST_TASKS))


@contextmanager
def _computed(table: DataFrame) -> Iterator[DataFrame]:
    """A table that is computed once, by all processes at a time, and read part by part."""
    kept = table.persist(StorageLevel.DISK_ONLY)
    try:
        kept.count()
        yield kept
    finally:
        kept.unpersist()
