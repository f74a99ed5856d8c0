"""``policy replay``: recorded calls judged by the present rules and with drafts, and compared."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from defib_coverage import __version__
from defib_coverage.command.new_file import new_file
from defib_coverage.command.recorded_calls import Reject, files_of, holds_calls, recorded
from defib_coverage.command.replay_results import (
    DIFFERENCES,
    FLIPS,
    REJECTS,
    SUMMARY,
    Replayed,
    Results,
    Side,
    Sides,
    Source,
    Unit,
)
from defib_coverage.content import load
from defib_coverage.documents.document import InputError, refused
from defib_coverage.drafts import lay_over
from defib_coverage.errors import RequestError
from defib_coverage.hooks.configuration import read_configuration
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from defib_coverage.payer_file import read_payers
from defib_coverage.replaying.comparing import Comparer, paired
from defib_coverage.replaying.draft_words import draft_changes
from defib_coverage.replaying.replay import Judged, Where, replay
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from defib_coverage.command.recorded_calls import Recorded
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge

_encode = msgspec.json.Encoder().encode


def open_sides(drafts: Sequence[Path], today: date | None) -> Sides:
    """Load what is in force, and the drafts over it.

    Args:
        drafts: the files.
        today: stands in for the clock.

    Raises:
        DataError: the data, the site's overlay, the payer file or a draft cannot be used.
        SettingsError: a setting cannot be used.
    """
    settings = read_settings(os.environ)
    overlay, base = settings.overlay_folder, settings.canonical_base
    content = load(overlay)
    drafted = lay_over(content, drafts, overlay)
    return Sides(
        present=content.knowledge(base),
        draft=drafted.content.knowledge(base),
        drafts=drafted.files,
        plans=read_payers(settings.payer_file),
        today=today or datetime.now(settings.time_zone).date(),
    )


def source_of(path: Path, drafts: Sequence[Path]) -> Source:
    """What a path holds: hook requests, an audit, or what could be audited.

    Args:
        path: a file or a folder.
        drafts: what is laid over.

    Raises:
        InputError: there is nothing.
    """
    # Nobody needs the audit for calls.
    if (path / "determinations.ndjson").is_file() or not holds_calls(path):
        from defib_coverage.command.replay_audit import Audited  # noqa: PLC0415

        return Audited(path, drafts)
    return RecordedCalls(files_of(path), path)


def print_replay_of(
    path: Path, source: Source, sides: Sides, output: Path | None, *, as_json: bool
) -> None:
    """Judge every order twice and tell what differs.

    Args:
        path: what the user named.
        source: the orders in it.
        sides: the rules and codes to compare.
        output: the folder for files of the result; None for none.
        as_json: prints it for programs.

    Raises:
        InputError: nothing in ``path`` can be judged, or the folder cannot be written to.
    """
    with ExitStack() as stack:
        folder = output or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            replayed = write_replay(path.name, source, sides, folder)
        except OSError as error:
            message = f"{folder}: cannot be written ({error.strerror})"
            raise InputError(message) from error
        if as_json:
            _print_json(folder, replayed)
            return
        # Nobody needs it where programs read.
        from defib_coverage.command.page import Page  # noqa: PLC0415
        from defib_coverage.command.replay_page import print_replay  # noqa: PLC0415

        print_replay(replayed, folder, output, Page())


def write_replay(name: str, source: Source, sides: Sides, folder: Path) -> Replayed:
    """Write the files of a replay into a folder; memory does not grow with the input.

    Raises:
        InputError: a file is there already, or nothing can be judged: a message with the first
            reject.
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        names = (FLIPS, DIFFERENCES, REJECTS)
        files = [stack.enter_context(new_file(folder / one)) for one in names]
        summary_file = stack.enter_context(new_file(folder / SUMMARY))
        results = Results(*files)
        comparer = Comparer(sides.present, sides.draft)
        summary = replay(source.judged(sides, results), comparer, results.tell)
        if not source.number:
            message = f"{name}: holds nothing that can be judged"
            if results.first is not None:
                place = "" if results.first.line is None else f":{results.first.line}"
                message += f". {results.first.file}{place}: {results.first.reason}"
            raise InputError(message)
        replayed = Replayed(
            version=__version__,
            input=name,
            today=sides.today,
            before=_side(sides.present),
            after=_side(sides.draft),
            drafts=sides.drafts,
            changes=tuple(draft_changes(sides.present, sides.draft)),
            unit=source.unit,
            read=source.number,
            rejected=results.rejected,
            summary=summary,
        )
        summary_file.write(msgspec.json.format(_encode(replayed), indent=2) + b"\n")
    return replayed


class RecordedCalls:
    """The recorded calls of some files, judged one after another."""

    unit: Unit = "call"

    def __init__(self, files: Sequence[Path], root: Path) -> None:
        """Read ``files``, whose names begin below ``root``."""
        self._files = files
        self._root = root
        self.number = 0

    def judged(self, sides: Sides, results: Results) -> Iterator[Judged]:
        """Every order of every call; what cannot be judged is handed to the results."""
        evaluators = [Evaluator(one, sides.plans) for one in (sides.present, sides.draft)]
        for path in self._files:
            for one in recorded(path, self._root):
                found = one if isinstance(one, Reject) else _judge(one, evaluators, sides.today)
                if isinstance(found, Reject):
                    results.reject(found)
                else:
                    self.number += 1
                    yield from found


def _judge(
    call: Recorded, evaluators: Iterable[Evaluator], today: date
) -> tuple[Judged, ...] | Reject:
    """The orders of one call, by each evaluator; both have to take it."""
    file, line = call.place
    sides: list[Sequence[Determination]] = []
    patient: str | None = None
    try:
        for one in evaluators:
            decoded = decode_request(call.body, one.knowledge.index)
            longer = read_configuration(decoded.request.extension).longer_reading
            evaluation = one.evaluate(decoded, today, longer_reading=longer)
            sides.append(evaluation.determinations)
            patient = f"Patient/{decoded.patient_id}"
    except RequestError as error:
        return Reject(file, line, str(refused("", error)).removeprefix(": "))
    where = Where(file, line, patient)
    before, after = sides
    return tuple(Judged(where, was, now) for was, now in paired(before, after))


def _side(knowledge: Knowledge) -> Side:
    versions = tuple(version.version for version in knowledge.library.versions)
    return Side(knowledge.digest, versions)


def _print_json(folder: Path, replayed: Replayed) -> None:
    """Print all of it as one object, a line of the files at a time."""
    out = sys.stdout.buffer
    out.write(b'{"replay": ' + _encode(replayed))
    for name in (FLIPS, DIFFERENCES, REJECTS):
        out.write(b',\n"%b": [' % Path(name).stem.encode())
        with (folder / name).open("rb") as file:
            for number, line in enumerate(file):
                out.write((b",\n" if number else b"\n") + line.rstrip())
        out.write(b"]")
    out.write(b"}\n")
