"""Calls: what a request must hold, and what it may hold besides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from live_server import (
    CPT,
    HCPCS,
    SERVICE_IDS,
    Json,
    concept,
    condition,
    covered_chart,
    device_order,
    every_call,
    issue_of,
    order,
    sign,
)

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
HOOKS = list(SERVICE_IDS)
REQUIRED_CONTEXT = [
    ("order-sign", "userId"),
    ("order-sign", "patientId"),
    ("order-sign", "draftOrders"),
    ("order-select", "userId"),
    ("order-select", "patientId"),
    ("order-select", "selections"),
    ("order-select", "draftOrders"),
    ("order-dispatch", "patientId"),
    ("order-dispatch", "dispatchedOrders"),
    ("order-dispatch", "performer"),
    ("appointment-book", "userId"),
    ("appointment-book", "patientId"),
    ("appointment-book", "appointments"),
]
HCPCS_URIS = [
    HCPCS,
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "urn:oid:2.16.840.1.113883.6.285",
    "https://bluebutton.cms.gov/resources/codesystem/hcpcs",
]
STATUSES = ["draft", "active", "on-hold", "completed", "unknown", "no-such-status"]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_good_call_of_each_hook_is_answered(live: Live, hook: str) -> None:
    cards = live.cards(every_call()[hook])
    assert any("33249" in card["summary"] for card in cards)


@pytest.mark.parametrize("member", ["hook", "hookInstance", "context"])
def test_a_call_without_a_required_member_is_400_that_names_it(live: Live, member: str) -> None:
    request = sign()
    del request[member]
    path = f"/cds-services/{SERVICE_IDS['order-sign']}"
    response = live.post(path, json.dumps(request).encode())
    assert response.status_code == 400
    assert issue_of(response)["code"] == "required"
    assert member in issue_of(response)["diagnostics"]


@pytest.mark.parametrize(("hook", "member"), REQUIRED_CONTEXT)
@pytest.mark.parametrize("absent", ["left out", "null"])
def test_a_context_without_a_required_field_is_400_that_names_it(
    live: Live,
    hook: str,
    member: str,
    absent: str,
) -> None:
    request = every_call()[hook]
    if absent == "null":
        request["context"][member] = None
    else:
        del request["context"][member]
    response = live.send(request)
    assert response.status_code == 400
    assert issue_of(response)["code"] == "required"
    assert f"context.{member}" in issue_of(response)["diagnostics"]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_other_than_the_services_own_is_400(live: Live, hook: str) -> None:
    request = every_call()[hook]
    for other, service_id in SERVICE_IDS.items():
        if other != hook:
            body = json.dumps(request).encode()
            response = live.post(f"/cds-services/{service_id}", body)
            assert response.status_code == 400
            assert issue_of(response)["expression"] == ["hook"]


@pytest.mark.parametrize(
    "instance",
    [
        "",
        "1",
        "urn:uuid:5d1c8a0e-2f7b-4f43-9d5c-0c6a1f3b9e21",
        "x" * 36,
        "5d1c8a0e-2f7b-4f43-9d5c-0c6a1f3b9e21 ",
    ],
)
def test_a_hook_instance_that_is_no_bare_uuid_is_400(live: Live, instance: str) -> None:
    response = live.send(sign(hookInstance=instance))
    assert response.status_code == 400
    assert issue_of(response)["expression"] == ["hookInstance"]


@pytest.mark.parametrize("spell", [str.upper, str.lower])
def test_a_uuid_may_be_in_upper_or_lower_case(live: Live, spell: type[str]) -> None:
    assert live.send(sign(hookInstance=spell(str(uuid4())))).status_code == 200


def test_an_encounter_and_a_patient_reference_in_the_context_are_accepted(live: Live) -> None:
    request = sign(chart=covered_chart())
    request["context"]["encounterId"] = "e1"
    request["context"]["patientId"] = "Patient/p1"
    assert live.determination(request)["status"] == "covered"


def test_unknown_members_are_ignored_at_every_level(live: Live) -> None:
    plain = sign(chart=covered_chart())
    odd = sign(chart=covered_chart())
    extra: Json = {"future": {"deep": [1, {"x": None}]}, "extension": {"com.example.x": True}}
    odd |= extra
    odd["context"] |= extra
    odd["fhirServer"] = "https://ehr.example.org/fhir"
    odd["fhirAuthorization"] = {"access_token": "t", "token_type": "Bearer"} | extra
    odd["prefetch"]["com.example.future"] = {"resourceType": "FutureResource", "id": "f1"} | extra
    drafted = odd["context"]["draftOrders"]
    drafted |= {"future": 1}
    drafted["entry"][0] |= {"future": 1}
    drafted["entry"][0]["resource"] |= {"future": 1, "extension": [{"url": "https://x.example"}]}
    odd["prefetch"]["conditions"]["entry"][0]["resource"]["code"] |= {"future": [None, 1.5]}
    found, expected = live.determination(odd), live.determination(plain)
    assert found == expected


@pytest.mark.parametrize(
    "configuration",
    [None, 1, "x", [], {}, {"coverage-info": "maybe"}, {"no-such-option": {"a": []}}],
)
def test_a_configuration_extension_that_makes_no_sense_is_tolerated(
    live: Live,
    configuration: object,
) -> None:
    request = sign(extension={"davinci-crd.configuration": configuration})
    assert live.cards(request)


@pytest.mark.parametrize("extension", [None, 1, "x", []])
def test_an_extension_that_is_no_object_is_tolerated(live: Live, extension: object) -> None:
    assert live.cards(sign(extension=extension))


@pytest.mark.parametrize("authorization", [{"access_token": ""}, {}, None])
def test_an_authorization_without_token_is_tolerated(
    live: Live,
    authorization: Json | None,
) -> None:
    request = sign(fhirServer="https://ehr.example.org/fhir", fhirAuthorization=authorization)
    assert live.cards(request)


def test_a_token_is_neither_repeated_nor_logged(live: Live) -> None:
    secret = f"secret-{uuid4()}"
    authorization = {"access_token": secret, "token_type": "Bearer", "expires_in": 30}
    request = sign(fhirServer="https://ehr.example.org/fhir", fhirAuthorization=authorization)
    assert secret not in live.send(request).text
    request["context"]["userId"] = None
    assert secret not in live.send(request).text
    assert secret not in live.log()


# -------------------------------------------------------------------------------------- the orders


@pytest.mark.parametrize("status", STATUSES)
def test_an_order_of_any_status_is_judged(live: Live, status: str) -> None:
    request = sign(order(status=status), chart=covered_chart())
    assert live.determination(request)["status"] == "covered"


@pytest.mark.parametrize("status", ["revoked", "entered-in-error"])
def test_an_order_that_was_withdrawn_is_not_judged(live: Live, status: str) -> None:
    assert live.cards(sign(order(status=status))) == []
    assert live.determination(sign(order(status=status)))["status"] == "not-applicable"


def test_an_order_not_to_perform_gets_no_card(live: Live) -> None:
    request = sign(order(doNotPerform=True))
    assert live.cards(request) == []
    found = live.determination(request)
    assert found["status"] == "not-applicable"
    assert [f["code"] for f in found["findings"]] == ["order-not-wanted"]


@pytest.mark.parametrize("system", HCPCS_URIS)
def test_every_uri_of_hcpcs_is_known(live: Live, system: str) -> None:
    found = live.determination(sign(order("G0448", system)))
    assert found["order"]["class"] == "initial-implant"
    assert found["order"]["system"] == system


def test_a_device_code_is_known_in_a_device_request(live: Live) -> None:
    for system in HCPCS_URIS:
        request = sign(device_order(codeCodeableConcept=concept("C1722", system)))
        assert live.determination(request)["order"]["class"] == "initial-implant"


@pytest.mark.parametrize("system", [CPT, "urn:oid:2.16.840.1.113883.6.12"])
def test_every_uri_of_cpt_is_known(live: Live, system: str) -> None:
    assert live.determination(sign(order("33249", system)))["order"]["code"] == "33249"


def test_a_code_under_another_system_is_not_ours(live: Live) -> None:
    request = sign(order("33249", "https://hospital.example/codes"))
    assert live.cards(request) == []
    assert live.determination(request)["order"]["class"] == "not-defibrillator"


def test_any_coding_of_the_order_counts(live: Live) -> None:
    local = {"system": "https://hospital.example/codes", "code": "IMPLANT"}
    code = {"coding": [local, {"system": CPT, "code": "33249"}], "text": "implant"}
    assert live.determination(sign(order(code=code)))["order"]["code"] == "33249"


def test_billing_options_are_considered(live: Live) -> None:
    url = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
    local = {"system": "https://hospital.example/codes", "code": "IMPLANT"}
    code = {
        "coding": [local],
        "extension": [
            {"url": url, "valueCodeableConcept": concept("99999", CPT)},
            {"url": url, "valueCodeableConcept": concept("33249", CPT)},
        ],
    }
    assert live.determination(sign(order(code=code)))["order"]["code"] == "33249"


UNREADABLE: list[Json] = [
    {},
    {"resourceType": "ServiceRequest"},
    {"resourceType": "ServiceRequest", "id": "o2", "code": "33249"},
    {"resourceType": "ServiceRequest", "id": "o2", "code": {"coding": [{}]}},
    {"resourceType": "ServiceRequest", "id": "o2", "code": {"coding": "33249"}},
    {"resourceType": "ServiceRequest", "id": 7, "subject": "Patient/p1"},
    {"resourceType": "MedicationRequest", "id": "o2"},
    {"resourceType": "NutritionOrder", "id": "o2", "status": "draft"},
    {"resourceType": "VisionPrescription", "id": "o2"},
    {"resourceType": "CommunicationRequest", "id": "o2"},
    {"resourceType": "DeviceRequest", "id": "o2", "codeReference": {"reference": "Device/d1"}},
    {"resourceType": "NoSuchResource", "id": "o2"},
]


@pytest.mark.parametrize("odd", UNREADABLE, ids=json.dumps)
def test_an_order_that_is_not_ours_or_unreadable_does_not_fail_the_call(
    live: Live,
    odd: Json,
) -> None:
    request = sign(odd, order(), chart=covered_chart())
    judged = [d for d in live.determinations(request) if d["order"]["code"] == "33249"]
    assert [d["status"] for d in judged] == ["covered"]
    assert live.cards(sign(odd, chart=covered_chart())) == []


def test_an_order_for_another_patient_is_not_judged(live: Live) -> None:
    request = sign(order(subject={"reference": "Patient/p2"}))
    assert live.cards(request) == []
    codes = [f["code"] for f in live.determination(request)["findings"]]
    assert codes == ["order-of-other-patient"]


def test_a_reason_on_the_order_counts_as_a_diagnosis(live: Live) -> None:
    chart = [r for r in covered_chart() if r["id"] != "c-failure"]
    system = "http://hl7.org/fhir/sid/icd-10-cm"
    request = sign(order(reasonCode=[concept("I50.22", system)]), chart=chart)
    assert live.determination(request)["status"] == "covered"


def test_two_calls_with_one_instance_are_answered_alike(live: Live) -> None:
    request = sign(chart=[condition("I25.5", "c1")])
    first, second = live.cards(request), live.cards(request)
    for card in first + second:
        for one in (card, *card.get("suggestions", [])):
            del one["uuid"]
    assert first == second
