"""What the machines of a Spark cluster do before they do anything."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pytest

from defib_coverage import __version__
from defib_coverage.audit.inputs import find_files, slices_of
from defib_coverage.audit.job import Job, Spec
from defib_coverage.audit.spark_work import Read
from defib_coverage.content import load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "a.ndjson").write_bytes(b"{}\n")
    files = find_files([str(tmp_path)], tmp_path / "out")
    rules = load().knowledge()
    spec = Spec(date(2026, 11, 20), hindsight=False, canonical_base=rules.canonical_base)
    return Job(spec, files, slices_of(files), rules.digest, __version__, "spark")


def names(job: Job) -> list[str]:
    """The names of what a machine gives back of the only slice."""
    numbers = pa.RecordBatch.from_pydict({"id": [0]})
    batches = Read(job, (0,), (), (range(1),)).work(iter([numbers]))
    return [name for batch in batches for name in batch.column("name").to_pylist()]


def test_machine_gives_back_what_a_slice_holds(job: Job) -> None:
    assert names(job) == ["orders", "shared", "rejects", "json"]


@pytest.mark.parametrize("other", [{"digest": "other"}, {"version": "0.0"}])
def test_machine_with_other_rules_does_nothing(other: dict[str, str], job: Job) -> None:
    with pytest.raises(ValueError, match="has another version of defib-coverage"):
        names(msgspec.structs.replace(job, **other))
