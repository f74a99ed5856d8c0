"""What is to be done in a run, and what it does it with; the same in every process and engine."""

from __future__ import annotations

import gc
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.audit.cohort import Cohort
from defib_coverage.audit.heads import Heads
from defib_coverage.audit.inputs import InputFile, Slice
from defib_coverage.audit.judging import Judge
from defib_coverage.audit.shared import SharedRecords
from defib_coverage.content import load
from defib_coverage.drafts import lay_over
from defib_coverage.fhir.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence


class Spec(msgspec.Struct, frozen=True):
    """How orders are judged: what a process needs to make its own tools.

    ``today`` is the service date of an order that has no date at all. ``overlay`` is the site's own
    folder, ``payers`` its file of payers and ``plans`` what stands in that, ``drafts`` are files
    that are laid over what is in force.
    """

    today: date
    hindsight: bool
    canonical_base: str
    overlay: str | None = None
    payers: str | None = None
    plans: tuple[Plan, ...] = ()
    drafts: tuple[str, ...] = ()


class Job(msgspec.Struct, frozen=True):
    """A run: how orders are judged, of which files, cut into which slices.

    ``digest`` is that of rules, codes and wording; ``version`` that of the program. ``engine`` is
    the one that began: another one keeps other files of what it knows so far.
    """

    spec: Spec
    files: tuple[InputFile, ...]
    slices: tuple[Slice, ...]
    digest: str
    version: str
    engine: str


class Tools(NamedTuple):
    """What a process reads lines and judges patients with."""

    heads: Heads
    judge: Judge


@cache
def tools(spec: Spec) -> Tools:
    """The tools of this process, made once.

    Raises:
        DataError: the data, the site's overlay or a draft cannot be used.
    """
    overlay = None if spec.overlay is None else Path(spec.overlay)
    content = load(overlay)
    if spec.drafts:
        content = lay_over(content, [Path(one) for one in spec.drafts], overlay).content
    knowledge = content.knowledge(spec.canonical_base)
    judge = Judge(knowledge, spec.plans, spec.today, hindsight=spec.hindsight)
    made = Tools(Heads(knowledge.index), judge)
    # Looking through what never goes away is a third of the cost of large charts.
    gc.collect()
    gc.freeze()
    return made


@cache
def cohort(path: str) -> Cohort:
    """The cohort that stands in a file, read once by each process."""
    return Cohort(Path(path).read_bytes())


@cache
def shared_records(path: str) -> SharedRecords:
    """The shared records that stand in a file, opened once by each process."""
    return SharedRecords(Path(path))


class Lines(NamedTuple):
    """Tells where a line stands: the name of its file, and its number there, from 1."""

    names: tuple[str, ...]
    firsts: tuple[int, ...]

    def place(self, piece: int, number: int) -> tuple[str, int]:
        """The file and the line of a line of a slice, both from 0."""
        return self.names[piece], self.firsts[piece] + number + 1


def lines_of(files: Sequence[InputFile], slices: Sequence[Slice], lines: Sequence[int]) -> Lines:
    """Where the lines of slices stand, of which each has so many ``lines``."""
    firsts: list[int] = []
    so_far: dict[int, int] = {}
    for piece, number in zip(slices, lines, strict=True):
        firsts.append(so_far.get(piece.file, 0))
        so_far[piece.file] = firsts[-1] + number
    return Lines(tuple(files[piece.file].name for piece in slices), tuple(firsts))
