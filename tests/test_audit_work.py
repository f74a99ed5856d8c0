"""The folder that an audit writes to: one run at a time, and only the same one goes on in it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from audit_exports import write
from audit_population import charted
from audit_runs import WRITTEN, Quiet
from audit_shapes import Shape
from defib_coverage.audit import embedded
from defib_coverage.audit.job import Spec
from defib_coverage.audit.run import Clock, Order, run
from defib_coverage.content import load
from defib_coverage.documents.document import InputError
from fhir_builders import b3_chart, practitioner
from fhir_builders import order as ordered

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.audit.engine import Outcome, Progress
    from defib_coverage.audit.job import Job

BASE = "https://defib-coverage.example/fhir"
CLOCK = Clock("2026-11-20T00:00:00+00:00", lambda: "2026-11-20T00:00:01+00:00")


class BrokenOffError(Exception):
    """What an engine of these tests ends with."""


class Engine:
    """An engine that is broken off as soon as it has done one thing."""

    def __init__(self, name: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self._meanwhile = meanwhile

    def run(self, job: Job, work: Path, progress: Progress) -> Outcome:
        """Begin, and end."""
        del job, work, progress
        self._meanwhile()
        raise BrokenOffError


class Embedded(embedded.Embedded):
    """The embedded engine, broken off when it has done all and nothing is written yet."""

    def run(self, job: Job, work: Path, progress: Progress) -> Outcome:
        """Do everything, and end."""
        super().run(job, work, progress)
        raise BrokenOffError


@pytest.fixture
def order(tmp_path: Path) -> Order:
    (tmp_path / "a.ndjson").write_bytes(b"{}\n")
    spec = Spec(today=date(2026, 11, 20), hindsight=False, canonical_base=BASE)
    knowledge = load(None).knowledge(BASE)
    return Order([str(tmp_path / "a.ndjson")], tmp_path / "out", spec, knowledge)


def begun(order: Order, engine: Engine | Embedded) -> None:
    """A run that comes to its engine."""
    with pytest.raises(BrokenOffError):
        run(order, engine, Quiet(), CLOCK)


def refused(order: Order, engine: Engine, words: str) -> None:
    """A run that does not."""
    with pytest.raises(InputError, match=words):
        run(order, engine, Quiet(), CLOCK)


def test_no_engine_goes_on_where_another_began(order: Order) -> None:
    begun(order, Engine("embedded"))
    refused(order, Engine("spark"), "broken off, by the embedded engine")
    begun(order, Engine("embedded"))


def test_two_runs_do_not_write_to_one_folder(order: Order) -> None:
    def meanwhile() -> None:
        refused(order, Engine("embedded"), "out: another run is writing to it")

    begun(order, Engine("embedded", meanwhile))
    # The lock ends with the run.
    begun(order, Engine("embedded"))


@pytest.mark.parametrize("left", [(), ("lock",), ("lock", "job.json.part")])
def test_run_that_was_broken_off_at_once_can_be_begun_anew(
    left: tuple[str, ...], order: Order
) -> None:
    (order.out / "work").mkdir(parents=True)
    for name in left:
        (order.out / "work" / name).write_bytes(b"{")
    begun(order, Engine("embedded"))


def test_a_file_is_no_place_for_an_audit(order: Order) -> None:
    order.out.write_bytes(b"mine")
    refused(order, Engine("embedded"), "is a file; name a new folder")
    assert order.out.read_bytes() == b"mine"


@pytest.mark.parametrize("there", ["notes.txt", "work/mine.txt"])
def test_folder_that_holds_something_else_is_left_alone(there: str, order: Order) -> None:
    (order.out / there).parent.mkdir(parents=True)
    (order.out / there).write_bytes(b"mine")
    refused(order, Engine("embedded"), "is not empty")
    assert (order.out / there).read_bytes() == b"mine"


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    charts = [
        charted(f"p-{number}", ordered(), *b3_chart(), practitioner("dr", "MD"))
        for number in range(9)
    ]
    return write(
        tmp_path_factory.mktemp("work") / "export", charts, Shape(name="work", layout="mixed")
    ).folder


@pytest.mark.parametrize(
    "lost",
    [
        *("scans/000000.json", "scans/000000.places", "scans/000000.orders", "scans/000000.shared"),
        *("pages/000000.pages", "pages/000000.json", "rows/000000.rows", "rows/000000.json"),
        *("buckets", "cohort.bits", "shared.sqlite", "digests/000000"),
    ],
)
def test_what_a_machine_lost_when_it_went_away_is_done_again(
    lost: str, export: Path, order: Order
) -> None:
    order = order._replace(sources=[str(export)])
    whole = order._replace(out=order.out.with_name("whole"))
    run(whole, embedded.Embedded(1), Quiet(), CLOCK)
    begun(order, Embedded(1))
    # A file may be there without what was written to it.
    assert (order.out / "work" / lost).stat().st_size
    (order.out / "work" / lost).write_bytes(b"")
    run(order, embedded.Embedded(1), Quiet(), CLOCK)
    for name in (*WRITTEN, "manifest.json"):
        assert (order.out / name).read_bytes() == (whole.out / name).read_bytes()
