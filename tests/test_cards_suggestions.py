"""What the cards offer: suggestions that settle what they are made for, reasons, links."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from typing import TYPE_CHECKING
from uuid import RFC_4122, UUID

import msgspec
import pytest
from fhir.resources.R4B import get_fhir_model_class

from answers import answer_to
from defib_coverage.content import data_root, load
from defib_coverage.hooks.evaluation import Evaluator
from fhir_builders import (
    DOS,
    EVIDENCE,
    INSTANCE,
    PATIENT,
    Json,
    b1_chart,
    b2_chart,
    b3_chart,
    bundle,
    by_keys,
    coding,
    concept,
    condition,
    device_request,
    lvef,
    medication,
    nyha,
    order,
    patient,
    payer,
    procedure,
    sign,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.hooks.response import Card, HookResponse, Suggestion

    Answer = Callable[..., HookResponse]
    Evaluate = Callable[..., tuple[Determination, ...]]

TODAY = date(2026, 11, 21)
OVERRIDES = "https://defib-coverage.example/fhir/CodeSystem/defib-override-reason"
DOCTOR = {"reference": "Practitioner/dr-2", "display": "Sam Okafor, MD"}
STATEMENT = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"


# --------------------------------------------------------------------------- charts and their calls


def by_name_only() -> list[Json]:
    """B4 and its partner by SNOMED CT only."""
    drugs = [medication("20352", "2026-01-15"), medication("29046", "2026-01-15")]
    diagnoses = [
        condition("399020009", "2024-01-10", system="snomed"),
        condition("441481004", "2024-01-10", system="snomed"),
    ]
    return [patient(), *diagnoses, lvef(30), nyha(2), visit(), *drugs]


def pair_by_name() -> list[Json]:
    """B3 with its partner by SNOMED CT only."""
    failure = condition("441481004", "2024-01-10", system="snomed")
    return [patient(), condition("I25.5", "2024-01-10"), failure, lvef(30), nyha(2), visit()]


def pair_by_two_names() -> list[Json]:
    """The same with two diagnoses of which either may be the partner."""
    return [*pair_by_name(), condition("153941000119100", "2024-01-10", system="snomed")]


def retired() -> list[Json]:
    """B1 by a code that is out of force."""
    return [patient(), condition("I47.2", "2020-05-01"), lvef(45)]


def unseen() -> list[Json]:
    """B3 without the shared decision."""
    return [one for one in b3_chart() if one["resourceType"] != "Encounter"]


def waiting(day: str = "2026-11-10") -> list[Json]:
    """B3 after an infarction."""
    return [*b3_chart(), condition("I21.4", day)]


def full(code: str = "33249", /, **fields: object) -> Json:
    """An order with what its profile asks for, and more that must not change."""
    made: Json = {
        "authoredOn": "2026-11-16",
        "requester": DOCTOR,
        "quantityQuantity": {"value": 1.50},
        "note": [{"text": 'caf\u00e9, \u00b5, {}[] \\ " and 1e3'}],
        "extension": [{"url": "https://ehr.example.org/own", "valueDecimal": 0.10}],
        **fields,
    }
    return order(code, **made)


def cards(answer: Answer, body: bytes, topic: str) -> list[Card]:
    return [card for card in answer(body).cards if card.source.topic.code == topic]


def the_card(answer: Answer, body: bytes, topic: str) -> Card:
    """The card of a topic that makes suggestions."""
    (card,) = [card for card in cards(answer, body, topic) if card.suggestions]
    return card


def resource_of(suggestion: Suggestion) -> Json:
    """The resource of a suggestion's one action, valid R4."""
    (action,) = suggestion.actions
    made: Json = json.loads(bytes(action.resource))
    get_fhir_model_class(made["resourceType"]).model_validate(made)
    return made


def short(label: str) -> str:
    """A label without the names of codes."""
    return re.sub(r" \([A-Z].*\)(?= (?:to|in) )", "", label)


def labels(card: Card) -> list[str]:
    return [short(one.label) for one in card.suggestions]


def recommended(card: Card) -> list[str]:
    return [short(one.label) for one in card.suggestions if one.is_recommended]


def accepted(orders: Sequence[Json], suggestion: Suggestion) -> list[Json]:
    """The draft orders after a suggestion is accepted."""
    made = resource_of(suggestion)
    if suggestion.actions[0].type == "create":
        return [*orders, made | {"id": "new-1"}]
    name = (made["resourceType"], made["id"])
    return [made if (one["resourceType"], one["id"]) == name else one for one in orders]


def warned(evaluate: Evaluate, body: bytes) -> list[set[str]]:
    """The warnings of every order."""
    return [{f.code for f in d.findings if f.severity == "warning"} for d in evaluate(body)]


# ---------------------------------------------------------------------------- the code of a partner


def test_the_partner_that_the_chart_supports_is_offered_and_settles_the_pair(
    answer: Answer, evaluate: Evaluate
) -> None:
    ordered, prefetch = full(), by_keys(pair_by_name())
    assert "secondary-diagnosis-missing" in warned(evaluate, sign([ordered], prefetch))[0]
    card = the_card(answer, sign([ordered], prefetch), "claim")
    (one,) = card.suggestions
    assert one.label == "Add I50.22 (Chronic systolic (congestive) heart failure) to order 33249"
    assert (one.is_recommended, card.selection_behavior) == (True, "at-most-one")
    assert one.actions[0].type == "update"
    display = "Chronic systolic (congestive) heart failure"
    reason = {"coding": [coding("I50.22", "icd10cm") | {"display": display}]}
    assert resource_of(one) == ordered | {"reasonCode": [reason]}
    after = sign(accepted([ordered], one), prefetch)
    assert warned(evaluate, after) == [set()]
    assert cards(answer, after, "claim") == []


def test_all_but_the_reasons_keeps_its_text(answer: Answer) -> None:
    text = (
        b'{"resourceType":"ServiceRequest", "id":"order-1","quantityQuantity":{"value":1.50},\n'
        b'"status":"draft","intent":"order","subject":{"reference":"Patient/p1"},'
        b'"code":{"coding":[{"system":"http://www.ama-assn.org/go/cpt","code":"33249"}]},'
        b'"reasonCode":[{"text":"caf\\u00e9 \\/"}],"occurrenceDateTime":"2026-11-20","x":1e3}'
    )
    body = sign([{"here": True}], by_keys(pair_by_name())).replace(b'{"here": true}', text)
    (one,) = the_card(answer, body, "claim").suggestions
    compact = text.replace(b", ", b",").replace(b"\n", b"")
    found = bytes(one.actions[0].resource)
    start = compact.index(b'"reasonCode":[') + len(b'"reasonCode":[{"text":"caf\\u00e9 \\/"}')
    added = found[start : found.index(b'],"occurrenceDateTime"')]
    assert found.replace(added, b"") == compact
    assert json.loads(added[1:])["coding"][0]["code"] == "I50.22"


def test_reasons_that_stand_there_are_kept(answer: Answer) -> None:
    reasons = [{"text": "syncope"}, concept("I25.5", "icd10cm")]
    body = sign([full(reasonCode=reasons)], by_keys(pair_by_name()))
    made = resource_of(the_card(answer, body, "claim").suggestions[0])
    assert made["reasonCode"][:2] == reasons
    assert len(made["reasonCode"]) == 3


def test_of_two_codes_that_may_be_the_partner_none_is_recommended(
    answer: Answer, evaluate: Evaluate
) -> None:
    ordered, prefetch = full(), by_keys(pair_by_two_names())
    card = the_card(answer, sign([ordered], prefetch), "claim")
    assert set(labels(card)) == {"Add I50.22 to order 33249", "Add I50.42 to order 33249"}
    assert (recommended(card), card.selection_behavior) == ([], "at-most-one")
    for one in card.suggestions:
        after = sign(accepted([ordered], one), prefetch)
        assert "secondary-diagnosis-missing" not in warned(evaluate, after)[0]


def test_a_pair_that_coverage_does_not_depend_on_is_not_offered(answer: Answer) -> None:
    chart = [*pair_by_name(), condition("I46.2", "2026-06-01")]
    assert cards(answer, sign([full()], by_keys(chart)), "claim") == []


# -------------------------------------------------------------------------- the code of a diagnosis


def test_the_code_of_a_diagnosis_by_name_is_offered_and_the_first_recommended(
    answer: Answer, evaluate: Evaluate
) -> None:
    ordered, prefetch = full(), by_keys(by_name_only())
    card = the_card(answer, sign([ordered], prefetch), "claim")
    assert card.summary.startswith("The chart supports I42.0")
    assert "I50.22" in card.detail
    assert set(labels(card)) == {"Add I42.0 to order 33249", "Add I50.22 to order 33249"}
    assert (len(recommended(card)), card.selection_behavior) == (1, "at-most-one")
    orders = [ordered]
    for _ in range(2):
        one = the_card(answer, sign(orders, prefetch), "claim").suggestions[0]
        code = one.label.split()[1]
        orders = accepted(orders, one)
        (found,) = evaluate(sign(orders, prefetch))
        assert all(code not in f.codes for f in found.findings if f.severity == "warning")
    assert (found.status, found.indications_met) == ("covered", ("B4",))


def test_a_diagnosis_that_names_no_code_gets_a_card_without_suggestion(answer: Answer) -> None:
    chart = [patient(), condition("22298006", "2020-06-01", system="snomed"), lvef(28)]
    (card,) = cards(answer, sign([full()], by_keys(chart)), "claim")
    assert card.summary.startswith("The diagnosis is on file without its ICD-10-CM code")
    assert (card.suggestions, card.selection_behavior) == ((), None)


def test_only_codes_that_the_findings_name_are_offered(answer: Answer, evaluate: Evaluate) -> None:
    for chart in (by_name_only(), pair_by_name(), pair_by_two_names(), retired()):
        body = sign([full()], by_keys(chart))
        (found,) = evaluate(body)
        named = {c for f in found.findings if f.severity == "warning" for c in f.codes}
        named |= {c for m in found.missing_secondary for c in m.supported}
        for one in the_card(answer, body, "claim").suggestions:
            given = {c["code"] for r in resource_of(one)["reasonCode"] for c in r["coding"]}
            assert given <= named


# ------------------------------------------------------------------------------ a code not in force


def test_a_retired_code_of_the_chart_has_its_successors_added(
    answer: Answer, evaluate: Evaluate
) -> None:
    ordered, prefetch = full(), by_keys(retired())
    card = the_card(answer, sign([ordered], prefetch), "claim")
    assert card.summary.startswith("I47.2 is not in force as a claim code on 2026-11-20")
    assert labels(card) == [f"Add {c} to order 33249" for c in ("I47.20", "I47.21", "I47.29")]
    assert (recommended(card), card.selection_behavior) == ([], "at-most-one")
    for one in card.suggestions:
        made = resource_of(one)
        assert made | {"reasonCode": None} == ordered | {"reasonCode": None}
        after = sign(accepted([ordered], one), prefetch)
        assert "code-not-effective" not in warned(evaluate, after)[0]
        assert cards(answer, after, "claim") == []


def test_a_retired_code_on_the_order_is_replaced_in_its_place(
    answer: Answer, evaluate: Evaluate
) -> None:
    local = {"system": "urn:oid:1.2.3", "code": "I47.2"}
    icd = {"system": "urn:oid:2.16.840.1.113883.6.90", "code": "i472", "display": "VT, old"}
    reasons: list[Json] = [
        {"text": "first"},
        {"coding": [local, icd | {"userSelected": True}], "text": "Ventricular tachycardia"},
    ]
    ordered, prefetch = full(reasonCode=reasons), by_keys([patient(), lvef(45)])
    card = the_card(answer, sign([ordered], prefetch), "claim")
    expected = [f"Replace I47.2 by {c} in order 33249" for c in ("I47.20", "I47.21", "I47.29")]
    assert labels(card) == expected
    made = resource_of(card.suggestions[0])
    new = icd | {
        "code": "I47.20",
        "display": "Ventricular tachycardia, unspecified",
        "userSelected": True,
    }
    changed = [reasons[0], reasons[1] | {"coding": [local, new]}]
    assert made == ordered | {"reasonCode": changed}
    after = sign(accepted([ordered], card.suggestions[0]), prefetch)
    assert "code-not-effective" not in warned(evaluate, after)[0]


def test_a_successor_is_recommended_only_where_it_is_the_only_one(tmp_path: Path) -> None:
    for folder in ("policies", "valuesets", "cards"):
        shutil.copytree(data_root() / folder, tmp_path / folder)
    listed = tmp_path / "valuesets" / "b1-diagnoses.toml"
    text = listed.read_text()
    old = 'successors = ["I47.20", "I47.21", "I47.29"]'
    assert old in text
    listed.write_text(text.replace(old, 'successors = ["I47.29"]'))
    evaluator = Evaluator(load(root=tmp_path).knowledge())
    for ordered in (full(), full(reasonCode=[concept("I47.2", "icd10cm")])):
        body = sign([ordered], by_keys(retired()))
        card = the_card(lambda body: answer_to(evaluator, body, TODAY), body, "claim")
        assert recommended(card) == labels(card)
        assert len(card.suggestions) == 1


# ------------------------------------------------------------------------------------ the first day


def test_the_first_eligible_day_is_offered_and_settles_the_waiting_period(
    answer: Answer, evaluate: Evaluate
) -> None:
    ordered, prefetch = full(), by_keys(waiting())
    card = the_card(answer, sign([ordered], prefetch), "limits")
    (one,) = card.suggestions
    assert one.label == "Move order 33249 to 2026-12-21"
    assert (one.is_recommended, card.selection_behavior) == (True, "at-most-one")
    made = resource_of(one)
    assert made == ordered | {"occurrenceDateTime": "2026-12-21"}
    assert list(made) == list(ordered)
    (found,) = evaluate(sign(accepted([ordered], one), prefetch))
    assert (found.status, found.earliest_eligible_date) == ("covered", None)


@pytest.mark.parametrize(
    ("occurrence", "becomes"),
    [
        ({}, {"occurrenceDateTime": "2026-12-21"}),
        (
            {"occurrenceTiming": {"event": [DOS]}},
            {"occurrenceDateTime": "2026-12-21"},
        ),
        (
            {"occurrencePeriod": {"start": DOS, "end": "2026-12-20"}},
            {"occurrenceDateTime": "2026-12-21"},
        ),
        (
            {"occurrencePeriod": {"start": DOS, "end": "2026-12-21", "id": "p"}},
            {"occurrencePeriod": {"start": "2026-12-21", "end": "2026-12-21", "id": "p"}},
        ),
        (
            {"occurrencePeriod": {"start": DOS, "end": "2027-01"}},
            {"occurrencePeriod": {"start": "2026-12-21", "end": "2027-01"}},
        ),
        (
            {"occurrencePeriod": {"start": DOS}},
            {"occurrencePeriod": {"start": "2026-12-21"}},
        ),
        (
            {"occurrencePeriod": {"start": DOS, "end": "some day"}},
            {"occurrenceDateTime": "2026-12-21"},
        ),
        (
            {"occurrencePeriod": {"start": 5, "end": "2027-01-01"}},
            {"occurrenceDateTime": "2026-12-21"},
        ),
        (
            {"occurrenceDateTime": "next week", "_occurrenceDateTime": {"id": "x"}},
            {"occurrenceDateTime": "2026-12-21"},
        ),
    ],
)
def test_however_an_order_is_dated_it_comes_to_the_first_day(
    answer: Answer, evaluate: Evaluate, occurrence: Json, becomes: Json
) -> None:
    ordered = full(day=None) | occurrence
    prefetch = by_keys(waiting())
    (one,) = the_card(answer, sign([ordered], prefetch), "limits").suggestions
    assert resource_of(one) == full(day=None) | becomes
    (found,) = evaluate(sign(accepted([ordered], one), prefetch))
    assert found.earliest_eligible_date is None
    assert found.order.service_date == date(2026, 12, 21)


@pytest.mark.parametrize(
    ("chart", "day"),
    [
        # Perhaps longer ago: no day is certain to be the first.
        ([*b3_chart(), procedure("92928", "2026-08")], "2026-12-01"),
        # A pacemaker may be indicated: then nothing binds.
        ([*waiting(), condition("I44.2")], "2026-12-21"),
        # An indication is open under which nothing binds.
        ([*waiting(), condition("I49.01", "2026-11-10")], "2026-12-21"),
    ],
)
def test_a_day_that_may_not_be_needed_is_offered_and_not_recommended(
    answer: Answer, evaluate: Evaluate, chart: list[Json], day: str
) -> None:
    ordered, prefetch = full(), by_keys(chart)
    card = the_card(answer, sign([ordered], prefetch), "limits")
    assert labels(card) == [f"Move order 33249 to {day}"]
    assert recommended(card) == []
    (found,) = evaluate(sign(accepted([ordered], card.suggestions[0]), prefetch))
    assert found.earliest_eligible_date is None


@pytest.mark.parametrize(
    ("ordered", "chart"),
    [
        # In November: it may be after the order's day, and then bars the new day too.
        (full(), waiting("2026-11")),
        (full(), [*waiting(), condition("I21.9", "2026-12-01")]),
        # A day that is over is no day to move an order to.
        (full(day="2026-09-25"), waiting("2026-09-20")),
        (full(status="completed"), waiting()),
    ],
)
def test_where_another_day_would_not_do_none_is_offered(
    answer: Answer, ordered: Json, chart: list[Json]
) -> None:
    (card,) = cards(answer, sign([ordered], by_keys(chart)), "limits")
    assert card.suggestions == ()


def test_a_lead_is_left_to_the_day_of_its_implant(answer: Answer) -> None:
    orders = [full(), full("33225", id="lead-1")]
    card = the_card(answer, sign(orders, by_keys(waiting())), "limits")
    assert labels(card) == ["Move order 33249 to 2026-12-21"]


# ---------------------------------------------------------------------------------------- the visit


def test_the_visit_can_be_ordered_and_is_then_no_longer_missing(
    answer: Answer, evaluate: Evaluate
) -> None:
    ordered = full(encounter={"reference": "Encounter/e1"})
    prefetch = by_keys(unseen())
    card = the_card(answer, sign([ordered], prefetch), "clinical-reminder")
    (one,) = card.suggestions
    assert (one.is_recommended, card.selection_behavior) == (True, "at-most-one")
    for word in ("physician", "before the day of the implant", "evidence-based", "P-B2-SDM"):
        assert word in card.detail
    assert one.actions[0].type == "create"
    made = resource_of(one)
    text = made["code"].pop("text")
    assert "Shared decision-making visit" in text
    assert made == {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": concept("shared-decision-making", EVIDENCE),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "encounter": {"reference": "Encounter/e1"},
        "authoredOn": "2026-11-21",
        "requester": DOCTOR,
    }
    (found, _) = evaluate(sign(accepted([ordered], one), prefetch))
    codes = {f.code for f in found.findings}
    assert "sdm-ordered" in codes
    assert "sdm-missing" not in codes
    after = answer(sign(accepted([ordered], one), prefetch)).cards
    assert not any(card.suggestions for card in after)


def _with_context(body: bytes, **context: object) -> bytes:
    call: Json = json.loads(body)
    changed = call["context"] | context
    call["context"] = {name: value for name, value in changed.items() if value is not None}
    return json.dumps(call).encode()


@pytest.mark.parametrize(
    ("fields", "user", "requester"),
    [
        ({}, "Practitioner/dr-1", {"reference": "Practitioner/dr-1"}),
        ({}, "PractitionerRole/r1", {"reference": "PractitionerRole/r1"}),
        ({"requester": {"reference": "#who"}}, "Practitioner/dr-1", "Practitioner/dr-1"),
        ({"requester": {"display": "Sam"}}, "Practitioner/dr-1", "Practitioner/dr-1"),
        ({"requester": "Sam"}, "Practitioner/dr-1", "Practitioner/dr-1"),
        ({"requester": {"reference": "Practitioner/2"}}, "Patient/p1", "Practitioner/2"),
        ({}, "Patient/p1", None),
        ({}, "Practitioner/", None),
        ({"requester": {"reference": ""}}, "RelatedPerson/x", None),
    ],
)
def test_the_visit_is_ordered_by_who_orders_the_implant_or_uses_the_ehr(
    answer: Answer, fields: Json, user: str, requester: object
) -> None:
    body = sign([order() | fields], by_keys(unseen()))
    found = cards(answer, _with_context(body, userId=user), "clinical-reminder")
    offered = [s for card in found for s in card.suggestions]
    assert len(found) == (1 if requester is None else 2)
    if isinstance(requester, str):
        requester = {"reference": requester}
    assert [resource_of(s)["requester"] for s in offered] == ([requester] if requester else [])


@pytest.mark.parametrize(
    ("known", "expected"),
    [(None, None), ("e7", "Encounter/e7"), ("Encounter/e7", "Encounter/e7"), ("", None)],
)
def test_the_visit_is_ordered_in_the_encounter_of_the_call(
    answer: Answer, known: str | None, expected: str | None
) -> None:
    body = _with_context(sign([full()], by_keys(unseen())), encounterId=known)
    (one,) = the_card(answer, body, "clinical-reminder").suggestions
    assert resource_of(one).get("encounter") == (expected and {"reference": expected})


def test_the_visit_is_not_offered_where_coverage_does_not_depend_on_it(answer: Answer) -> None:
    held = by_keys([*unseen(), visit()])
    ordered = [full(), order(day=None, id="v", code=concept("shared-decision-making", EVIDENCE))]
    for body in (
        sign([full()], held),
        sign(ordered, by_keys(unseen())),
        sign([full()], by_keys([*b1_chart(), *unseen()[1:]])),
        sign([full("93306")], by_keys(unseen())),
    ):
        assert not any(card.suggestions for card in answer(body).cards)


# ----------------------------------------------------------------------------------- several orders


def test_orders_of_a_call_are_told_apart_and_each_may_be_changed(
    answer: Answer, evaluate: Evaluate
) -> None:
    orders = [full(), device_request("C1721", id="device-1"), full("93306", id="echo-1")]
    prefetch = by_keys(pair_by_name())
    card = the_card(answer, sign(orders, prefetch), "claim")
    assert labels(card) == ["Add I50.22 to order 33249", "Add I50.22 to order C1721"]
    assert recommended(card) == labels(card)
    assert card.selection_behavior == "any"
    assert card.detail.startswith("For ")
    for code in ("(33249)", "(C1721)"):
        assert code in card.detail
    assert "93306" not in card.detail
    for one in card.suggestions:
        orders = accepted(orders, one)
    assert warned(evaluate, sign(orders, prefetch))[:2] == [set(), set()]


def test_several_codes_for_several_orders_exclude_each_other(answer: Answer) -> None:
    orders = [full(), full("33240", id="order-2")]
    card = the_card(answer, sign(orders, by_keys(pair_by_two_names())), "claim")
    assert len(set(labels(card))) == 4
    assert (recommended(card), card.selection_behavior) == ([], "at-most-one")


def test_orders_of_one_code_are_numbered(answer: Answer) -> None:
    orders = [full(), full(id="order-2")]
    card = the_card(answer, sign(orders, by_keys(waiting())), "limits")
    assert labels(card) == [f"Move order 33249 (no. {n}) to 2026-12-21" for n in (1, 2)]
    assert card.selection_behavior == "any"


def test_a_device_request_can_be_moved_too(answer: Answer, evaluate: Evaluate) -> None:
    ordered, prefetch = device_request("C1721"), by_keys(waiting())
    (one,) = the_card(answer, sign([ordered], prefetch), "limits").suggestions
    assert resource_of(one) == ordered | {"occurrenceDateTime": "2026-12-21"}
    assert (
        "waiting-period-open" not in warned(evaluate, sign(accepted([ordered], one), prefetch))[0]
    )


# --------------------------------------------------------------------------------- hooks and orders


def _on_hook(hook: str, ordered: Json, prefetch: Json) -> bytes:
    """A call of any hook about one order."""
    reference = f"ServiceRequest/{ordered['id']}"
    booking = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "proposed",
        "start": "2026-11-20T09:00:00-05:00",
        "basedOn": [{"reference": reference}],
        "participant": [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "accepted"}],
    }
    drafted = {"userId": "Practitioner/dr-1", "draftOrders": bundle([ordered])}
    contexts: dict[str, Json] = {
        "order-sign": drafted,
        "order-select": drafted | {"selections": [reference]},
        "order-dispatch": {"dispatchedOrders": [reference], "performer": "Organization/o1"},
        "appointment-book": {"userId": "Practitioner/dr-1", "appointments": bundle([booking])},
    }
    request = {
        "hook": hook,
        "hookInstance": INSTANCE,
        "context": {"patientId": PATIENT, **contexts[hook]},
        "prefetch": prefetch | {"ordered": ordered},
    }
    return json.dumps(request).encode()


def _both_open() -> list[Json]:
    """Waiting, without partner, and without the visit."""
    return [r for r in [*pair_by_name(), *waiting()[-1:]] if r["resourceType"] != "Encounter"]


@pytest.mark.parametrize(
    "hook", ["order-sign", "order-select", "order-dispatch", "appointment-book"]
)
def test_orders_are_changed_where_they_are_drafts_and_the_visit_is_ordered_everywhere(
    answer: Answer, hook: str
) -> None:
    body = _on_hook(hook, full(), by_keys(_both_open()))
    found = answer(body).cards
    kinds = [s.actions[0].type for card in found for s in card.suggestions]
    assert kinds == (["update", "update", "create"] if hook.startswith("order-s") else ["create"])
    topics = [card.source.topic.code for card in found]
    assert topics == [
        "appropriate-use",
        "claim",
        "limits",
        "clinical-reminder",
        "clinical-reminder",
        "guideline",
    ]


def test_a_visit_ordered_from_a_dispatch_is_found_in_the_record(
    answer: Answer, evaluate: Evaluate
) -> None:
    body = _on_hook("order-dispatch", full(), by_keys(unseen()))
    (one,) = the_card(answer, body, "clinical-reminder").suggestions
    record = by_keys([*unseen(), resource_of(one) | {"id": "new-1", "status": "active"}])
    (found,) = evaluate(_on_hook("order-dispatch", full(), record))
    codes = {f.code for f in found.findings}
    assert "sdm-ordered" in codes
    assert "sdm-missing" not in codes


@pytest.mark.parametrize(
    "poor",
    [
        {"id": None},
        {"reasonCode": {"text": "one"}},
        {"reasonCode": "I25.5"},
        {"reasonCode": [None]},
        {"reasonCode": None, "id": None},
    ],
)
def test_an_order_that_cannot_take_a_reason_gets_the_card_without_suggestion(
    answer: Answer, poor: Json
) -> None:
    ordered = full() | poor
    if ordered["id"] is None:
        del ordered["id"]
    (card,) = cards(answer, sign([ordered], by_keys(pair_by_name())), "claim")
    assert card.suggestions == ()


def test_an_order_of_a_length_that_none_has_is_not_repeated(answer: Answer) -> None:
    long = full(note=[{"text": "x" * 130_000}])
    for ordered, offered in ((long, True), (long | {"note": [{"text": "x" * 140_000}]}, False)):
        (card,) = cards(answer, sign([ordered], by_keys(pair_by_name())), "claim")
        assert bool(card.suggestions) is offered


def test_no_more_codes_are_offered_than_anyone_would_choose_from(answer: Answer) -> None:
    orders = [full(id=f"order-{n}") for n in range(15)]
    card = the_card(answer, sign(orders, by_keys(pair_by_two_names())), "claim")
    assert len(card.suggestions) == 20


def test_an_order_without_subject_or_requester_is_changed_as_it_came(answer: Answer) -> None:
    ordered = order()
    del ordered["subject"]
    body = sign([ordered], by_keys(_both_open()))
    made = [
        json.loads(bytes(s.actions[0].resource))
        for card in answer(body).cards
        for s in card.suggestions
    ]
    assert made[0] == ordered | {"reasonCode": made[0]["reasonCode"]}
    assert made[1] == ordered | {"occurrenceDateTime": "2026-12-21"}
    assert made[2]["subject"] == {"reference": f"Patient/{PATIENT}"}
    assert made[2]["requester"] == {"reference": "Practitioner/dr-1"}


def test_a_changed_order_says_nothing_of_the_coverage_any_more(answer: Answer) -> None:
    coverage = payer("1", id="cov-1")

    def told(reference: str) -> Json:
        part = {"url": "coverage", "valueReference": {"reference": reference}}
        return {"url": STATEMENT, "extension": [part]}

    own = {"url": "https://ehr.example/own", "valueString": "stays"}
    ordered = full(extension=[told("Coverage/cov-1"), own, told("Coverage/other")])
    body = sign([ordered], by_keys([*_both_open(), coverage]))
    updates = [s for card in answer(body).cards for s in card.suggestions][:2]
    assert [resource_of(s)["extension"] for s in updates] == [[own], [own]]


# ------------------------------------------------------------------------ what stands on every card


def _all_cards(answer: Answer, **more: object) -> tuple[Card, ...]:
    return answer(sign([full()], by_keys(_both_open()), **more)).cards


def test_no_suggestion_and_no_uuid_stands_twice(answer: Answer) -> None:
    found = [*_all_cards(answer), *_all_cards(answer)]
    uuids = [card.uuid for card in found] + [s.uuid for card in found for s in card.suggestions]
    assert len(set(uuids)) == len(uuids) == 18
    assert {(UUID(one).version, UUID(one).variant, str(UUID(one)) == one) for one in uuids} == {
        (4, RFC_4122, True)
    }


def test_links_and_suggestions_are_never_mixed(answer: Answer) -> None:
    found = _all_cards(answer)
    assert any(card.suggestions for card in found)
    assert [bool(card.links) for card in found] == [False] * 5 + [True]
    assert not any(card.links and card.suggestions for card in found)
    (checklist,) = [c for c in found if c.summary.startswith("Documentation checklist")]
    assert (checklist.links, checklist.suggestions) == ((), ())


@pytest.mark.parametrize(
    ("version", "system"),
    [
        (None, "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"),
        ("2.0", "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"),
        ("2.2", "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"),
    ],
)
def test_the_topic_is_of_the_version_that_is_asked_for(
    answer: Answer, version: str | None, system: str
) -> None:
    extension = {"davinci-crd.requestedVersion": version}
    body = sign([full()], by_keys([*_both_open(), payer("1")]), extension=extension)
    assert {card.source.topic.system for card in answer(body).cards} == {system}


def test_every_card_but_that_of_the_sources_can_be_passed_over_with_a_reason(
    answer: Answer,
) -> None:
    *found, sources = _all_cards(answer)
    assert sources.override_reasons == ()
    offered = [{reason.code for reason in card.override_reasons} for card in found]
    assert all({"not-medicare", "information-wrong"} <= codes for codes in offered)
    verdict, claim, limits, ordering, checklist = offered
    assert "clinical-exception" in verdict & limits
    assert "code-at-billing" in claim - verdict - limits - ordering
    assert "patient-declined" in ordering - verdict - claim - limits
    assert ordering == checklist
    for card in found:
        assert {reason.system for reason in card.override_reasons} == {OVERRIDES}
        assert all(reason.display for reason in card.override_reasons)
        assert len({reason.code for reason in card.override_reasons}) == len(card.override_reasons)


def test_the_sources_are_linked_with_a_decision_aid_while_the_visit_is_open(
    answer: Answer,
) -> None:
    ncd = "https://www.cms.gov/medicare-coverage-database/view/ncd.aspx?ncdid=110"
    article = "https://www.cms.gov/medicare-coverage-database/view/article.aspx?articleid=56326"
    aid = "https://patientdecisionaid.org/icd/"
    planned = order(day=None, id="v", code=concept("shared-decision-making", EVIDENCE))
    for orders, chart, expected in (
        ([full()], unseen(), [ncd, article, aid]),
        ([full(), planned], unseen(), [ncd, article, aid]),
        ([full(), full(id="order-2")], waiting(), [ncd, article]),
    ):
        (card,) = cards(answer, sign(orders, by_keys(chart)), "guideline")
        assert [link.url for link in card.links] == expected
        assert {link.type for link in card.links} == {"absolute"}
        assert len({link.label for link in card.links}) == len(expected)
        assert card.indicator == "info"


def test_the_sources_of_all_versions_that_orders_were_judged_by_are_linked_once() -> None:
    content = load()
    (first,) = content.versions
    second = msgspec.structs.replace(first, effective=date(2026, 12, 1), article_url="https://new")
    knowledge = msgspec.structs.replace(content, versions=(first, second)).knowledge()
    days = {"a": "2026-11-25", "b": "2026-12-02", "c": "2026-12-03"}
    orders = [full(id=name, occurrenceDateTime=day) for name, day in days.items()]
    found = answer_to(Evaluator(knowledge), sign(orders, by_keys(_both_open())), TODAY)
    *verdicts, _, _, _, _, card = found.cards
    assert [one.source.url for one in verdicts] == [first.article_url, *["https://new"] * 2]
    urls = [first.ncd_url, first.article_url, "https://new", first.decision_aid_url]
    assert [link.url for link in card.links] == urls


def test_sources_ride_only_with_an_order_that_needs_a_verdict(answer: Answer) -> None:
    assert answer(sign([full()], by_keys(b2_chart()))).cards == ()
    assert answer(sign([full("93306")], by_keys(unseen()))).cards == ()


TOPICS = ("appropriate-use", "claim", "limits", "clinical-reminder", "guideline")


@pytest.mark.parametrize("topic", TOPICS)
def test_a_kind_that_is_switched_off_takes_no_other_with_it(answer: Answer, topic: str) -> None:
    extension = {"davinci-crd.configuration": {topic: False}}
    found = [card.source.topic.code for card in _all_cards(answer, extension=extension)]
    every = [card.source.topic.code for card in _all_cards(answer)]
    assert found == [one for one in every if one != topic]
    assert len(found) < len(every)


@pytest.mark.parametrize("most", [0, 1, 3, 20])
def test_the_most_important_cards_are_sent_first(answer: Answer, most: int) -> None:
    extension = {"davinci-crd.configuration": {"max-cards": most}}
    every = [card.summary for card in _all_cards(answer)]
    found = [card.summary for card in _all_cards(answer, extension=extension)]
    assert found == every[:most]


def test_no_visit_is_ordered_where_a_measurement_decides_against_it(answer: Answer) -> None:
    chart = [patient(), condition("I25.5"), condition("I50.22"), lvef(45), nyha(2)]
    cards = answer(sign([full()], by_keys(chart))).cards
    assert "not covered" in cards[0].summary
    assert not any(card.suggestions for card in cards)


# ------------------------------------------------------------------ what another day would not mend


@pytest.mark.parametrize(
    "beside",
    [
        [lvef(45, id="later", effectiveDateTime="2026-11-15")],
        [nyha(4, "2026-11-15")],
        [condition("R57.0", "2026-11-19")],
    ],
    ids=["LVEF", "NYHA", "shock"],
)
def test_no_day_is_offered_where_something_else_decides_against_the_order(
    answer: Answer, beside: list[Json]
) -> None:
    infarction = condition("I21.4", "2026-10-25")
    body = sign([full()], by_keys([*b2_chart(), infarction, *beside, payer("1", id="cov-1")]))
    found = answer(body)
    assert "waiting period" not in found.cards[0].summary
    assert not any(card.suggestions for card in found.cards)
    (action,) = found.system_actions
    (reason,) = re.findall(rb'"text":"(Not covered: [^"]+)"', bytes(action.resource))
    assert b"waiting period" in reason
    assert reason.count(b",") >= 1


def test_an_order_that_follows_its_appointment_is_not_moved(answer: Answer) -> None:
    booked = {
        "resourceType": "Appointment",
        "id": "booked",
        "status": "booked",
        "start": "2026-11-24T09:00:00-05:00",
        "basedOn": [{"reference": "ServiceRequest/order-1"}],
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    }
    chart = [*b2_chart(), condition("I21.4", "2026-10-25")]
    prefetch = by_keys(chart)
    drafted = {k: v for k, v in full().items() if k != "occurrenceDateTime"}
    assert the_card(answer, sign([drafted], prefetch), "limits").suggestions
    prefetch["serviceRequests"] = bundle([booked])
    (limits,) = cards(answer, sign([drafted], prefetch), "limits")
    assert not limits.suggestions


def test_of_two_changes_of_one_order_one_is_recommended(answer: Answer) -> None:
    chart = [*pair_by_name(), condition("I21.4", "2026-11-01")]
    cards = answer(sign([full()], by_keys(chart))).cards
    offered = [s for card in cards for s in card.suggestions if s.actions[0].type == "update"]
    assert len(offered) == 2
    assert [one.is_recommended for one in offered] == [True, False]


def test_a_visit_is_not_ordered_for_an_implant_that_is_carried_out(answer: Answer) -> None:
    chart = [patient(), condition("I42.1"), lvef(40)]
    drafted = answer(sign([full()], by_keys(chart))).cards
    done = answer(sign([full(status="completed")], by_keys(chart))).cards
    assert any(card.suggestions for card in drafted)
    assert not any(card.suggestions for card in done)


def test_a_visit_that_could_not_be_looked_for_is_not_recommended(answer: Answer) -> None:
    chart = [patient(), condition("I42.1"), lvef(40)]
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "x"}]}
    for prefetch, wanted in (
        (by_keys(chart), [True]),
        (by_keys(chart) | {"encounters": failed}, [False]),
    ):
        offered = [s for card in answer(sign([full()], prefetch)).cards for s in card.suggestions]
        assert [one.is_recommended for one in offered] == wanted
