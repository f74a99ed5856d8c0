"""Odd resources: one odd resource is one gap, never an error, and never a silent 'covered'."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from live_server import (
    Json,
    bundle,
    concept,
    condition,
    covered_chart,
    device_order,
    gaps_of,
    lvef,
    nyha,
    observation,
    open_chart,
    order,
    patient,
    sign,
    visit,
)

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
ODD_VALUES: list[Any] = [None, True, 7, 1.5, "", "x", [], [1, None, "x"], {}, {"a": {"b": []}}]
INFARCTION = condition("I21.4", "c-infarction", onsetDateTime="2026-11-10")
STENT: Json = {
    "resourceType": "Procedure",
    "id": "stent",
    "status": "completed",
    "subject": {"reference": "Patient/p1"},
    "code": concept("415070008", "http://snomed.info/sct"),
    "performedDateTime": "2026-11-10",
}
EXAMPLES = {
    "order": order(reasonCode=[concept("I25.5", "http://hl7.org/fhir/sid/icd-10-cm")]),
    "device order": device_order(),
    "Patient": patient(),
    "Condition": INFARCTION,
    "Observation": lvef(32),
    "class": nyha(),
    "Encounter": visit(),
    "Procedure": STENT,
    "MedicationRequest": {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": concept(
            "20352", "http://www.nlm.nih.gov/research/umls/rxnorm"
        ),
        "authoredOn": "2026-01-01",
    },
    "Coverage": {
        "resourceType": "Coverage",
        "id": "v1",
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": "Medicare", "identifier": {"system": "x", "value": "1"}}],
        "class": [{"name": "Medicare"}],
        "type": concept("1", "https://nahdo.org/sopt"),
    },
    "Device": {
        "resourceType": "Device",
        "id": "d1",
        "status": "active",
        "patient": {"reference": "Patient/p1"},
        "type": concept("72506001", "http://snomed.info/sct"),
    },
}


def _unreadable(found: Json) -> set[str]:
    return {g["ask"] for g in gaps_of(found) if g["kind"] == "unreadable"}


def _with_last(chart: list[Json], key: str, resource: object) -> Json:
    """A call whose last entry of a key holds the given text instead of a resource."""
    request = sign(chart=[*chart, INFARCTION if key == "conditions" else STENT])
    request["prefetch"][key]["entry"][-1]["resource"] = resource
    return request


# ------------------------------------------------------------------------ one odd resource, one gap

DAMAGE = {
    "subject": "Patient/p1",
    "onsetDateTime": 20261110,
    "recordedDate": ["2026-11-10"],
    "clinicalStatus": ["active"],
    "verificationStatus": 1,
    "onsetPeriod": "2026-11-10",
    "encounter": "Encounter/e1",
    "id": 5,
    "code": "I21.4",
    "status": {"text": "active"},
}


@pytest.mark.parametrize("field", DAMAGE)
def test_an_infarction_with_a_field_of_a_wrong_type_is_a_gap_and_not_covered(
    live: Live,
    field: str,
) -> None:
    odd = INFARCTION | {field: DAMAGE[field]}
    found = live.determination(sign(chart=[*covered_chart(), odd]))
    assert found["status"] in {"conditional", "not-covered"}
    assert _unreadable(found) or found["waitingPeriods"]
    assert live.cards(sign(chart=[*covered_chart(), odd]))


def test_an_odd_resource_costs_itself_and_no_other(live: Live) -> None:
    odd = INFARCTION | {"onsetDateTime": 20261110}
    chart = [*covered_chart(), odd]
    found = live.determination(sign(chart=chart))
    criteria = {c["id"]: c for i in found["indications"] for c in i["criteria"]}
    assert criteria["lvef-35"]["truth"] == "met"
    assert criteria["nyha-ii-iii"]["truth"] == "met"
    assert {"Condition/c-infarction" in ask for ask in _unreadable(found)} == {True}


def test_an_odd_resource_whose_code_is_in_no_value_set_is_no_gap(live: Live) -> None:
    odd = condition("E11.9", "c-diabetes", onsetDateTime=7, recordedDate=[1])
    found = live.determination(sign(chart=[*covered_chart(), odd]))
    assert found["status"] == "covered"
    assert _unreadable(found) == set()


def test_an_odd_resource_under_a_key_of_its_own_is_a_gap(live: Live) -> None:
    request = sign(chart=covered_chart())
    request["prefetch"]["infarction"] = INFARCTION | {"onsetDateTime": 20261110}
    found = live.determination(request)
    assert found["status"] == "conditional"
    assert _unreadable(found)


def test_a_newer_reading_that_cannot_be_read_is_a_gap_beside_an_older_one(live: Live) -> None:
    newer = lvef(55, "lvef-new", effectiveDateTime=["2026-11-15"])
    found = live.determination(sign(chart=[*covered_chart(), newer]))
    assert found["status"] == "conditional"
    assert _unreadable(found)


NO_RESOURCE = {
    "text": json.dumps(INFARCTION),
    "a list": [INFARCTION],
    "a number": 7,
    "without resourceType": {k: v for k, v in INFARCTION.items() if k != "resourceType"},
    "with a resourceType that is no text": INFARCTION | {"resourceType": 5},
}


@pytest.mark.parametrize("key", ["conditions", "procedures"])
@pytest.mark.parametrize("resource", NO_RESOURCE.values(), ids=NO_RESOURCE)
def test_an_entry_that_holds_no_resource_is_a_gap_and_not_covered(
    live: Live,
    resource: object,
    key: str,
) -> None:
    found = live.determination(_with_last(covered_chart(), key, resource))
    assert found["status"] == "conditional"
    assert gaps_of(found)


# -------------------------------------------------------------------------------------- odd Bundles


def _odd_bundles() -> dict[str, object]:
    good = bundle(STENT)
    (entry,) = good["entry"]
    return {
        "total in quotes": good | {"total": "1"},
        "link that is an object": good | {"link": {"relation": "self"}},
        "fullUrl that is a number": good | {"entry": [entry | {"fullUrl": 5}]},
        "search that is text": good | {"entry": [entry | {"search": "match"}]},
        "entry that is an object": good | {"entry": entry},
        "no resourceType": {k: v for k, v in good.items() if k != "resourceType"},
        "resourceType in lower case": good | {"resourceType": "bundle"},
        "a Bundle in a Bundle": bundle(good),
        "Parameters": {"resourceType": "Parameters", "parameter": [{"resource": STENT}]},
        "an object without anything": {},
    }


@pytest.mark.parametrize("value", _odd_bundles().values(), ids=_odd_bundles())
def test_an_odd_bundle_is_read_or_a_gap_and_never_an_empty_one(live: Live, value: object) -> None:
    request = sign(chart=covered_chart())
    request["prefetch"]["procedures"] = value
    response = live.send(request)
    if response.status_code == 400:
        return
    found = live.determination(request)
    assert found["status"] in {"conditional", "not-covered"}


def test_entries_without_resource_are_passed_over(live: Live) -> None:
    request = sign(chart=covered_chart())
    more: list[Json] = [{}, {"resource": None}, {"fullUrl": "urn:uuid:1"}]
    request["prefetch"]["conditions"]["entry"] += more
    assert live.determination(request)["status"] == "covered"


# -------------------------------------------------------------------------- every field, every type


@pytest.mark.parametrize("name", EXAMPLES)
def test_any_field_of_any_type_is_answered(live: Live, name: str) -> None:
    """Every field at every depth, replaced by values of every type, is a 2xx or a 4xx."""
    example = EXAMPLES[name]
    for path in _paths(example):
        for value in ODD_VALUES:
            odd = json.loads(json.dumps(example))
            node = odd
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = value
            ordered = name in {"order", "device order"}
            request = sign(odd, order(identity="good")) if ordered else sign(chart=open_chart())
            if not ordered:
                request["prefetch"]["odd"] = bundle(odd)
            response = live.send(request)
            assert response.status_code == 200
            assert response.json()["cards"]


def _paths(node: object, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps: list[tuple[Any, object]] = []
    if isinstance(node, dict):
        steps = list(node.items())
    elif isinstance(node, list):
        steps = list(enumerate(node))
    found: list[tuple[Any, ...]] = []
    for step, inner in steps:
        path = (*before, step)
        found += [path, *_paths(inner, path)]
    return found


# --------------------------------------------------------------------------------------- odd orders

ODD_FIELDS = {
    "authoredOn": 20261116,
    "occurrenceDateTime": ["2026-11-20"],
    "reasonCode": {"coding": [{"code": "I25.5"}]},
    "reasonReference": {"reference": "Condition/c-ischemic"},
    "status": ["draft"],
    "id": 7,
    "subject": "Patient/p1",
}


@pytest.mark.parametrize("field", ODD_FIELDS)
def test_an_order_of_ours_with_one_odd_field_is_not_passed_over_in_silence(
    live: Live,
    field: str,
) -> None:
    assert live.cards(sign(order() | {field: ODD_FIELDS[field]}))


# ----------------------------------------------------------------------------------- extreme values

DAYS = [
    "9999-12-31",
    "9999-12",
    "9999",
    "0001-01-01",
    "0001",
    "0000-00-00",
    "2026-02-30",
    "2026-13-01",
    "20261120",
    "yesterday",
    "",
    "2026-11-20T25:61:61Z",
    "2026-11-20T00:00:00+99:99",
    "\u0662\u0660\u0662\u0666-\u0661\u0661-\u0662\u0660",
    "-2026-11-20",
]


@pytest.mark.parametrize("day", DAYS)
def test_any_date_anywhere_is_answered(live: Live, day: str) -> None:
    infarction = condition("I21.4", "c-mi", onsetDateTime=day, recordedDate=day)
    stent = STENT | {"performedDateTime": day}
    ended = condition("I25.5", "c-ended", abatementDateTime=day)
    aged = condition("I21.4", "c-aged", onsetDateTime=None, onsetAge={"value": 60, "code": "a"})
    born = patient(birthDate=day)
    read = lvef(20, effectiveDateTime=day)
    request = sign(
        order(occurrenceDateTime=day),
        order(identity="order-2", authoredOn=day, status="completed"),
        chart=[*covered_chart()[1:], born, infarction, stent, ended, aged, read],
    )
    assert live.send(request).status_code == 200
    assert len(live.determinations(request)) == 2
    for chart in ([infarction], [stent], [born, aged], [ended], [read]):
        assert live.send(sign(order(occurrenceDateTime=day), chart=chart)).status_code == 200
        assert live.send(sign(chart=chart)).status_code == 200


@pytest.mark.parametrize("age", [0, 1, 150, 151, 9999, -1, 0.5, 1e300])
@pytest.mark.parametrize("born", ["0001-01-01", "9999-12-31", "9990", "1956-02-29"])
def test_any_age_at_onset_is_answered(live: Live, age: float, born: str) -> None:
    aged = condition("I21.4", "c-aged", onsetDateTime=None, onsetAge={"value": age, "code": "a"})
    assert live.send(sign(chart=[patient(birthDate=born), aged])).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        {"valueInteger": 10**300},
        {"valueInteger": 10**400},
        {"valueInteger": -(10**400)},
        {"valueString": "9" * 900},
        {"valueString": "%" * 100_000},
        {"valueString": "1-" * 50_000},
        {"valueString": "I" * 100_000},
        {"valueRange": {"low": {"value": 1e308}, "high": {"value": -1e308}}},
        {"valueQuantity": {"value": 1e308, "unit": "%"}},
        {"valueQuantity": {"value": -0.0}},
        {"valueQuantity": {"value": 30, "comparator": "~"}},
        {"component": [{"code": {"coding": [{}]}}, {}]},
    ],
    ids=lambda value: next(iter(value)),
)
@pytest.mark.parametrize("code", ["8806-2", "88020-3", "8867-4"])
def test_any_value_of_an_observation_is_answered(live: Live, code: str, value: Json) -> None:
    odd = observation(code, "o1", **value)
    chart = [r for r in covered_chart() if r["resourceType"] != "Observation"]
    request = sign(chart=[*chart, odd])
    response = live.send(request)
    assert response.status_code == 200
    assert response.elapsed.total_seconds() < 2
    assert live.determination(request)["status"] in {"conditional", "not-covered"}
