"""The seam between what an audit does and who does it: how lines become patients' rows.

An engine scans every slice, keeps the lines of the patients who may have an order of ours, brings
each patient together, and judges. What a line is, who counts and what is decided is not its to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from defib_coverage.audit.examining import Judged
from defib_coverage.audit.scanning import Scanned

if TYPE_CHECKING:
    from defib_coverage.audit.job import Job


class Progress(Protocol):
    """Is told how far a run is."""

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins: its name in words, how much is to be done, counted in which unit."""

    def advance(self, done: int) -> None:
        """So much more of the stage is done."""


class Outcome(NamedTuple):
    """What a run came to.

    ``scanned`` are the numbers of each slice, ``judged`` those of all patients. ``rows`` and
    ``rejects`` are lines of JSON in the order in which they are written; both are read once.
    ``digests`` are the SHA-256 of the files.
    """

    scanned: tuple[Scanned, ...]
    judged: Judged
    rows: Iterable[bytes]
    rejects: Iterable[bytes]
    digests: tuple[str, ...]


class Engine(Protocol):
    """Runs a job."""

    name: str

    def run(self, job: Job, work: Path, progress: Progress) -> Outcome:
        """Run a job, going on where an earlier run of the same job was broken off.

        Args:
            job: what to do.
            work: a folder of the run's own, which is there.
            progress: is told how far it is.

        Raises:
            OSError: a file cannot be read, or the folder not written to.
            InputError: the run cannot go on.
        """
        ...
