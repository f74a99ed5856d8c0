"""What a request costs: filters count every character that they look at."""

from __future__ import annotations

import msgspec
import pytest

from defib_coverage.terminology.operations.filters import matching
from defib_coverage.terminology.operations.known_systems import KnownSystem, known_from
from defib_coverage.terminology.operations.work import MOST_WORK, Work
from defib_coverage.terminology.resources import CodeSystem, ValueSetFilter
from test_tx_expand import SYSTEM, code_system, value_set
from tx_calls import Json, published, refused

SERVICE = published()
MANY, LONG = 50, 200


def system_of(*concepts: Json) -> KnownSystem:
    own = code_system(*concepts, property=[{"code": "hue", "type": "string"}])
    return known_from(msgspec.convert(own, CodeSystem), brought=True)


def work_of(system: KnownSystem, name: str, op: str, value: str) -> int:
    work = Work()
    matching(system, ValueSetFilter(name, op, value), work)
    return work.done


@pytest.mark.parametrize("op", ["regex", "=", "in", "exists"])
def test_every_character_of_a_value_counts(op: str) -> None:
    value = "true" if op == "exists" else "a*"
    long = system_of(*({"code": f"c{n}", "display": "a" * LONG} for n in range(MANY)))
    assert work_of(long, "display", op, value) >= MANY * LONG // 10
    held = [{"code": "hue", "valueString": "a" * LONG}] * MANY
    assert work_of(system_of({"code": "c", "property": held}), "hue", op, value) >= (
        MANY * LONG // 10
    )


@pytest.mark.parametrize("name", ["hue", "display", "concept", "child"])
def test_properties_and_parents_count_though_no_value_is_tested(name: str) -> None:
    above = [{"code": "parent", "valueCode": "c"}] * MANY
    system = system_of({"code": "c", "property": above})
    op, value = ("is-a", "c") if name == "concept" else ("exists", "true")
    assert work_of(system, name, op, value) >= MANY


def test_a_parent_that_is_named_again_is_one() -> None:
    above = [{"code": "parent", "valueCode": "b"}] * MANY
    system = system_of({"code": "b", "concept": [{"code": "a", "property": above}]})
    known = system.find("a")
    assert known is not None
    assert known.parents == ("b",)
    assert system.children() == {"b": ("a",)}


@pytest.mark.parametrize(
    ("concepts", "name"),
    [
        ([{"code": f"c{n}", "display": "a" * LONG} for n in range(MANY)], "display"),
        ([{"code": "c", "property": [{"code": "parent", "valueCode": "c"}] * 1000}], "parent"),
    ],
)
def test_many_filters_on_little_are_too_much(concepts: list[Json], name: str) -> None:
    filters = [{"property": name, "op": "regex", "value": "a*"}] * (MOST_WORK // 1000)
    asked = {
        "valueSet": value_set({"system": SYSTEM, "filter": filters}),
        "tx_resource": code_system(*concepts),
    }
    status, issue = refused(lambda: SERVICE.post("ValueSet/$expand", **asked))
    assert (status, issue["code"]) == (422, "too-costly")
