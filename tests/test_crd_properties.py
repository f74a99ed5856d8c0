"""Laws of coverage information: the same call says the same, and an order keeps its text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crd_corpus import (
    COVERAGE,
    HOOKS,
    VERSIONS,
    VIGNETTES,
    asking,
    conformant,
    request_of,
    today_of,
)
from crd_judge.call import Call, Reply
from crd_judge.json_text import compact, items, member, statements
from crd_judge.rules import broken_rules
from crd_judge.statements import codes_of, coverage_of
from defib_coverage.hooks.answer import Answerer
from defib_coverage.hooks.asked import Asked
from defib_coverage.hooks.configuration import read_configuration
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from fhir_builders import b3_chart, bundle, by_keys, order, payer
from order_texts import OLDER, order_texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from crd_judge.call import Version
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.hooks.response import HookResponse

    Answer = Callable[..., HookResponse]

Json = dict[str, Any]
OURS = f"Coverage/{COVERAGE['id']}"
COVERED = next(v for v in VIGNETTES if v["id"] == "B2-I50.22")
vignettes = st.sampled_from(VIGNETTES)
hooks = st.sampled_from(HOOKS)
versions = st.sampled_from(VERSIONS)
drafting = st.sampled_from(["order-sign", "order-select"])


def encoded(answered: HookResponse) -> str:
    return msgspec.json.encode(answered).decode()


def actions(answered: HookResponse) -> list[str]:
    """The system actions as they go over the wire."""
    return items(member(encoded(answered), "systemActions"))


def updated(action: str) -> str:
    return member(action, "resource")


def of_ours(resource: str) -> list[Json]:
    """The statements of the Coverage of the corpus on an order."""
    told = [json.loads(one) for one in statements(resource)]
    return [one for one in told if coverage_of(one) == OURS]


def ids(resources: list[str]) -> set[str]:
    """The assertion ids of the Coverages named by the calls."""
    found = {
        one for r in resources for text in statements(r) for one in codes_of(json.loads(text), _ID)
    }
    assert found
    return found


_ID = "coverage-assertion-id"


# --------------------------------------------------------------------------- the same says the same


@given(vignettes, hooks, versions, st.uuids())
def test_the_same_call_says_the_same(
    answer: Answer, vignette: Json, hook: str, version: Version | None, instance: object
) -> None:
    request = asking(request_of(vignette), hook, version)
    once = actions(answer(json.dumps(request).encode(), today_of(vignette)))
    again = request | {"hookInstance": str(instance)}
    assert actions(answer(json.dumps(again).encode(), today_of(vignette))) == once


def with_drafts(request: Json, resources: list[str]) -> bytes:
    """The call with these orders for its own of the same names."""
    drafts = {(one["resourceType"], one["id"]): one for one in map(json.loads, resources)}
    entries = request["context"]["draftOrders"]["entry"]
    orders = [entry["resource"] for entry in entries]
    orders = [drafts.get((one["resourceType"], one["id"]), one) for one in orders]
    context = request["context"] | {"draftOrders": bundle(orders)}
    return json.dumps(request | {"context": context}).encode()


@given(vignettes, versions)
def test_what_is_said_already_is_not_said_again(
    answer: Answer, vignette: Json, version: Version | None
) -> None:
    request, today = asking(request_of(vignette), "order-sign", version), today_of(vignette)
    said = [updated(one) for one in actions(answer(json.dumps(request).encode(), today))]
    assert actions(answer(with_drafts(request, said), today)) == []


@given(vignettes, st.randoms(use_true_random=False))
def test_a_statement_of_another_day_in_another_order_says_the_same(
    answer: Answer, vignette: Json, random: Random
) -> None:
    request, today = request_of(vignette), today_of(vignette)
    said = [
        json.loads(updated(one)) for one in actions(answer(json.dumps(request).encode(), today))
    ]
    for resource in said:
        parts = resource["extension"][0]["extension"]
        random.shuffle(parts)
        said_by = {part["url"]: part for part in parts}
        said_by["date"]["valueDate"] = "2026-01-31"
        said_by[_ID]["valueString"] = "of another day"
    texts = [json.dumps(resource) for resource in said]
    assert actions(answer(with_drafts(request, texts), today)) == []


@given(vignettes, st.tuples(drafting, versions), vignettes, st.tuples(drafting, versions))
def test_one_statement_of_a_coverage_stands_whatever_changed(
    answer: Answer,
    vignette: Json,
    first: tuple[str, Version | None],
    other: Json,
    second: tuple[str, Version | None],
) -> None:
    request, today = request_of(vignette), today_of(vignette)
    body = json.dumps(asking(request, *first)).encode()
    said = [updated(one) for one in actions(answer(body, today))]
    changed = asking(request | {"prefetch": request_of(other)["prefetch"]}, *second)
    fresh = [updated(one) for one in actions(answer(json.dumps(changed).encode(), today))]
    now = {member(one, "id"): one for one in said}
    for action in actions(answer(with_drafts(changed, said), today)):
        now[member(updated(action), "id")] = updated(action)
    expected = {member(one, "id"): of_ours(one)[0] for one in fresh}
    for name, resource in now.items():
        (standing,) = of_ours(resource)
        assert name not in expected or substance(standing) == substance(expected[name])


def substance(told: Json) -> list[Json]:
    """What a statement says, without its day and its id."""
    return [one for one in told["extension"] if one["url"] not in {"date", _ID}]


# -------------------------------------------------------------------------- an order keeps its text


@given(order_texts(conformant(order(), today_of(COVERED))), versions)
def test_nothing_but_the_statement_changes(
    answer: Answer, text: str, version: Version | None
) -> None:
    request = asking(request_of(COVERED), "order-sign", version)
    body = json.dumps(request)
    drafted = json.dumps(request["context"]["draftOrders"]["entry"][0]["resource"])
    body = body.replace(drafted, text)
    (action,) = actions(answer(body.encode(), today_of(COVERED)))
    scope = ("ServiceRequest/order-1",)
    call = Call(version, "order-sign", body, scope, today_of(COVERED))
    reply = Reply(200, "application/json", f'{{"cards":[],"systemActions":[{action}]}}'.encode(), 0)
    assert broken_rules(call, reply) == []
    assert len(of_ours(updated(action))) == 1
    sent = compact(text)
    kept = [one for one in items(member(sent, "extension")) if one not in OLDER]
    assert items(member(updated(action), "extension"))[:-1] == kept


def test_every_digit_comes_back(answer: Answer) -> None:
    request = asking(request_of(COVERED), "order-sign", None)
    drafted = json.dumps(request["context"]["draftOrders"]["entry"][0]["resource"])
    numbers = "[1.00,1e3,-0.0,12345678901234567890.10,1E-7,0.10]"
    text = drafted.replace('"id": ', f'"own": {numbers}, "id": ')
    (action,) = actions(answer(json.dumps(request).replace(drafted, text).encode()))
    assert member(updated(action), "own") == numbers


# ----------------------------------------------------------------------------- another's is another


def said_to(knowledge: Knowledge, caller: str | None, request: Json) -> list[str]:
    """The updated orders that a client gets."""
    decoded = decode_request(json.dumps(request).encode(), knowledge.index)
    today = today_of(COVERED)
    evaluation = Evaluator(knowledge).evaluate(decoded, today)
    configuration = read_configuration(decoded.request.extension)
    asked = Asked(decoded=decoded, configuration=configuration, today=today, caller=caller)
    return [updated(one) for one in actions(Answerer(knowledge).answer(evaluation, asked).response)]


def test_ids_are_of_one_patient_client_order_and_coverage(knowledge: Knowledge) -> None:
    request = request_of(COVERED)
    text = json.dumps(request)
    calls = {
        "the first": (None, text),
        "another client": ("client-2", text),
        "a third client": ("client-3", text),
        "another patient": (None, text.replace('"p1"', '"p2"').replace("Patient/p1", "Patient/p2")),
        "another order": (None, text.replace('"order-1"', '"order-2"')),
        "another coverage": (None, text.replace(COVERAGE["id"], "medicare-2")),
    }
    found = {
        name: ids(said_to(knowledge, caller, json.loads(body)))
        for name, (caller, body) in calls.items()
    }
    everything = [one for listed in found.values() for one in listed]
    assert len(set(everything)) == len(everything) == len(calls)


def test_two_orders_of_one_call_have_ids_of_their_own(knowledge: Knowledge) -> None:
    request = request_of(COVERED)
    drafts = [
        conformant(order(id=name), today_of(COVERED)) for name in ("order-1", "order-2", "order-3")
    ]
    request["context"]["draftOrders"] = bundle(drafts)
    assert len(ids(said_to(knowledge, None, request))) == len(drafts)


def test_a_statement_of_another_coverage_keeps_its_id(answer: Answer) -> None:
    # Two coverages of one patient: the order names one of them today, the other tomorrow.
    other = payer("1", id="medicare-2", subscriberId="9ZZ8YY7XX65")
    orders = [conformant(order(), today_of(COVERED))]
    request = request_of(COVERED) | {"prefetch": by_keys([*b3_chart(), COVERAGE, other])}
    request["context"] |= {"draftOrders": bundle(orders)}
    (first,) = actions(answer(json.dumps(request).encode()))
    once = json.loads(updated(first))
    once["insurance"] = [{"reference": "Coverage/medicare-2"}]
    (second,) = actions(answer(with_drafts(request, [json.dumps(once)])))
    told = [json.loads(one) for one in statements(updated(second))]
    assert [coverage_of(one) for one in told] == [OURS, "Coverage/medicare-2"]
    assert told[0] == of_ours(updated(first))[0]
    assert len(ids([updated(second)])) == 2
