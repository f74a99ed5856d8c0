"""One run of an audit: from files to a folder of rows, rejects and a manifest."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from defib_coverage import __version__
from defib_coverage.audit.heads import Unusable
from defib_coverage.audit.inputs import SLICE, find_files, slices_of
from defib_coverage.audit.job import Job
from defib_coverage.audit.manifest import (
    Manifest,
    applied,
    counts_of,
    digest_of_plans,
    inputs_of,
    output_of,
    read_manifest,
)
from defib_coverage.audit.names import COLUMNS, JOB, MANIFEST, REJECTS, ROWS, WORK
from defib_coverage.documents.document import InputError
from defib_coverage.fhir.raw import BAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from defib_coverage.audit.engine import Engine, Outcome, Progress
    from defib_coverage.audit.job import Spec
    from defib_coverage.coverage.determine import Knowledge

_JOB_PART = "job.json.part"
_LOCK = "lock"


class Order(NamedTuple):
    """What a user asks for: which files, into which folder, judged how, by which rules."""

    sources: Sequence[str]
    out: Path
    spec: Spec
    knowledge: Knowledge
    slice_bytes: int = SLICE


class Clock(NamedTuple):
    """When a run started, and what tells when it is over; both as instants in words."""

    started: str
    now: Callable[[], str]


def run(order: Order, engine: Engine, progress: Progress, clock: Clock) -> Manifest:
    """Run an audit, or go on with the run that was broken off in the same folder.

    Raises:
        InputError: the files or the folder cannot be used, or the folder holds another run.
    """
    try:
        job = _job(order, engine.name)
        work = _folder(order.out)
        with _alone(work):
            if (order.out / MANIFEST).exists():
                return _cleared(order.out, job)
            _start(order.out, job)
            outcome = engine.run(job, work, progress)
            _check_unchanged(order, job)
            return _finish(order, job, outcome, engine.name, clock)
    except OSError as error:
        message = f"{error.filename or order.out}: {error.strerror or 'cannot be used'}"
        raise InputError(message) from error
    except Unusable as error:
        # What was read as a record is none when it is read again.
        raise InputError(_changed(order, "the input")) from error


def day_of(out: Path) -> date | None:
    """What was today for the run that was broken off in a folder; None where there is none."""
    try:
        known = _known(out / WORK)
    except OSError:
        return None
    return None if known is None else known.spec.today


def _job(order: Order, engine: str) -> Job:
    files = find_files(order.sources, order.out)
    slices = slices_of(files, order.slice_bytes)
    return Job(order.spec, files, slices, order.knowledge.digest, __version__, engine)


def _check_unchanged(order: Order, job: Job) -> None:
    """Refuse what was read of files that were written to meanwhile; new ones do no harm.

    Raises:
        InputError: a file is not what it was.
    """
    now = {one.path: (one.size, one.changed) for one in find_files(order.sources, order.out)}
    for file in job.files:
        if now.get(file.path) != (file.size, file.changed):
            raise InputError(_changed(order, file.name))


def _changed(order: Order, name: str) -> str:
    return f"{name}: was changed while it was read; delete {order.out} to begin anew"


def _folder(out: Path) -> Path:
    """The folder of what the run knows so far, made if it is not there.

    Raises:
        InputError: the folder holds something else.
    """
    work = out / WORK
    if (out / MANIFEST).exists() and not (work / JOB).exists():
        raise InputError(_finished(out))
    if out.exists() and not out.is_dir():
        message = f"{out}: is a file; name a new folder"
        raise InputError(message)
    if out.is_dir() and not work.exists() and any(out.iterdir()):
        message = f"{out}: is not empty; name a new folder"
        raise InputError(message)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    return work


def _finished(out: Path) -> str:
    return f"{out}: holds a finished audit; name another folder, or delete it"


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Nobody else writes to the folder meanwhile; the lock ends with the process.

    Raises:
        InputError: another run does.
    """
    with (work / _LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"{work.parent}: another run is writing to it"
            raise InputError(message) from error
        yield


def _cleared(out: Path, job: Job) -> Manifest:
    """Clear up after a run that was broken off when it had written all; its manifest.

    Raises:
        InputError: it was another one.
    """
    work = out / WORK
    same = _known(work) == job
    _clear(work)
    if not same:
        raise InputError(_finished(out))
    return read_manifest(out)


def _known(work: Path) -> Job | None:
    """What the run is that was broken off; None where that cannot be read."""
    try:
        return msgspec.json.decode((work / JOB).read_bytes(), type=Job)
    except BAD:
        return None


def _start(out: Path, job: Job) -> None:
    """Write down what the run is, or see that the one that was broken off was the same.

    Raises:
        InputError: the folder holds something else.
    """
    work = out / WORK
    written = work / JOB
    if written.exists():
        known = _known(work)
        if known != job:
            message = f"{out}: holds a run that was broken off, {_differs(known, job)}"
            raise InputError(message)
        return
    # A run that was broken off before it knew anything may have left the file half written.
    ours = {_LOCK, _JOB_PART}
    if any(one.name != WORK for one in out.iterdir()) or any(
        one.name not in ours for one in work.iterdir()
    ):
        message = f"{out}: is not empty; name a new folder"
        raise InputError(message)
    part = work / _JOB_PART
    part.write_bytes(msgspec.json.encode(job))
    part.replace(written)


def _differs(known: Job | None, job: Job) -> str:
    """Why a run cannot go on, in words."""
    remedy = "; delete the folder to begin anew"
    if known is None:
        return "and what it was cannot be read" + remedy
    if known.version != job.version or known.digest != job.digest:
        return "by another version of the program, its rules or codes" + remedy
    if known.engine != job.engine:
        return f"by the {known.engine} engine; go on with that one, or" + remedy[1:]
    if known.spec != job.spec:
        return "with other options or settings" + remedy
    return "of other files, or the files were changed since" + remedy


def _finish(order: Order, job: Job, outcome: Outcome, engine: str, clock: Clock) -> Manifest:
    """Write the files, the manifest last."""
    from defib_coverage.audit.parquet import columns  # noqa: PLC0415 - large; only needed here

    out = order.out
    rejects = 0
    with ExitStack() as stack:
        rows = stack.enter_context(_private(out / f"{ROWS}.part"))
        table = stack.enter_context(columns(stack.enter_context(_private(out / f"{COLUMNS}.part"))))
        for text in outcome.rows:
            rows.write(text)
            table.add(text)
    with _private(out / f"{REJECTS}.part") as file:
        for text in outcome.rejects:
            file.write(text)
            rejects += 1
    manifest = Manifest(
        version=job.version,
        engine=engine,
        started=clock.started,
        finished=clock.now(),
        today=job.spec.today,
        hindsight=job.spec.hindsight,
        overlay=job.spec.overlay,
        payers=job.spec.payers,
        payers_digest=digest_of_plans(job.spec.plans),
        canonical_base=job.spec.canonical_base,
        data_digest=job.digest,
        policies=applied(order.knowledge),
        inputs=inputs_of(job, outcome),
        outputs=tuple(output_of(out / f"{name}.part", name) for name in (ROWS, COLUMNS, REJECTS)),
        counts=counts_of(outcome, rejects),
    )
    with _private(out / f"{MANIFEST}.part") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    for name in (ROWS, COLUMNS, REJECTS, MANIFEST):
        (out / f"{name}.part").replace(out / name)
    _clear(out / WORK)
    return manifest


def _clear(work: Path) -> None:
    """Delete what a finished run knew; last what tells that the rest is ours, and its lock."""
    for one in work.iterdir():
        if one.is_dir():
            shutil.rmtree(one)
        elif one.name not in {JOB, _LOCK}:
            one.unlink()
    (work / JOB).unlink()
    shutil.rmtree(work)


@contextmanager
def _private(path: Path) -> Iterator[BinaryIO]:
    """A file that only its owner can read: it holds what was decided of patients.

    It is on the disk before what it was made of is deleted.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
