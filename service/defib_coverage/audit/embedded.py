"""The embedded engine: a process for each processor, bounded memory, everything else on disk."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from defib_coverage.audit.cohort import Cohort
from defib_coverage.audit.engine import Outcome
from defib_coverage.audit.examining import Judged
from defib_coverage.audit.inputs import together, weights_of
from defib_coverage.audit.job import lines_of
from defib_coverage.audit.keeping import weigh
from defib_coverage.audit.scanning import paths_of
from defib_coverage.audit.tasks import (
    BUCKET,
    digest_file,
    judge_bucket,
    keep_slices,
    scan_slice,
)
from defib_coverage.audit.work import Folders, digests_of, is_there, meet, put, rejects_of, rows_of
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from defib_coverage.audit.engine import Progress
    from defib_coverage.audit.job import Job, Lines
    from defib_coverage.audit.scanning import Scanned

_T = TypeVar("_T")
# Slices whose kept lines are weighed, to tell how many buckets there must be.
_SAMPLE = 16
_MOST_BUCKETS = 4096
# Pieces of work that wait for a process: not all of them, so that a stop is quick.
_WAITING = 4


class Embedded:
    """Runs jobs on this machine."""

    name = "embedded"

    def __init__(self, processes: int | None = None) -> None:
        """Use so many processes; one for each processor if not said."""
        self._processes = processes or _processors()

    def run(self, job: Job, work: Path, progress: Progress) -> Outcome:
        """Run a job; see ``Engine``."""
        folders = Folders(work)
        folders.make()
        with self._pool() as pool:
            scanned = self._scan(job, folders, pool, progress)
            meet(job, folders)
            buckets = _plan(job, folders)
            lines = lines_of(job.files, job.slices, [one.lines for one in scanned])
            judged = self._judge(job, folders, pool, progress, buckets, lines)
        return Outcome(
            tuple(scanned),
            judged,
            rows_of(folders, buckets),
            rejects_of(job, folders, buckets, lines),
            digests_of(job, folders),
        )

    @contextmanager
    def _pool(self) -> Iterator[ProcessPoolExecutor]:
        """The processes, which end with the run, also where it is broken off.

        Raises:
            InputError: one of them died.
        """
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_begin)
        try:
            yield pool
        except BrokenProcessPool as error:
            message = "a process of the audit was killed; start it again, and it goes on from there"
            raise InputError(message) from error
        except BaseException:
            # What was begun is left as it is: a piece of work may be minutes from its end.
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _scan(
        self, job: Job, folders: Folders, pool: ProcessPoolExecutor, progress: Progress
    ) -> list[Scanned]:
        """Scan every slice, beside that take the digests of the files."""
        weights = weights_of(job.files, job.slices)
        progress.stage("Reading", sum(weights), "bytes")
        scanned: dict[int, Scanned] = {}

        def done(number: int, found: Scanned) -> None:
            scanned[number] = found
            progress.advance(weights[number])

        digests = [
            partial(digest_file, file, folders, number)
            for number, file in enumerate(job.files)
            if not is_there(folders.digest(number))
        ]
        scans = [
            partial(scan_slice, job.spec, job.files[piece.file], piece, folders)
            for piece in job.slices
        ]
        # The longest first: a compressed file is one piece of work, however large.
        order = sorted(range(len(scans)), key=lambda number: -weights[number])
        self._all(pool, [scans[n] for n in order], lambda at, found: done(order[at], found))
        progress.stage("Digests", len(digests), "files")
        self._all(pool, digests, lambda _, __: progress.advance(1))
        return [scanned[number] for number in range(len(job.slices))]

    def _judge(  # noqa: PLR0913, PLR0917 - the parts of a run
        self,
        job: Job,
        folders: Folders,
        pool: ProcessPoolExecutor,
        progress: Progress,
        buckets: int,
        lines: Lines,
    ) -> Judged:
        pieces = [(job.files[piece.file], piece) for piece in job.slices]
        keeps = [
            partial(keep_slices, pieces[places.start : places.stop], folders, buckets)
            for places in together(weights_of(job.files, job.slices))
        ]
        progress.stage("Sorting", len(keeps), "pieces")
        self._all(pool, keeps, lambda _, __: progress.advance(1))
        progress.stage("Judging", buckets, "pieces")
        judged = Judged()

        def add(_: int, found: Judged) -> None:
            judged.add(found)
            progress.advance(1)

        judging = [
            partial(judge_bucket, job.spec, folders, lines, bucket, buckets)
            for bucket in range(buckets)
        ]
        self._all(pool, judging, add)
        return judged

    def _all(
        self,
        pool: ProcessPoolExecutor,
        work: Sequence[Callable[[], _T]],
        done: Callable[[int, _T], None],
    ) -> None:
        """Do all pieces of work; each is told when it is done."""
        left = iter(enumerate(work))
        waiting = {pool.submit(one): at for at, one in islice(left, self._processes + _WAITING)}
        while waiting:
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                at = waiting.pop(future)
                done(at, future.result())
                for next_at, one in islice(left, 1):
                    waiting[pool.submit(one)] = next_at


def _processors() -> int:
    """How many processors this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin() -> None:
    """What each process does first: it leaves Ctrl-C to the first one, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    """End at once when the first process has died: nobody waits for the work any more."""
    parent.join()
    os._exit(1)


def _plan(job: Job, folders: Folders) -> int:
    """How many buckets there are, so that none is too large; once decided it stays."""
    decided = folders.work / "buckets"
    if is_there(decided):
        return int(decided.read_text(encoding="ascii"))
    cohort = Cohort(folders.cohort.read_bytes())
    step = max(len(job.slices) // _SAMPLE, 1)
    sample = job.slices[::step]
    weight = sum(weigh(paths_of(folders.scans, one.number).places, cohort) for one in sample)
    buckets = min(weight * len(job.slices) // max(len(sample), 1) // BUCKET + 1, _MOST_BUCKETS)
    put(decided, str(buckets).encode())
    return buckets
