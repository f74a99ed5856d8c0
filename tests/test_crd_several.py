"""Calls with several orders, of our kinds and of others, are answered to the letter too."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING

import msgspec
import pytest

from conftest import TODAY
from crd_corpus import COVERAGE, VERSIONS, asking, conformant, in_scope
from crd_judge.call import Call, Reply
from crd_judge.json_text import items, member
from crd_judge.rules import broken_rules
from fhir_builders import (
    PATIENT,
    Json,
    b3_chart,
    by_keys,
    concept,
    condition,
    device_request,
    lvef,
    nyha,
    order,
    patient,
    sign,
    weak_heart,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from crd_judge.call import Version
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.hooks.response import HookResponse

    Answer = Callable[..., HookResponse]
    Evaluate = Callable[..., tuple[Determination, ...]]

MEDICATION: Json = {
    "resourceType": "MedicationRequest",
    "id": "drug-1",
    "medicationCodeableConcept": concept("20352", "rxnorm"),
    "subject": {"reference": f"Patient/{PATIENT}"},
}
ORDERS: dict[str, list[Json]] = {
    "a drug beside": [order(), MEDICATION],
    "an echo beside": [order(), order("93306", id="echo-1")],
    "two of ours": [order(), order("33262", id="order-2")],
    "implant and device": [order(), device_request("C1721", id="device-1")],
    "implant and lead": [order(), order("33225", id="lead-1")],
    "removal and implant": [order("33241", id="removal-1"), order()],
    "one twice": [order(), order()],
    "many": [order(id=f"order-{number}") for number in range(6)],
    "none of ours": [order("93306", id="echo-1"), MEDICATION],
}
CHARTS: dict[str, list[Json]] = {
    "covered": b3_chart(),
    "open": [patient(), condition("I25.5", "2024-01-10"), lvef(30)],
    "waiting": [patient(), condition("I21.4", "2026-11-10"), *weak_heart(28)],
    "without codes": [
        patient(),
        condition("I25.5", "2024-01-10"),
        condition("441481004", "2024-01-10", system="snomed"),
        lvef(30),
        nyha(2),
    ],
    "empty": [patient()],
}


def call(orders: list[Json], chart: list[Json], hook: str, version: Version | None) -> Json:
    drafts = [conformant(one, TODAY) for one in orders]
    request: Json = json.loads(sign(drafts, by_keys([*chart, COVERAGE])))
    return asking(request, hook, version)


@pytest.mark.parametrize("orders", ORDERS.values(), ids=ORDERS)
def test_every_rule_is_kept(answer: Answer, evaluate: Evaluate, orders: list[Json]) -> None:
    for chart, hook, version in product(CHARTS.values(), ("order-sign", "order-select"), VERSIONS):
        text = json.dumps(call(orders, chart, hook, version))
        scope = in_scope(evaluate(text.encode(), TODAY))
        reply = Reply(200, "application/json", msgspec.json.encode(answer(text.encode())), 0)
        assert broken_rules(Call(version, hook, text, scope, TODAY), reply) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_only_what_is_selected_is_spoken_of(
    answer: Answer, evaluate: Evaluate, version: Version | None
) -> None:
    request = call(ORDERS["two of ours"], CHARTS["open"], "order-select", version)
    request["context"]["selections"] = ["ServiceRequest/order-2"]
    text = json.dumps(request)
    assert in_scope(evaluate(text.encode(), TODAY)) == ("ServiceRequest/order-2",)
    body = msgspec.json.encode(answer(text.encode()))
    scope = ("ServiceRequest/order-2",)
    reply = Reply(200, "application/json", body, 0)
    assert broken_rules(Call(version, "order-select", text, scope, TODAY), reply) == []
    assert len(items(member(body.decode(), "systemActions"))) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_call_may_want_no_coverage_information(answer: Answer, version: Version | None) -> None:
    request = call(ORDERS["two of ours"], CHARTS["open"], "order-sign", version)
    wanted = request.get("extension", {}) | {"davinci-crd.configuration": {"coverage-info": False}}
    text = json.dumps(request | {"extension": wanted})
    body = msgspec.json.encode(answer(text.encode()))
    assert member(body.decode(), "systemActions") == ""
    found = broken_rules(
        Call(version, "order-sign", text, ("ServiceRequest/order-1",), TODAY),
        Reply(200, "application/json", body, 0),
    )
    assert found == []


def test_no_coverage_no_statement(answer: Answer) -> None:
    request = call(ORDERS["two of ours"], CHARTS["open"], "order-sign", None)
    del request["prefetch"]["coverage"]
    for entry in request["context"]["draftOrders"]["entry"]:
        del entry["resource"]["insurance"]
    body = msgspec.json.encode(answer(json.dumps(request).encode()))
    assert member(body.decode(), "systemActions") == ""
    assert member(body.decode(), "cards") not in {"", "[]"}
