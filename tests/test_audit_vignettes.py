"""An audit of the vignettes says of every order what the service says of it when it is asked.

The service is asked over HTTP, with the same records under its prefetch keys, once for each patient
and service date. Today is 20 November 2026 for both.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from audit_bundles import BundleType, write_bundles, write_calls, write_documents
from audit_exports import Export, write
from audit_performed import Form, performed, same_orders
from audit_population import (
    Charted,
    as_uuid,
    expected_of,
    merged,
    population,
)
from audit_runs import COUNTS, Outcome, audited, differences
from audit_shapes import SHAPES, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fhir_builders import Json
    from live_server import Live

    Found = Mapping[tuple[str, str], Json]

pytest_plugins = ("live_server",)
NEWEST = {"versionId": "7", "lastUpdated": "2026-11-19T12:00:00.000Z"}
# On a cluster the lines are read by the same code: one shape that has it all.
RUNS = [*(("embedded", shape) for shape in SHAPES), ("spark", SHAPES[-1])]


class Ran(NamedTuple):
    """An export and what an audit made of it."""

    export: Export
    outcome: Outcome


@pytest.fixture(scope="module")
def charts() -> list[Charted]:
    return population()


@pytest.fixture(scope="module")
def expected(charts: list[Charted], live: Live) -> Found:
    return same_orders(expected_of(charts, live))


@pytest.fixture(
    scope="module",
    params=RUNS,
    ids=lambda one: f"{one[0]}-{one[1].name}",
)
def ran(
    request: pytest.FixtureRequest,
    charts: list[Charted],
    tmp_path_factory: pytest.TempPathFactory,
) -> Ran:
    engine, shape = request.param
    folder = tmp_path_factory.mktemp(shape.name)
    export = write(folder / "export", charts, shape)
    return Ran(export, audited(export.folder, folder / "out", engine=engine))


def test_determinations_are_those_of_the_service(ran: Ran, expected: Found) -> None:
    assert differences(ran.outcome.requested, expected) == {}


def test_every_line_is_accounted_for(ran: Ran) -> None:
    export, counts = ran.export, ran.outcome.counts
    assert counts["lines"] == sum(len(file.lines) for file in export.files)
    assert {fate: counts[name] for fate, name in COUNTS.items()} == {
        fate: export.count(fate) for fate in COUNTS
    }
    assert counts["records"] == counts["withOrders"] + counts["withoutOrders"]
    broken = sum(bool(file.fault) for file in export.files)
    assert counts["broken"] == broken
    assert counts["rejects"] == len(ran.outcome.rejects) == counts["rejected"] + broken
    assert {file["file"]: file["lines"] for file in ran.outcome.manifest["inputs"]} == {
        file.name: len(file.lines) for file in export.files
    }


def test_every_reject_names_its_line(ran: Ran) -> None:
    lines = [(one["file"], one["line"]) for one in ran.outcome.rejects if one["line"] is not None]
    assert sorted(lines) == sorted(ran.export.rejected())
    files = {one["file"]: one["reason"] for one in ran.outcome.rejects if one["line"] is None}
    faults = {file.name: file.fault for file in ran.export.files if file.fault}
    assert files.keys() == faults.keys()
    for name, reason in files.items():
        assert faults[name] in reason


def test_every_row_names_the_line_of_its_order(ran: Ran) -> None:
    files = {file.name: file for file in ran.export.files}
    for row in ran.outcome.rows:
        line = files[row["audit"]["file"]].lines[row["audit"]["line"] - 1]
        order = json.loads(line.text)
        identity = row["order"]["reference"].partition("/")[2].partition("#")[0]
        assert order["id"] == identity
        # Of two states of an order the newer one was judged.
        assert order.get("meta", NEWEST) == NEWEST


def test_what_was_recorded_later_makes_no_difference_to_the_vignettes(
    charts: list[Charted], expected: Found, tmp_path: Path
) -> None:
    """No record of theirs was written down after its order's day, so hindsight adds nothing."""
    export = write(tmp_path / "export", charts, Shape(name="plain"))
    outcome = audited(export.folder, tmp_path / "out", "--hindsight")
    assert differences(outcome.requested, expected) == {}
    assert {row["audit"]["knownAt"] for row in outcome.rows} == {None}


def test_patient_with_orders_of_several_days_is_judged_on_each(
    charts: list[Charted], live: Live, tmp_path: Path
) -> None:
    """Two vignettes as one patient: the same day in one call, other days in calls of their own."""
    half = len(charts) // 2
    pairs = merged(charts[:half], charts[half : 2 * half])
    export = write(tmp_path / "export", pairs, Shape(name="pairs", parts=2))
    outcome = audited(export.folder, tmp_path / "out", "--hindsight")
    assert differences(outcome.requested, same_orders(expected_of(pairs, live))) == {}


@pytest.mark.parametrize("form", ["Procedure", "Claim", "ExplanationOfBenefit"])
def test_what_was_carried_out_is_judged_as_if_ordered(
    form: Form, charts: list[Charted], expected: Found, tmp_path: Path
) -> None:
    done = performed(charts, {order for _, order in expected}, form)
    wanted = {
        (patient, done.names[order]): done.renamed(one)
        for (patient, order), one in expected.items()
        if order in done.names
    }
    assert len(wanted) > 350
    export = write(tmp_path / "export", done.charts, Shape(name=form, parts=2, packing="gzip"))
    outcome = audited(export.folder, tmp_path / "out")
    found = {name: one for name, one in outcome.determinations.items() if name in wanted}
    assert differences(found, wanted) == {}
    assert {row["audit"]["performed"] for row in outcome.rows} == {True}


@pytest.fixture(scope="module")
def by_uuid() -> list[Charted]:
    return population(as_uuid)


@pytest.fixture(scope="module")
def expected_by_uuid(by_uuid: list[Charted], live: Live) -> Found:
    return same_orders(expected_of(by_uuid, live))


@pytest.mark.parametrize(
    ("kind", "together"),
    [("collection", 7), ("searchset", 1), ("transaction", 1), ("transaction", 7)],
)
def test_bundles_say_the_same(
    kind: BundleType,
    together: int,
    by_uuid: list[Charted],
    expected_by_uuid: Found,
    tmp_path: Path,
) -> None:
    lines = write_bundles(tmp_path / "bundles", by_uuid, kind, together)
    outcome = audited(tmp_path / "bundles", tmp_path / "out")
    assert differences(outcome.requested, expected_by_uuid) == {}
    assert outcome.counts["lines"] == outcome.counts["bundles"] == lines
    assert outcome.rejects == []


@pytest.mark.parametrize("kind", ["collection", "transaction"])
def test_bundles_in_files_of_their_own_say_the_same(
    kind: BundleType, by_uuid: list[Charted], expected_by_uuid: Found, tmp_path: Path
) -> None:
    files = write_documents(tmp_path / "bundles", by_uuid, kind)
    outcome = audited(tmp_path / "bundles", tmp_path / "out")
    assert differences(outcome.requested, expected_by_uuid) == {}
    assert len(outcome.manifest["inputs"]) == outcome.counts["lines"] == files
    assert outcome.rejects == []


def test_hook_calls_say_the_same(charts: list[Charted], expected: Found, tmp_path: Path) -> None:
    lines = write_calls(tmp_path / "calls", charts)
    outcome = audited(tmp_path / "calls", tmp_path / "out")
    assert differences(outcome.determinations, expected) == {}
    assert outcome.counts["lines"] == lines == outcome.counts["requests"]
    assert outcome.rejects == []
