"""A replay over a population: audited by the present rules and with drafts, joined row by row."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import groupby, starmap, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage import __version__
from defib_coverage.audit.embedded import Embedded
from defib_coverage.audit.examining import RejectedRow
from defib_coverage.audit.job import Spec
from defib_coverage.audit.manifest import (
    Manifest,
    check_output,
    digest_of_plans,
    read_manifest,
)
from defib_coverage.audit.names import MANIFEST, REJECTS, ROWS
from defib_coverage.audit.rows import Row
from defib_coverage.audit.run import Clock, Order, run
from defib_coverage.audit.scanning import hash_of
from defib_coverage.command.audit_run import Bars
from defib_coverage.command.recorded_calls import Reject
from defib_coverage.coverage.determination import Determination
from defib_coverage.documents.document import InputError
from defib_coverage.replaying.replay import Judged, Where
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from defib_coverage.command.replay_results import Results, Sides, Unit
    from defib_coverage.coverage.determine import Knowledge

_decode_row = msgspec.json.Decoder(Row).decode
_decode_reject = msgspec.json.Decoder(RejectedRow).decode
_encode = msgspec.json.Encoder().encode
_Key = tuple[int, str, "date", str]


def is_result(path: Path) -> bool:
    """Whether a folder holds what an audit wrote."""
    return (path / MANIFEST).is_file() and (path / ROWS).is_file()


class _Plan(NamedTuple):
    """What is audited, and how; ``before`` is a folder of rows that need not be made again."""

    sources: Sequence[str]
    spec: Spec
    before: Path | None
    manifest: Manifest | None


class Audited:
    """The orders of a population, from its files or from the folder of an audit of it.

    The rows of an audit by the present program and data stand for the present rules; else its files
    are audited again, as they were.
    """

    unit: Unit = "audited order"

    def __init__(self, path: Path, drafts: Sequence[Path]) -> None:
        """Read nothing yet.

        Args:
            path: the files, or the folder of an audit.
            drafts: what is laid over.
        """
        self.number = 0
        self._path = path
        self._drafts = tuple(str(one.resolve()) for one in drafts)

    def judged(self, sides: Sides, results: Results) -> Iterator[Judged]:
        """Every order, by both sides; see ``Source``.

        Raises:
            InputError: the files cannot be used, or are no longer what they were.
        """
        if find_spec("pyarrow") is None:
            message = "a population needs pyarrow: install defib-coverage[parquet]"
            raise InputError(message)
        plan = self._plan(sides)
        with ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            drafted = msgspec.structs.replace(plan.spec, drafts=self._drafts)
            made = _audit(plan.sources, work / "after", drafted, sides.draft)
            if plan.manifest is not None:
                _check_same(self._path, plan.manifest, made)
            before = plan.before
            if before is None:
                before = work / "before"
                _audit(plan.sources, before, plan.spec, sides.present)
            for reject in _rejects(work / "after"):
                results.reject(reject)
            for one in joined(before / ROWS, work / "after" / ROWS):
                self.number += 1
                yield one

    def _plan(self, sides: Sides) -> _Plan:
        settings = read_settings(os.environ)
        spec = Spec(
            today=sides.today,
            hindsight=False,
            canonical_base=settings.canonical_base,
            overlay=_place(settings.overlay_folder),
            payers=_place(settings.payer_file),
            plans=sides.plans,
        )
        if not is_result(self._path):
            return _Plan((str(self._path),), spec, None, None)
        manifest = read_manifest(self._path)
        spec = msgspec.structs.replace(spec, today=manifest.today, hindsight=manifest.hindsight)
        as_made = (
            manifest.version == __version__
            and manifest.data_digest == sides.present.digest
            and manifest.payers_digest == digest_of_plans(spec.plans)
            and manifest.canonical_base == spec.canonical_base
        )
        if as_made:
            check_output(self._path, ROWS, manifest)
        sources = tuple(one.path for one in manifest.inputs)
        return _Plan(sources, spec, self._path if as_made else None, manifest)


def _audit(sources: Sequence[str], out: Path, spec: Spec, knowledge: Knowledge) -> Manifest:
    order = Order(sources, out, spec, knowledge)
    with Bars() as bars:
        return run(order, Embedded(), bars, Clock(_now(), _now))


def _place(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _check_same(path: Path, old: Manifest, new: Manifest) -> None:
    """Refuse files that are not those of the audit any longer.

    Raises:
        InputError: with the first that differs.
    """
    known = {one.path: one.sha256 for one in old.inputs}
    for one in new.inputs:
        if known.get(one.path) != one.sha256:
            message = f"{one.path}: was changed since the audit in {path}"
            raise InputError(message)


def _rejects(folder: Path) -> Iterator[Reject]:
    with (folder / REJECTS).open("rb") as lines:
        for line in lines:
            found = _decode_reject(line)
            part = "" if found.part is None else f"{found.part}: "
            yield Reject(found.file, found.line, part + found.reason)


def joined(before: Path, after: Path) -> Iterator[Judged]:
    """The rows of two audits of the same files, order by order; both are read once.

    An order that one of them does not know is none of ours by its rules.

    Args:
        before: the rows of one.
        after: those of the other.
    """
    with before.open("rb") as old, after.open("rb") as new:
        olds, news = _groups(old), _groups(new)
        was, now = next(olds, None), next(news, None)
        while was is not None or now is not None:
            first = min(one[0] for one in (was, now) if one is not None)
            old_rows: list[Row] = []
            new_rows: list[Row] = []
            if was is not None and was[0] == first:
                old_rows, was = was[1], next(olds, None)
            if now is not None and now[0] == first:
                new_rows, now = now[1], next(news, None)
            yield from starmap(_judged, zip_longest(old_rows, new_rows))


def _groups(lines: Iterable[bytes]) -> Iterator[tuple[_Key, list[Row]]]:
    """The rows of one order; it may stand in several calls."""
    for key, group in groupby(map(_decode_row, lines), key=_key):
        yield key, list(group)


def _key(row: Row) -> _Key:
    """What rows are sorted by."""
    return hash_of(row.patient), row.patient, row.order.service_date, row.order.reference


def _judged(before: Row | None, after: Row | None) -> Judged:
    row = before or after
    if row is None:
        message = "an order stands in one of two audits at least"
        raise AssertionError(message)
    audit = row.audit
    where = Where(audit.file, audit.line, row.patient, msgspec.Raw(_encode(audit)))
    return Judged(where, before or _unknown(row), after or _unknown(row))


def _unknown(row: Row) -> Determination:
    """What is said of an order that is none of ours."""
    order = msgspec.structs.replace(row.order, class_="not-defibrillator")
    return Determination(order=order, policy=None, status="not-applicable")
