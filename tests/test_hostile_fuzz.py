"""Random bodies and random damage: always a 2xx or a 4xx, always JSON, never a 5xx."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from defib_coverage.app import create_app
from defib_coverage.settings import Settings
from live_server import (
    TODAY,
    Json,
    condition,
    covered_chart,
    device_order,
    every_call,
    in_process,
    order,
    sign,
)

APP = create_app(Settings(), today=lambda: TODAY)
FEW = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**320)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "Bundle",
            "Condition",
            "ServiceRequest",
            "OperationOutcome",
            "order-sign",
            "Patient/p1",
            "p1",
            "2026-11-20",
            "9999-12-31",
            "0001",
            "http://hl7.org/fhir/sid/icd-10-cm",
            "I25.5",
            "I21.4",
            "33249",
            "<img src=x onerror=alert(1)>",
            "\ud800",
        ],
    )
)
NAMES = st.text(max_size=8) | st.sampled_from(
    [
        "hook",
        "hookInstance",
        "context",
        "patientId",
        "userId",
        "draftOrders",
        "prefetch",
        "conditions",
        "resourceType",
        "entry",
        "resource",
        "code",
        "coding",
        "system",
        "subject",
        "reference",
        "total",
        "link",
        "id",
    ],
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


def _full_call() -> Json:
    infarction = condition("I21.4", "c-infarction", onsetDateTime="2026-11-10")
    return sign(order(), device_order(), chart=[*covered_chart(), infarction])


CALLS = [_full_call(), *every_call().values()]


def _posted(path: str, body: bytes) -> int:
    """Post a body; whatever the answer, it is JSON and no 5xx."""
    status, answer = in_process(APP, path, body)
    found = json.loads(answer)
    assert isinstance(found, dict)
    if status == 200:
        assert "cards" in found or "determinations" in found
    else:
        assert 400 <= status < 500
        assert found["resourceType"] == "OperationOutcome"
    return status


def _path_of(call: Json) -> str:
    return f"/cds-services/defibrillator-{call['hook']}"


@FEW
@given(VALUES)
def test_any_json_value_as_a_body_is_refused(body: object) -> None:
    text = json.dumps(body).encode()
    assert _posted("/cds-services/defibrillator-order-sign", text) >= 400
    assert _posted("/determinations", text) >= 400


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_as_a_body_are_refused(body: bytes) -> None:
    assert _posted("/cds-services/defibrillator-order-sign", body) >= 400


@FEW
@given(st.sampled_from(CALLS), st.sampled_from(["context", "prefetch", "extension"]), VALUES)
def test_any_value_of_a_member_is_answered(call: Json, member: str, value: object) -> None:
    body = json.dumps(call | {member: value}).encode()
    _posted(_path_of(call), body)
    _posted("/determinations", body)


@FEW
@given(st.sampled_from(CALLS), st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_prefetch_is_answered(call: Json, prefetch: Json) -> None:
    body = json.dumps(call | {"prefetch": call["prefetch"] | prefetch}).encode()
    _posted(_path_of(call), body)
    _posted("/determinations", body)


def _damage(node: Any, chance: random.Random, value: object) -> None:  # noqa: ANN401 - any JSON
    """Delete, replace or repeat one random node."""
    while True:
        steps = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not steps:
            return
        step = chance.choice(steps)
        inner = node[step]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.85:
            node = inner
            continue
        kind = chance.choice(["delete", "replace", "repeat", "swap"])
        if kind == "delete":
            del node[step]
        elif kind == "replace":
            node[step] = deepcopy(value)
        elif kind == "repeat" and isinstance(node, list):
            node.append(deepcopy(inner))
        elif kind == "swap":
            other = chance.choice(steps)
            node[step], node[other] = node[other], inner
        else:
            node[step] = [deepcopy(inner), deepcopy(inner)]
        return


@FEW
@given(
    st.sampled_from(CALLS),
    st.randoms(use_true_random=False),
    st.lists(VALUES, min_size=1, max_size=4),
)
def test_a_good_call_with_random_damage_is_answered(
    call: Json,
    chance: random.Random,
    values: list[object],
) -> None:
    damaged = deepcopy(call)
    for value in values:
        _damage(damaged, chance, value)
    body = json.dumps(damaged).encode()
    _posted(_path_of(call), body)
    _posted("/determinations", body)


@FEW
@given(st.sampled_from(CALLS), st.data())
def test_a_good_call_with_damaged_bytes_is_answered(call: Json, data: st.DataObject) -> None:
    text = bytearray(json.dumps(call).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        end = place + data.draw(st.integers(0, 30))
        text[place:end] = data.draw(st.binary(max_size=10))
    _posted(_path_of(call), bytes(text))


@pytest.mark.parametrize("seed", range(300))
def test_a_chart_with_much_random_damage_is_answered(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - seeded, so that a failure can be repeated
    call = deepcopy(chance.choice(CALLS))
    odd: list[object] = [None, True, 0, -1, 10**310, 1.5, "", "x", [], {}, [None], "9999-12-31"]
    for _ in range(chance.randrange(1, 25)):
        _damage(call["prefetch"], chance, chance.choice(odd))
    body = json.dumps(call).encode()
    _posted(_path_of(call), body)
    _posted("/determinations", body)
