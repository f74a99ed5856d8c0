"""Records with members that are odd anywhere: an audit reads of them what the service reads."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from audit_exports import write
from audit_performed import same_orders
from audit_population import ORDER_TYPES, Charted, calls_of, population
from audit_runs import audited, differences
from audit_shapes import Shape
from defib_coverage.fhir.needs import PREFETCH
from fhir_builders import Json, bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_server import Live

    Place = tuple[str | int, ...]

pytest_plugins = ("live_server",)
ODD: tuple[object, ...] = (
    *(None, True, False, 5, -1, 1.5, 1e308, 10**25, "", "x", "active", "final"),
    *("2026", "2026-13-45", "2026-02-30", "9999-12-31T23:59:60Z", "2026-11-20T23:59:59-12:00"),
    *([], {}, [None], [[]], ["x"], {"x": 1}, {"coding": None}, {"coding": [{}]}),
    *({"reference": None}, {"reference": "#nothing"}, {"value": "30"}, {"start": 5}),
)
# Whose a record is, and what it is called, is told elsewhere.
KEPT = frozenset({"resourceType", "id", "subject", "patient", "beneficiary"})
# The day of these decides which orders are asked about together.
DATING = frozenset({"Appointment", "Procedure"})


def places(value: object) -> Iterator[Place]:
    """Every place in a piece of JSON, below its first level."""
    members: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    for name, inner in members:
        yield (name,)
        yield from ((name, *rest) for rest in places(inner))


def made_odd(record: Json, chance: random.Random) -> Json:
    """A record in which something, anywhere, is something else, or is missing."""
    made = deepcopy(record)
    where = [one for one in places(made) if one[0] not in KEPT]
    if not where:
        return made
    *path, last = chance.choice(where)
    holder: Any = made
    for name in path:
        holder = holder[name]
    if isinstance(holder, dict) and chance.random() < 0.15:
        del holder[last]
    else:
        holder[last] = chance.choice(ODD)
    return made


def odd_population(chance: random.Random) -> Iterator[Charted]:
    """The vignettes with an order, every third record of their charts odd."""
    for chart in population():
        if chart.orders:
            resources = [
                made_odd(one, chance)
                if one["resourceType"] not in {"Patient", *DATING, *ORDER_TYPES}
                and chance.random() < 0.35
                else one
                for one in chart.resources
            ]
            yield Charted(chart.patient, chart.orders, tuple(resources))


def says(live: Live, chart: Charted) -> dict[tuple[str, str], Json]:
    """What the service says; it is told of the records in the order of their names."""
    found: dict[tuple[str, str], Json] = {}
    for call in calls_of(chart):
        records = sorted(call.chart, key=lambda one: (one["resourceType"], one["id"]))
        everything: Json = {key.name: None for key in PREFETCH}
        body: Json = json.loads(call.body())
        body["prefetch"] = everything | {"chart": bundle(records)}
        for one in live.determinations(body):
            found[f"Patient/{chart.patient}", one["order"]["reference"]] = one
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_odd_members_count_as_they_do_for_the_service(
    seed: int, live: Live, tmp_path: Path
) -> None:
    charts = list(odd_population(random.Random(seed)))  # noqa: S311 - seeded, not secret
    expected = {name: one for chart in charts for name, one in says(live, chart).items()}
    gaps = json.dumps(list(expected.values())).count('"unreadable"')
    assert gaps > 100
    export = write(tmp_path / "export", charts, Shape(name="odd", seed=seed, layout="mixed"))
    outcome = audited(export.folder, tmp_path / "out", "--hindsight")
    assert differences(outcome.requested, same_orders(expected)) == {}
    assert outcome.counts["rejected"] == 0
