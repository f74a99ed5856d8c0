"""Running an audit as a user runs it, and reading what it wrote.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from audit_population import ORDER_TYPES, TODAY
from command_line import run
from defib_coverage.audit.embedded import Embedded
from defib_coverage.audit.inputs import SLICE
from defib_coverage.audit.job import Spec
from defib_coverage.audit.run import Clock, Order
from defib_coverage.audit.run import run as run_audit
from defib_coverage.content import load

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from audit_odd_lines import Fate
    from defib_coverage.audit.engine import Progress
    from defib_coverage.coverage.determine import Knowledge
    from fhir_builders import Json

# Where a manifest counts the lines of each fate.
COUNTS: Mapping[Fate, str] = {
    "blank": "blank",
    "rejected": "rejected",
    "record": "records",
    "shared": "shared",
    "unread": "otherTypes",
    "nobody": "noPatient",
}
WRITTEN = ("determinations.ndjson", "determinations.parquet", "rejects.ndjson")
_BESIDE = frozenset({"patient", "audit"})


class Outcome(NamedTuple):
    """What an audit wrote: its rows, its rejects, its manifest."""

    rows: list[Json]
    rejects: list[Json]
    manifest: Json

    @property
    def determinations(self) -> dict[tuple[str, str], Json]:
        """The determinations, without what the audit says beside them, by patient and order."""
        return {
            (row["patient"], row["order"]["reference"]): {
                member: value for member, value in row.items() if member not in _BESIDE
            }
            for row in self.rows
        }

    @property
    def requested(self) -> dict[tuple[str, str], Json]:
        """The determinations of what was ordered, not of what was carried out or billed."""
        return {
            name: one
            for name, one in self.determinations.items()
            if name[1].partition("/")[0] in ORDER_TYPES
        }

    @property
    def counts(self) -> Mapping[str, int]:
        counts: Mapping[str, int] = self.manifest["counts"]
        return counts


def audit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """``audit run`` on the day that is today for the live service of the tests."""
    return run("audit", "run", "--today", TODAY, *arguments)


def audited(source: Path, out: Path, *options: str | Path, engine: str = "embedded") -> Outcome:
    """The outcome of an audit that must succeed."""
    by = () if engine == "embedded" else ("--engine", engine)
    done = audit(source, "-o", out, *by, *options)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return outcome_of(out)


class Quiet:
    """Is told how far a run is, and does nothing about it."""

    def stage(self, name: str, total: int, unit: str) -> None:
        pass

    def advance(self, done: int) -> None:
        pass


@cache
def knowledge() -> Knowledge:
    """What the product comes with."""
    return load().knowledge()


def run_here(
    source: Path, out: Path, slice_bytes: int = SLICE, progress: Progress | None = None
) -> Outcome:
    """The outcome of an audit that is run from this process, with one process to do the work."""
    rules = knowledge()
    spec = Spec(date.fromisoformat(TODAY), hindsight=False, canonical_base=rules.canonical_base)
    order = Order([str(source)], out, spec, rules, slice_bytes)
    run_audit(order, Embedded(1), progress or Quiet(), Clock("then", lambda: "now"))
    return outcome_of(out)


def outcome_of(out: Path) -> Outcome:
    """What stands in a finished folder."""
    return Outcome(
        _lines(out / "determinations.ndjson"),
        _lines(out / "rejects.ndjson"),
        json.loads((out / "manifest.json").read_bytes()),
    )


def _lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def differences(
    found: Mapping[tuple[str, str], Json], expected: Mapping[tuple[str, str], Json]
) -> dict[str, object]:
    """In what determinations differ, by order: the members that do, or which side has none."""
    wrong: dict[str, object] = {}
    for patient, order in sorted(found.keys() | expected.keys()):
        one, other = found.get((patient, order)), expected.get((patient, order))
        if one is None or other is None:
            wrong[order] = "missing" if one is None else "not expected"
        elif one != other:
            wrong[order] = {
                member: (one.get(member), other.get(member))
                for member in one.keys() | other.keys()
                if one.get(member) != other.get(member)
            }
    return wrong
