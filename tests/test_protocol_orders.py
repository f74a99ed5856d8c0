"""Orders as clients send them: several, signed anew, by Device, beside others; each as it came."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import TODAY
from defib_coverage.errors import RequestError
from defib_coverage.fhir.amend import items, members
from defib_coverage.fhir.fetching import Fetched
from defib_coverage.fhir.raw import RawEntry
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.statement import URL
from defib_coverage.hooks.wire import decode_request
from defib_coverage.network.transfer import Reason
from fhir_builders import (
    DOS,
    EVIDENCE,
    INSTANCE,
    Json,
    b3_chart,
    bundle,
    by_keys,
    coding,
    concept,
    condition,
    device,
    device_request,
    order,
    patient,
    payer,
    sign,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.fhir.fetching import Query
    from defib_coverage.hooks.evaluation import Evaluation
    from defib_coverage.hooks.response import Action, HookResponse

    Answer = Callable[[bytes], HookResponse]
    Evaluate = Callable[[bytes], tuple[Determination, ...]]

BILLING_OPTIONS = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
COVERAGE = "Coverage/cov-1"
UNDATED = condition("I21.4", None)
_WHITE = re.compile(rb'("(?:[^"\\]|\\.)*")|\s+')


def insured(chart: Sequence[Json]) -> list[Json]:
    """A chart with a Medicare coverage."""
    return [*chart, payer("1", id="cov-1")]


def covered() -> Json:
    """The prefetch of a patient whose first implant is covered."""
    return by_keys(insured(b3_chart()))


def waiting() -> Json:
    """The prefetch of a patient ten days after an infarction."""
    return by_keys(insured([*b3_chart(), condition("I21.4", "2026-11-10")]))


def select(orders: Sequence[Json], selected: Sequence[str], prefetch: Json) -> bytes:
    """The body of an order-select call."""
    call = json.loads(sign(orders, prefetch)) | {"hook": "order-select"}
    call["context"]["selections"] = list(selected)
    return json.dumps(call).encode()


def dispatch(references: Sequence[str], prefetch: Json) -> bytes:
    """The body of an order-dispatch call."""
    context = {
        "patientId": "p1",
        "dispatchedOrders": list(references),
        "performer": "Organization/o",
    }
    call = {"hook": "order-dispatch", "hookInstance": INSTANCE, "context": context}
    return json.dumps(call | {"prefetch": prefetch}).encode()


def book(appointments: Sequence[Json], prefetch: Json) -> bytes:
    """The body of an appointment-book call."""
    context = {
        "userId": "Practitioner/dr-1",
        "patientId": "p1",
        "appointments": bundle(appointments),
    }
    call = {"hook": "appointment-book", "hookInstance": INSTANCE, "context": context}
    return json.dumps(call | {"prefetch": prefetch}).encode()


def appointment(*orders: str, start: str = "2027-01-04", **fields: object) -> Json:
    """A proposed Appointment for orders."""
    return {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "proposed",
        "start": f"{start}T09:00:00-05:00",
        "basedOn": [{"reference": one} for one in orders],
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
        **fields,
    }


def raw_sign(orders: Sequence[bytes], prefetch: Json) -> bytes:
    """The body of an order-sign call whose orders are texts."""
    marks = [{"resourceType": "ServiceRequest", "id": f"mark-{n}"} for n in range(len(orders))]
    body = sign(marks, prefetch)
    for mark, text in zip(marks, orders, strict=True):
        body = body.replace(json.dumps(mark).encode(), text)
    return body


def actions(response: HookResponse) -> dict[str, Action]:
    """The system actions by the order that they update; each order is updated once."""
    listed = response.system_actions
    found = {}
    for action in listed:
        told = members(action.resource)
        name = "/".join(json.loads(bytes(told[m])) for m in ("resourceType", "id"))
        assert name not in found
        found[name] = action
    return found


def parts(action: Action) -> dict[str, object]:
    """The values of the coverage information that an action writes; the last one of the order."""
    (*_, last) = json.loads(bytes(action.resource))["extension"]
    assert last["url"] == URL
    return {one["url"]: next(v for k, v in one.items() if k != "url") for one in last["extension"]}


def compact(text: bytes) -> bytes:
    """JSON without white space outside strings."""
    return _WHITE.sub(lambda match: match[1] or b"", text)


def assert_as_it_came(action: Action, sent: bytes) -> None:
    """The order of an action is the text that was sent; only coverage information was put to it."""
    before, after = members(msgspec.Raw(compact(sent))), members(action.resource)
    others = {name: bytes(value) for name, value in before.items() if name != "extension"}
    assert {n: bytes(v) for n, v in after.items() if n != "extension"} == others
    assert [n for n in after if n in before] == list(before)
    kept = [bytes(one) for one in items(before.get("extension")) or ()]
    told = [bytes(one) for one in items(after["extension"]) or ()]
    assert [one for one in told if one in kept] == [one for one in kept if URL.encode() not in one]
    assert len([one for one in told if one not in kept]) == 1


# ------------------------------------------------------------------- a Device in place of a code


def generator(identifier: str = "d1", **fields: object) -> Json:
    """A Device that is no patient's: a generator from the catalogue."""
    made = {"resourceType": "Device", "id": identifier, "type": concept("C1721", "hcpcs")}
    return {**made, **fields}


def by_device(reference: str = "Device/d1", **fields: object) -> Json:
    """A DeviceRequest that names a Device in place of a code."""
    made = device_request("C1721", DOS, codeReference={"reference": reference}, **fields)
    del made["codeCodeableConcept"]
    return made


def assert_ordered_by_device(body: bytes, evaluate: Evaluate, answer: Answer) -> None:
    (found,) = evaluate(body)
    hcpcs = coding("C1721", "hcpcs")
    assert (found.order.class_, found.status) == ("initial-implant", "covered")
    assert {"system": found.order.system, "code": found.order.code} == hcpcs
    told = actions(answer(body))["DeviceRequest/order-1"]
    assert parts(told)["billingCode"] == hcpcs


def test_a_device_inside_the_order_says_what_is_ordered(evaluate: Evaluate, answer: Answer) -> None:
    other = {"resourceType": "Device", "id": "other", "type": concept("72506001", "snomed")}
    inside = [{"resourceType": "Organization", "id": "x"}, other, generator("x")]
    body = sign([by_device("#x", contained=inside)], covered())
    assert_ordered_by_device(body, evaluate, answer)


NAMES = ["Device/d1", "https://ehr.example.org/fhir/Device/d1", "Device/d1/_history/2"]


@pytest.mark.parametrize("key", ["devices", "orderedDevices"])
@pytest.mark.parametrize("reference", [*NAMES, "urn:uuid:7"])
def test_a_device_sent_along_says_what_is_ordered(
    evaluate: Evaluate, answer: Answer, key: str, reference: str
) -> None:
    sent = bundle([generator()])
    sent["entry"][0]["fullUrl"] = "urn:uuid:7"
    body = sign([by_device(reference)], covered() | {key: sent})
    assert_ordered_by_device(body, evaluate, answer)


@pytest.mark.parametrize("reference", NAMES)
def test_a_device_under_a_key_of_its_own_says_what_is_ordered(
    evaluate: Evaluate, answer: Answer, reference: str
) -> None:
    body = sign([by_device(reference)], covered() | {"ordered": generator()})
    assert_ordered_by_device(body, evaluate, answer)


def test_a_device_without_an_id_is_found_by_its_full_url(
    evaluate: Evaluate, answer: Answer
) -> None:
    nameless = generator()
    del nameless["id"]
    for name in (NAMES[1], "urn:uuid:7"):
        sent = bundle([nameless])
        sent["entry"][0]["fullUrl"] = name
        assert_ordered_by_device(sign([by_device(name)], covered() | {"d": sent}), evaluate, answer)


def test_a_device_beside_the_draft_orders_says_what_is_ordered(
    evaluate: Evaluate, answer: Answer
) -> None:
    call = json.loads(sign([by_device("urn:uuid:7")], covered()))
    beside = {"fullUrl": "urn:uuid:7", "resource": generator()}
    call["context"]["draftOrders"]["entry"].append(beside)
    assert_ordered_by_device(json.dumps(call).encode(), evaluate, answer)


@pytest.mark.parametrize(
    "code_reference",
    [
        {"reference": "Device/unheard-of"},
        {"reference": "#unheard-of"},
        {"reference": "#who"},
        {"reference": "urn:uuid:unheard-of"},
        {"reference": "Device/"},
        {"reference": "Device"},
        {"reference": "Patient/p1"},
        {"reference": ""},
        {"display": "a generator"},
        {},
        "Device/d1",
        7,
        [],
        None,
    ],
    ids=json.dumps,
)
def test_a_device_that_is_not_found_makes_the_order_none_of_ours_silently(
    evaluate: Evaluate, answer: Answer, code_reference: object
) -> None:
    inside = [{"resourceType": "Practitioner", "id": "who"}, 7]
    odd = by_device(contained=inside) | {"codeReference": code_reference}
    (found,) = evaluate(sign([odd], covered()))
    assert [f.code for f in found.findings] == ["non-icd-order"]
    given_back = answer(sign([odd, order(id="mine")], covered()))
    assert list(actions(given_back)) == ["ServiceRequest/mine"]
    assert given_back.cards == ()


def test_a_device_in_a_service_request_says_nothing(evaluate: Evaluate) -> None:
    odd = order(codeReference={"reference": "Device/d1"}, code={"text": "a generator"})
    (found,) = evaluate(sign([odd], covered() | {"d": generator()}))
    assert (found.status, found.order.code) == ("not-applicable", None)


def test_a_code_wins_over_a_device_beside_it(evaluate: Evaluate) -> None:
    both = device_request("C1722", codeReference={"reference": "Device/d1"})
    (found,) = evaluate(sign([both], covered() | {"d": generator()}))
    assert found.order.code == "C1722"
    local = {"coding": [{"system": "https://hospital.example/codes", "code": "GENERATOR"}]}
    both["codeCodeableConcept"] = local
    (found,) = evaluate(sign([both], covered() | {"d": generator()}))
    assert found.order.code == "C1721"


def test_a_device_that_is_none_of_ours_is_named_and_not_judged(evaluate: Evaluate) -> None:
    pump = generator(type=concept("E0781", "hcpcs"))
    (found,) = evaluate(sign([by_device()], covered() | {"d": pump}))
    assert (found.status, found.order.code) == ("not-applicable", "E0781")


def test_a_device_that_is_ordered_is_not_yet_in_place(evaluate: Evaluate) -> None:
    held = device(status="active") | {"id": "d1"}
    prefetch = by_keys([*b3_chart(), held])
    (alone,) = evaluate(sign([order()], prefetch))
    assert alone.order.class_ == "replacement"
    ordered, _ = evaluate(sign([order(), by_device(id="device-1")], prefetch))
    assert ordered.order.class_ == "initial-implant"
    unwanted = by_device(id="device-1", doNotPerform=True)
    ordered, _ = evaluate(sign([order(), unwanted], prefetch))
    assert ordered.order.class_ == "replacement"


def rounds(
    evaluator: Evaluator, body: bytes, stored: dict[str, Json | Reason]
) -> tuple[list[list[str]], Evaluation]:
    """Judge a call beside a FHIR server that stores this; the names asked for, round by round."""
    decoded = decode_request(body, evaluator.knowledge.index)
    steps = evaluator.steps(decoded, TODAY)
    asked: list[list[str]] = []

    def fetched(query: Query) -> Fetched:
        found = stored.get(query.name, Reason.NOT_REACHABLE)
        if isinstance(found, Reason):
            return Fetched(cause=found)
        text = msgspec.Raw(json.dumps(found).encode())
        return Fetched(texts=[RawEntry(resource=text)])

    try:
        queries = next(steps)
        while True:
            asked.append([query.name for query in queries])
            queries = steps.send({query: fetched(query) for query in queries})
    except StopIteration as done:
        evaluation: Evaluation = done.value
        return asked, evaluation


@pytest.fixture(scope="module")
def evaluator(knowledge: Knowledge) -> Evaluator:
    return Evaluator(knowledge)


def test_a_device_that_did_not_come_is_read_before_the_orders_are_judged(
    evaluator: Evaluator,
) -> None:
    body = sign([by_device(), by_device(id="again")], covered())
    asked, found = rounds(evaluator, body, {"Device/d1": generator()})
    assert asked == [["Device/d1"]]
    assert [one.status for one in found.determinations] == ["covered", "covered"]


def test_the_device_of_an_order_that_is_read_is_read_after_it(evaluator: Evaluator) -> None:
    stored: dict[str, Json | Reason] = {
        "DeviceRequest/order-1": by_device(),
        "Device/d1": generator(),
    }
    for body in (
        dispatch(["DeviceRequest/order-1"], covered()),
        book([appointment("DeviceRequest/order-1")], covered()),
    ):
        asked, found = rounds(evaluator, body, stored)
        assert asked == [["DeviceRequest/order-1"], ["Device/d1"]]
        assert [one.order.class_ for one in found.determinations] == ["initial-implant"]


@pytest.mark.parametrize(
    "stored",
    [Reason.TOO_LATE, generator("another"), {"resourceType": "Device"}, {"issue": []}],
    ids=["too late", "another", "no id", "no resource"],
)
def test_a_device_that_cannot_be_read_is_asked_for_once_and_fails_nothing(
    evaluator: Evaluator, stored: Json | Reason
) -> None:
    body = sign([by_device(), order(id="mine")], covered())
    asked, found = rounds(evaluator, body, {"Device/d1": stored})
    assert asked == [["Device/d1"]]
    odd, mine = found.determinations
    assert [f.code for f in odd.findings] == ["non-icd-order"]
    assert mine.status == "covered"


def test_what_came_along_or_is_not_selected_is_not_read(evaluator: Evaluator) -> None:
    brought = covered() | {"any": generator()}
    inside = by_device("#d1", contained=[generator()])
    for body in (
        sign([by_device()], brought),
        sign([inside], covered()),
        sign([device_request("C1721"), order(id="o2")], covered()),
        select([by_device(), order(id="o2")], ["ServiceRequest/o2"], covered()),
        dispatch(["DeviceRequest/order-1"], brought | {"order": by_device()}),
    ):
        assert rounds(evaluator, body, {})[0] == []


# -------------------------------------------------------------------- what else is being ordered


def visit_order(**fields: object) -> Json:
    """A draft order for the shared decision-making visit."""
    return order("shared-decision-making", EVIDENCE, None, **{"id": "visit", **fields})


def without_visit() -> list[Json]:
    """A chart that lacks the shared decision-making visit only."""
    return insured([one for one in b3_chart() if one["resourceType"] != visit()["resourceType"]])


def codes(found: Determination) -> set[str]:
    return {finding.code for finding in found.findings}


def test_an_order_that_is_not_selected_is_still_being_ordered(evaluate: Evaluate) -> None:
    prefetch = by_keys(without_visit())
    (alone,) = evaluate(select([order()], ["ServiceRequest/order-1"], prefetch))
    assert "sdm-missing" in codes(alone)
    for ordered in (visit_order(), visit_order(subject=None)):
        body = select([ordered, order()], ["ServiceRequest/order-1"], prefetch)
        (found,) = evaluate(body)
        assert found.order.reference == "ServiceRequest/order-1"
        assert "sdm-ordered" in codes(found)
        assert "sdm-missing" not in codes(found)


def test_a_planned_bypass_beside_the_selection_counts(evaluate: Evaluate) -> None:
    bypass = order("33533", "cpt", "2026-11-25", id="bypass")
    prefetch = by_keys(insured(b3_chart()))
    signed, _ = evaluate(sign([order(), bypass], prefetch))
    (alone,) = evaluate(sign([order()], prefetch))
    (found,) = evaluate(select([order(), bypass], ["ServiceRequest/order-1"], prefetch))
    assert found == signed
    assert found != alone


@pytest.mark.parametrize(
    "unwanted",
    [
        {"doNotPerform": True},
        {"status": "revoked"},
        {"subject": {"reference": "Patient/p2"}},
        {"code": "shared-decision-making"},
    ],
    ids=json.dumps,
)
def test_what_is_not_wanted_is_not_being_ordered(evaluate: Evaluate, unwanted: Json) -> None:
    orders = [order(), visit_order(**unwanted)]
    prefetch = by_keys(without_visit())
    (found,) = evaluate(select(orders, ["ServiceRequest/order-1"], prefetch))
    assert "sdm-ordered" not in codes(found)


def test_an_order_of_ours_that_is_not_selected_is_neither_judged_nor_evidence(
    evaluate: Evaluate, answer: Answer
) -> None:
    # A removal beside an implant is evidence of a device in place.
    orders = [order(), order("33244", id="removal"), order("33216", id="lead")]
    signed, *_ = evaluate(sign(orders, covered()))
    assert signed.order.class_ == "replacement"
    body = select(orders, ["ServiceRequest/order-1"], covered())
    (found,) = evaluate(body)
    assert found.order.class_ == "initial-implant"
    assert list(actions(answer(body))) == ["ServiceRequest/order-1"]


def test_what_else_is_ordered_stands_in_the_chart_of_the_other_hooks(evaluate: Evaluate) -> None:
    prefetch = by_keys([*without_visit(), order(), visit_order(status="active")])
    for body in (
        dispatch(["ServiceRequest/order-1"], prefetch),
        dispatch(["ServiceRequest/order-1", "ServiceRequest/visit"], prefetch),
        book([appointment("ServiceRequest/order-1")], prefetch),
    ):
        found, *others = evaluate(body)
        assert "sdm-ordered" in codes(found)
        assert [one.status for one in others] == ["not-applicable"] * len(others)


# ------------------------------------------------------------------ signed anew, and said before


@pytest.mark.parametrize(
    "status", ["draft", "active", "on-hold", "completed", "unknown", "no-such-status"]
)
def test_an_order_of_any_status_is_updated_and_keeps_it(answer: Answer, status: str) -> None:
    sent = json.dumps(order(status=status)).encode()
    (action,) = actions(answer(raw_sign([sent], covered()))).values()
    assert_as_it_came(action, sent)
    assert f'"status":"{status}"'.encode() in bytes(action.resource)
    assert parts(action)["covered"] == "covered"


ODD_NUMBERS = rb"""{ "resourceType" : "ServiceRequest",
  "id": "odd", "status": "active" , "intent":"order",
  "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "33249",
    "display": "a \u00e4 { [ , \" \\ word"}], "text": "two  spaces\tkept"},
  "quantityQuantity": {"value": 1.00, "_value": {"id": "x"}},
  "x-unknown": [1e2, 1E+2, -0.0, 12345678901234567890.10, true, null, {"b": 1, "a": 2}],
  "subject": {"reference": "Patient/p1"}, "occurrenceDateTime": "2026-11-20",
  "modifierExtension": [{"url": "urn:m", "valueDecimal": 3.10}]
}"""


def test_numbers_order_and_unknown_members_stay_as_they_came(answer: Answer) -> None:
    (action,) = actions(answer(raw_sign([ODD_NUMBERS], covered()))).values()
    assert_as_it_came(action, ODD_NUMBERS)
    assert b'"value":1.00' in bytes(action.resource)


_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]))
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"x-[a-zé\"\\]{1,8}", fullmatch=True), _JSON, max_size=4))
def test_whatever_else_an_order_holds_comes_back(answer: Answer, more: dict[str, object]) -> None:
    sent = json.dumps(order() | more).encode()
    (action,) = actions(answer(raw_sign([sent], covered()))).values()
    assert_as_it_came(action, sent)


def said_before(reference: str = COVERAGE, covered: str = "conditional") -> Json:
    """Coverage information of an earlier call."""
    return {
        "url": URL,
        "extension": [
            {"url": "coverage", "valueReference": {"reference": reference}},
            {"url": "covered", "valueCode": covered},
            {"url": "date", "valueDate": "2026-11-01"},
            {"url": "coverage-assertion-id", "valueString": "earlier"},
        ],
    }


def test_what_was_said_of_the_same_coverage_is_replaced_and_all_else_stays(answer: Answer) -> None:
    foreign = {"url": "urn:other", "valueDecimal": 1.5}
    other = said_before("Coverage/other")
    absolute = said_before(f"https://ehr.example.org/fhir/{COVERAGE}")
    nameless: Json = {"url": URL, "extension": [{"url": "covered", "valueCode": "covered"}]}
    told = [foreign, said_before(), other, absolute, nameless]
    (action,) = actions(answer(sign([order(extension=told)], covered()))).values()
    assert parts(action)["covered"] == "covered"
    after = json.loads(bytes(action.resource))["extension"]
    assert after[:-1] == [foreign, other, nameless]


def test_where_nothing_is_new_nothing_is_written(answer: Answer) -> None:
    first = answer(sign([order()], covered()))
    (action,) = actions(first).values()
    told = json.loads(bytes(action.resource))
    assert actions(answer(sign([told], covered()))) == {}
    for part in told["extension"][0]["extension"]:
        # Neither the day nor the number of a statement is news.
        if part["url"] == "date":
            part["valueDate"] = "2026-01-01"
        if part["url"] == "coverage-assertion-id":
            part["valueString"] = "earlier"
    told["extension"][0]["extension"].reverse()
    assert actions(answer(sign([told], covered()))) == {}
    twice = told | {"extension": told["extension"] * 2}
    (again,) = actions(answer(sign([twice], covered()))).values()
    assert len(json.loads(bytes(again.resource))["extension"]) == 1
    (changed,) = actions(answer(sign([told], waiting()))).values()
    assert parts(changed)["covered"] == "not-covered"


@pytest.mark.parametrize("odd", [b"1e999", b"9" * 400, b"-0.0", b"[[]]", b"{}"])
def test_an_earlier_statement_may_hold_anything(answer: Answer, odd: bytes) -> None:
    told = said_before()
    told["extension"].append({"url": "detail", "valueDecimal": "ODD"})
    sent = json.dumps(order(extension=[told], other="ODD")).encode().replace(b'"ODD"', odd)
    (action,) = actions(answer(raw_sign([sent], covered()))).values()
    assert b'"other":' + odd in bytes(action.resource)
    assert parts(action)["covered"] == "covered"


# ------------------------------------------------------------------------------- several orders


def test_each_order_of_ours_is_updated_by_its_own_action(answer: Answer) -> None:
    orders = [order(), order("33270", id="o2"), device_request("C1722", id="order-1")]
    texts = [json.dumps(one).encode() for one in orders]
    found = actions(answer(raw_sign(texts, covered())))
    assert list(found) == ["ServiceRequest/order-1", "ServiceRequest/o2", "DeviceRequest/order-1"]
    for action, text in zip(found.values(), texts, strict=True):
        assert_as_it_came(action, text)
    ids = {parts(action)["coverage-assertion-id"] for action in found.values()}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "chart",
    [
        b3_chart(),
        [*b3_chart(), condition("I21.4", "2026-11-10")],
        [*b3_chart(), condition("I21.4", None)],
        [patient()],
    ],
    ids=["covered", "waiting", "undated", "empty"],
)
def test_a_lead_beside_an_implant_takes_over_what_is_said_of_it(
    answer: Answer, chart: list[Json]
) -> None:
    found = actions(answer(sign([order("33216", id="lead"), order()], by_keys(insured(chart)))))
    lead, implant = (parts(found[f"ServiceRequest/{name}"]) for name in ("lead", "order-1"))
    own = ("billingCode", "reason", "coverage-assertion-id")
    assert lead.pop("dependency") == {"reference": "ServiceRequest/order-1"}
    assert {k: v for k, v in lead.items() if k not in own} == {
        k: v for k, v in implant.items() if k not in own
    }


def test_a_lead_says_something_new_when_its_implant_does(answer: Answer) -> None:
    ids = set()
    for chart in ([patient()], [*b3_chart()[:2]], [*b3_chart()[:3]]):
        orders = [order("33216", id="lead"), order()]
        found = actions(answer(sign(orders, by_keys(insured(chart)))))
        ids.add(parts(found["ServiceRequest/lead"])["coverage-assertion-id"])
    assert len(ids) == 3


def test_an_implant_that_cannot_be_pointed_at_is_not_pointed_at(answer: Answer) -> None:
    found = actions(answer(sign([order("33216", id="lead"), order(id=None)], covered())))
    assert list(found) == ["ServiceRequest/lead"]
    assert "dependency" not in parts(found["ServiceRequest/lead"])


def test_orders_of_two_days_are_judged_each_on_its_own(answer: Answer) -> None:
    later = order("33249", "cpt", "2027-01-20", id="later")
    found = actions(answer(sign([order(), later], waiting())))
    said = {name: parts(action)["covered"] for name, action in found.items()}
    assert said == {"ServiceRequest/order-1": "not-covered", "ServiceRequest/later": "covered"}


def test_an_order_that_stands_there_twice_is_judged_twice_and_updated_once(
    evaluate: Evaluate, answer: Answer
) -> None:
    body = sign([order(), order("33249", "cpt", "2027-01-20")], waiting())
    assert [one.status for one in evaluate(body)] == ["not-covered", "covered"]
    (action,) = actions(answer(body)).values()
    assert json.loads(bytes(action.resource))["occurrenceDateTime"] == "2026-11-20"
    both = [
        appointment("ServiceRequest/order-1", start=day) for day in ("2026-11-23", "2027-02-01")
    ]
    body = book(both, waiting() | {"ordered": order()})
    assert [one.status for one in evaluate(body)] == ["not-covered", "covered"]
    assert len(actions(answer(body))) == 1


OTHERS: list[object] = [
    *(
        {"resourceType": kind, "id": "order-1", "status": "draft"}
        for kind in (
            "MedicationRequest",
            "NutritionOrder",
            "VisionPrescription",
            "CommunicationRequest",
            "Task",
            "Appointment",
            "NoSuchResource",
        )
    ),
    {"resourceType": "ServiceRequest", "id": "order-1", "code": "33249"},
    {"resourceType": "DeviceRequest", "id": "order-1"},
    order("93306", id="echo"),
    order(id="never", doNotPerform=True),
    order(id="cancelled", status="revoked"),
    order(id="error", status="entered-in-error"),
    order(id="other", subject={"reference": "Patient/p2"}),
    {},
    {"resourceType": 7},
]


def test_only_orders_that_are_judged_are_updated(answer: Answer) -> None:
    for mine in ([], [order(id="mine")]):
        found = actions(answer(sign([*OTHERS, *mine], covered())))  # type: ignore[list-item]  # odd ones too
        assert list(found) == [f"ServiceRequest/{one['id']}" for one in mine]


# ------------------------------------------------------------------------------ billing options


def with_options(own: Json, *options: Json) -> Json:
    """An order's code with billing options."""
    told = [{"url": BILLING_OPTIONS, "valueCodeableConcept": {"coding": [one]}} for one in options]
    return {"coding": [own], "extension": told}


LOCAL = {"system": "https://hospital.example/codes", "code": "IMPLANT"}


@pytest.mark.parametrize(
    ("own", "options", "wins"),
    [
        (LOCAL, [("99999", "cpt"), ("33249", "cpt")], ("33249", "cpt")),
        (LOCAL, [("33249", "cpt"), ("33270", "cpt")], ("33249", "cpt")),
        (("33270", "cpt"), [("33249", "cpt")], ("33270", "cpt")),
        (("33270", "cpt"), [("G0448", "hcpcs")], ("33270", "cpt")),
        (("02H63KZ", "icd10pcs"), [("33249", "cpt")], ("33249", "cpt")),
    ],
)
def test_the_code_wins_over_billing_options_of_its_rank(
    answer: Answer,
    own: Json | tuple[str, str],
    options: list[tuple[str, str]],
    wins: tuple[str, str],
) -> None:
    mine = coding(*own) if isinstance(own, tuple) else own
    code = with_options(mine, *(coding(*option) for option in options))
    (action,) = actions(answer(sign([order(code=code)], covered()))).values()
    assert parts(action)["billingCode"] == coding(*wins)


def test_a_billing_option_of_a_device_request_counts(answer: Answer) -> None:
    code = with_options(LOCAL, coding("C1722", "hcpcs"))
    ordered = device_request("C1722", codeCodeableConcept=code)
    (action,) = actions(answer(sign([ordered], covered()))).values()
    assert parts(action)["billingCode"] == coding("C1722", "hcpcs")


# ------------------------------------------------------------------------- what cannot be updated

NO_IDS = ("x" * 129, "a b", "a/b", "a\n", "<b>", "..", "_search", "John Doe\nborn 1958")


@pytest.mark.parametrize("identifier", [None, "", 7, {}, *NO_IDS], ids=json.dumps)
def test_an_order_without_an_id_is_judged_and_not_updated(
    evaluate: Evaluate, answer: Answer, identifier: object
) -> None:
    made = order() | {"id": identifier}
    if identifier is None:
        del made["id"]
    body = sign([made], covered())
    assert [one.status for one in evaluate(body)] == ["covered"]
    assert actions(answer(body)) == {}


@pytest.mark.parametrize("identifier", ["x" * 128, "a_b", ".a-1_", "...", "entry-0"])
def test_an_order_with_any_id_that_servers_have_is_updated(answer: Answer, identifier: str) -> None:
    body = sign([order(id=identifier)], covered())
    assert list(actions(answer(body))) == [f"ServiceRequest/{identifier}"]


@pytest.mark.parametrize("identifier", NO_IDS, ids=json.dumps)
def test_what_has_no_id_is_named_by_its_place_or_not_at_all(
    evaluate: Evaluate, identifier: str
) -> None:
    made, chart = (
        order(id=identifier),
        by_keys(insured([*b3_chart(), UNDATED | {"id": identifier}])),
    )
    alone = appointment(serviceType=[concept("33249", "cpt")]) | {"id": identifier}
    (drafted,) = evaluate(sign([made], chart))
    (booked,) = evaluate(book([alone], chart))
    assert drafted.order.reference == "ServiceRequest/entry-0"
    assert booked.order.reference == "Appointment/entry-0"
    named = {e.reference for f in drafted.findings for e in f.evidence}
    assert "Condition/unknown" in named
    assert not any(identifier in one for one in named)


@pytest.mark.parametrize("identifier", [one for one in NO_IDS if "/" not in one], ids=json.dumps)
def test_what_has_no_id_is_neither_asked_for_nor_found(
    evaluator: Evaluator, identifier: str
) -> None:
    named = f"ServiceRequest/{identifier}"
    sent = covered() | {"ordered": order(id=identifier)}
    for body in (dispatch([named], sent), book([appointment(named)], sent)):
        with pytest.raises(RequestError) as caught:
            rounds(evaluator, body, {})
        assert caught.value.status == 412
        assert identifier not in str(caught.value)
    body = sign([by_device(f"Device/{identifier}"), order(id="mine")], covered())
    assert rounds(evaluator, body, {})[0] == []


def test_no_card_points_at_an_order_without_an_id(answer: Answer) -> None:
    nameless = {name: value for name, value in order().items() if name != "id"}
    lead, device = order("33225", id="lead"), device_request("C1721", day="2026-11-19", id="d1")

    def pointed_at(*orders: Json) -> list[list[str] | None]:
        cards = answer(sign(orders, waiting())).cards
        return [
            None if c.extension is None else [r.reference for r in c.extension.associated_resource]
            for c in cards
        ]

    assert None in pointed_at(nameless, device)
    told = pointed_at(nameless, device, lead)
    assert ["ServiceRequest/lead"] in told
    assert not any("ServiceRequest/entry-0" in one for one in told if one is not None)
    # An id that looks like a place is an id.
    assert ["ServiceRequest/entry-0"] in pointed_at(order(id="entry-0"), device)
    service = [concept("33249", "cpt")]
    stand_ins = [appointment(serviceType=service, start=DOS, id=one) for one in ("a1", "")]
    cards = answer(book(stand_ins, waiting())).cards
    counts = {0 if c.extension is None else len(c.extension.associated_resource) for c in cards}
    assert {0, 1} <= counts


@pytest.mark.parametrize("extension", [{}, "no list", 7], ids=json.dumps)
def test_an_order_whose_extension_is_no_list_is_judged_and_not_updated(
    evaluate: Evaluate, answer: Answer, extension: object
) -> None:
    body = sign([order() | {"extension": extension}], covered())
    assert [one.status for one in evaluate(body)] == ["covered"]
    assert actions(answer(body)) == {}


@pytest.mark.parametrize(
    "extension",
    [[], [None], [7, "x", []], [{}], [{"url": 7}], [{"url": URL}], [{"url": URL, "extension": 7}]],
    ids=json.dumps,
)
def test_odd_extensions_are_kept(answer: Answer, extension: list[object]) -> None:
    body = sign([order() | {"extension": extension}], covered())
    (action,) = actions(answer(body)).values()
    assert json.loads(bytes(action.resource))["extension"][:-1] == extension


# --------------------------------------------------------------- orders that the call only names


def test_an_order_that_came_by_prefetch_is_updated_as_it_came(answer: Answer) -> None:
    mark = order(id="odd")
    prefetch = covered() | {"ordered": mark}
    for body in (
        dispatch(["ServiceRequest/odd"], prefetch),
        book([appointment("ServiceRequest/odd")], prefetch),
    ):
        sent = body.replace(json.dumps(mark).encode(), ODD_NUMBERS)
        assert sent != body
        (action,) = actions(answer(sent)).values()
        assert_as_it_came(action, ODD_NUMBERS)


TWICE = {
    "a member": b',"note":[],"note":[]',
    "deep inside": b',"note":[{"a":1,"a":2}]',
    "escaped": b',"n\\u006fte":1,"note":2',
    "extensions": b',"extension":[{"url":"a"}],"extension":[{"url":"b"}]',
    "beside a colon": b',"a\\u003ab":1,"a:b":2',
}


@pytest.mark.parametrize("more", TWICE.values(), ids=TWICE)
def test_an_order_that_says_a_member_twice_is_judged_and_not_changed(
    evaluator: Evaluator, evaluate: Evaluate, answer: Answer, more: bytes
) -> None:
    made = json.dumps(order(id="odd"))
    text = made.encode()[:-1] + more + b"}"
    prefetch = waiting() | {"ordered": order(id="odd")}
    for body in (
        dispatch(["ServiceRequest/odd"], prefetch),
        book([appointment("ServiceRequest/odd", start="2026-11-20")], prefetch),
    ):
        assert actions(answer(body))
        sent = body.replace(made.encode(), text)
        assert sent != body
        assert [one.status for one in evaluate(sent)] == ["not-covered"]
        assert actions(answer(sent)) == {}
        assert not any(
            a.resource
            for c in answer(sent).cards
            for s in c.suggestions
            for a in s.actions
            if b'"odd"' in bytes(a.resource)
        )
    fetched = Fetched(texts=[RawEntry(resource=msgspec.Raw(text))])
    steps = evaluator.steps(
        decode_request(dispatch(["ServiceRequest/odd"], covered()), evaluator.knowledge.index),
        TODAY,
    )
    (query,) = next(steps)
    with pytest.raises(StopIteration) as done:
        steps.send({query: fetched})
    (one,) = done.value.value.ordered
    assert one.text is None
    assert one.named


@pytest.mark.parametrize(("more", "changeable"), [(b'"\\u003a"', True), (b'"\\u003a\xff"', False)])
def test_an_order_that_is_read_and_no_text_is_judged_and_not_changed(
    evaluator: Evaluator, more: bytes, *, changeable: bool
) -> None:
    text = json.dumps(order(id="odd")).encode()[:-1] + b',"unread":' + more + b"}"
    body = dispatch(["ServiceRequest/odd"], covered())
    steps = evaluator.steps(decode_request(body, evaluator.knowledge.index), TODAY)
    (query,) = next(steps)
    with pytest.raises(StopIteration) as done:
        steps.send({query: Fetched(texts=[RawEntry(resource=msgspec.Raw(text))])})
    (one,) = done.value.value.ordered
    assert (one.text is not None) is changeable


ODD_CODES: dict[str, tuple[str, object]] = {
    "text": ("text", 5),
    "extension": ("extension", {"url": 5}),
    "an extension": ("extension", [5]),
}


@pytest.mark.parametrize(("member", "odd"), ODD_CODES.values(), ids=ODD_CODES)
def test_what_is_odd_beside_a_coding_costs_itself(
    evaluate: Evaluate, member: str, odd: object
) -> None:
    drafted = order()
    drafted["code"][member] = odd
    requested = device_request("C1721")
    requested["codeCodeableConcept"][member] = odd
    found = evaluate(sign([drafted, requested], covered()))
    assert [one.order.code for one in found] == ["33249", "C1721"]


@pytest.mark.parametrize("odd", [5, "33249", [], {"coding": 5}, {"coding": [5]}], ids=json.dumps)
def test_an_order_without_a_coding_that_can_be_read_is_none_of_ours(
    evaluate: Evaluate, odd: object
) -> None:
    (found,) = evaluate(sign([order() | {"code": odd}], covered()))
    assert [one.code for one in found.findings] == ["non-icd-order"]


def test_an_appointment_in_place_of_an_order_is_judged_and_not_updated(
    evaluate: Evaluate, answer: Answer
) -> None:
    alone = appointment(serviceType=[concept("33249", "cpt")])
    body = book([alone], covered())
    assert [one.order.reference for one in evaluate(body)] == ["Appointment/a1"]
    assert actions(answer(body)) == {}
