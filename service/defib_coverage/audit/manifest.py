"""The manifest of an audit: of what it was made, with what, and what came of it."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.audit.names import MANIFEST, ROWS, WORK
from defib_coverage.documents.document import InputError
from defib_coverage.fhir.raw import BAD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from defib_coverage.audit.engine import Outcome
    from defib_coverage.audit.job import Job
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.fhir.plans import Plan

FORMAT = 2
"""The format of audits that is written and read."""


class InputRecord(msgspec.Struct, frozen=True):
    """One file that was read: its name in the rows, its place, size, SHA-256 and lines."""

    file: str
    path: str
    bytes: int
    sha256: str
    lines: int


class OutputRecord(msgspec.Struct, frozen=True):
    """One file that was written, with its size and SHA-256."""

    file: str
    bytes: int
    sha256: str


class AppliedPolicy(msgspec.Struct, frozen=True):
    """A policy version that orders could be judged by."""

    id: str
    version: str
    effective: date


class Counts(msgspec.Struct, frozen=True, rename="camel"):
    """What the input held, and what became of it.

    ``lines`` = ``blank`` + ``rejected`` + those that were read. These hold ``records`` of patients
    (with_orders + without_orders; one of several patients counts for each), ``shared`` records
    that these point at, ``other_types`` that the rules do not read, records of ``no_patient``, hook
    ``requests`` and ``deletions``. Of the records of patients with an order ``older`` were an older
    state or the same again, and ``deleted`` are gone. ``rejects`` are all rows of the file of
    rejects: ``rejected`` lines, ``rejected_parts`` of lines, ``broken`` files, and ``unjudged``
    records or lines of bills that may be an order.
    """

    lines: int
    blank: int
    rejected: int
    bundles: int
    bundle_entries: int
    rejected_parts: int
    broken: int
    records: int
    with_orders: int
    without_orders: int
    older: int
    deleted: int
    shared: int
    other_types: int
    no_patient: int
    requests: int
    deletions: int
    unjudged: int
    rejects: int
    patients: int
    orders: int
    by_status: dict[str, int]


class _Formatted(msgspec.Struct):
    format: int


class Manifest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """All that is needed to repeat a run and to compare two.

    ``today`` is the service date of orders without any date; ``hindsight`` whether facts recorded
    after an order's day counted. ``data_digest`` is that of rules, codes and wording with the
    site's own ``overlay``, ``payers_digest`` that of what stands in its file of ``payers``.
    ``started`` and ``finished`` are instants.
    """

    format: int = FORMAT
    version: str
    engine: str
    started: str
    finished: str
    today: date
    hindsight: bool
    overlay: str | None
    payers: str | None
    payers_digest: str
    canonical_base: str
    data_digest: str
    policies: tuple[AppliedPolicy, ...]
    inputs: tuple[InputRecord, ...]
    outputs: tuple[OutputRecord, ...]
    counts: Counts


def counts_of(outcome: Outcome, rejects: int) -> Counts:
    """The numbers of a run, with how many rejects were written."""
    scanned, judged = outcome.scanned, outcome.judged
    total = type(scanned[0])()
    for one in scanned:
        total.add(one)
    return Counts(
        lines=total.lines,
        blank=total.blank,
        rejected=total.rejected,
        bundles=total.bundles,
        bundle_entries=total.bundle_entries,
        rejected_parts=total.rejected_parts,
        broken=total.broken,
        records=total.records,
        with_orders=judged.records,
        without_orders=total.records - judged.records,
        older=judged.older,
        deleted=judged.deleted,
        shared=total.shared,
        other_types=total.unread,
        no_patient=total.nobody,
        requests=total.requests,
        deletions=total.deletions,
        unjudged=judged.unjudged,
        rejects=rejects,
        patients=judged.patients,
        orders=judged.orders,
        by_status=dict(sorted(judged.by_status.items())),
    )


def inputs_of(job: Job, outcome: Outcome) -> tuple[InputRecord, ...]:
    """The files of a run."""
    lines = [0] * len(job.files)
    for piece, scanned in zip(job.slices, outcome.scanned, strict=True):
        lines[piece.file] += scanned.lines
    return tuple(
        InputRecord(file.name, file.path, file.size, digest, number)
        for file, digest, number in zip(job.files, outcome.digests, lines, strict=True)
    )


def output_of(path: Path, name: str) -> OutputRecord:
    """A file that was written, as it lies there.

    Args:
        path: where it lies now.
        name: what it is called in the end.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return OutputRecord(name, file.tell(), digest)


def check_output(folder: Path, name: str, manifest: Manifest) -> None:
    """Refuse a file of an audit that is not what was written.

    Raises:
        InputError: it was changed, or cannot be read.
    """
    path = folder / name
    try:
        found = output_of(path, name)
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise InputError(message) from error
    if found not in manifest.outputs:
        message = f"{path}: is not what the audit wrote (its SHA-256 is another): it was changed"
        raise InputError(message)


def digest_of_plans(plans: Sequence[Plan]) -> str:
    """The SHA-256 of what is known of a site's payers."""
    return hashlib.sha256(msgspec.json.encode(plans)).hexdigest()


def applied(knowledge: Knowledge) -> tuple[AppliedPolicy, ...]:
    """The policy versions that orders could be judged by."""
    references = (knowledge.rulebook(one).reference for one in knowledge.library.versions)
    return tuple(AppliedPolicy(one.id, one.version, one.effective) for one in references)


def read_manifest(folder: Path) -> Manifest:
    """What the run says of itself.

    Raises:
        InputError: the folder holds no finished audit that this version reads.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        message = f"{folder}: there is no such folder"
        raise InputError(message)
    if not path.is_file() or not (folder / ROWS).is_file():
        missing = ROWS if path.is_file() else MANIFEST
        begun = (folder / ROWS).is_file() or path.is_file() or (folder / WORK).is_dir()
        told = "the audit is not finished" if begun else "it is no audit"
        message = f"{folder}: holds no {missing}: {told}. Run defib-coverage audit run first"
        raise InputError(message)
    try:
        text = path.read_bytes()
        found = msgspec.json.decode(text, type=_Formatted).format
        if found != FORMAT:
            message = f"{path}: has format {found}; this version reads format {FORMAT}"
            raise InputError(message)
        return msgspec.json.decode(text, type=Manifest)
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise InputError(message) from error
    except BAD as error:
        message = f"{path}: is no manifest of an audit"
        raise InputError(message) from error
