"""Clients as they are: what real ones send, however awkward."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from live_server import (
    KEYS,
    SERVICE_IDS,
    Json,
    bundle,
    concept,
    covered_chart,
    lvef,
    open_chart,
    order,
    patient,
    prefetch_of,
    sign,
)

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
MEDICARE: Json = {
    "resourceType": "Coverage",
    "id": "coverage-1",
    "status": "active",
    "beneficiary": {"reference": "Patient/p1"},
    "payor": [{"reference": "Organization/org1", "display": "Centers for Medicare Services"}],
    "class": [{"type": concept("plan", "http://example.org"), "value": "A", "name": "Medicare"}],
}


def _sandbox(*entries: Json) -> Json:
    """The reference test client's draft orders: a Bundle without type, poor orders."""
    request = sign(chart=covered_chart())
    request["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": list(entries)}
    return request


POOR: dict[str, Json] = {
    "a code without content": {"resource": order(code={"coding": [{}]})},
    "a plan": {"resource": order(intent="plan")},
    "a category that is an object": {"resource": order(category={"text": "Procedure"})},
    "a drug order without drug": {
        "resource": {"resourceType": "MedicationRequest", "id": "m1", "status": "draft"},
    },
    "no full URL and no id": {"resource": {"resourceType": "ServiceRequest", "status": "draft"}},
    "an entry without resource": {"fullUrl": "urn:uuid:1"},
    "an empty entry": {},
    "a resource that is null": {"resource": None},
}


@pytest.mark.parametrize("entry", POOR.values(), ids=POOR)
def test_poor_draft_orders_of_the_sandbox_do_not_fail_the_call(live: Live, entry: Json) -> None:
    request = _sandbox(entry, {"resource": order(identity="good")})
    found = {d["order"]["reference"]: d["status"] for d in live.determinations(request)}
    assert found["ServiceRequest/good"] == "covered"
    assert live.send(_sandbox(entry)).status_code == 200


def test_a_poor_order_of_ours_is_judged_all_the_same(live: Live) -> None:
    poor: Json = {
        "resourceType": "ServiceRequest",
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "33249"}]},
        "category": {"text": "Procedure"},
        "intent": "plan",
    }
    found = live.determination(_sandbox({"resource": poor}))
    assert found["status"] == "covered"
    assert found["order"]["serviceDateBasis"] == "today"
    poor["id"] = "poor"
    assert live.determination(_sandbox({"resource": poor}))["order"]["reference"].endswith("/poor")


def test_the_sandbox_signing_at_the_select_service_is_refused_harmlessly(live: Live) -> None:
    request = sign()
    path = f"/cds-services/{SERVICE_IDS['order-select']}"
    assert 400 <= live.post(path, str(request).encode()).status_code < 500
    assert live.cards(request)


def test_the_sandboxs_first_page_of_many_conditions_is_not_the_whole_list(live: Live) -> None:
    conditions = [r for r in covered_chart() if r["resourceType"] == "Condition"]
    rest = [r for r in covered_chart() if r["resourceType"] != "Condition"]
    request = sign(chart=rest)
    more = [{"relation": "next", "url": "https://sandbox.example/fhir?_getpages=1"}]
    request["prefetch"]["conditions"] = bundle(*conditions, total=179, link=more)
    assert live.determination(request)["status"] == "conditional"


def test_medplums_nulls_are_keys_that_were_looked_up(live: Live) -> None:
    request = sign(chart=[])
    request["prefetch"] = dict.fromkeys(KEYS.values()) | {"patient": patient()}
    assert live.cards(request)
    request["prefetch"] = {
        key: value if value.get("entry") or key == "patient" else None
        for key, value in prefetch_of(*covered_chart()).items()
    }
    assert None in request["prefetch"].values()
    assert live.determination(request)["status"] == "covered"


def test_the_crd_generators_own_keys_are_read_by_what_they_hold(live: Live) -> None:
    request = sign(
        hookInstance="d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        fhirServer="http://localhost:8080/test-ehr/r4",
        fhirAuthorization={
            "access_token": "",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/Patient.read patient/Observation.read",
            "subject": "crd",
        },
        extension={"davinci-crd.configuration": {"alt-drug": True, "coverage-info": 1}},
        prefetch={
            "serviceRequestBundle": bundle(order(), patient(), *covered_chart()),
            "coverageBundle": bundle(MEDICARE),
        },
    )
    found = live.determination(request)
    assert found["status"] == "covered"
    assert "assumes-medicare" not in {f["code"] for f in found["findings"]}


def test_the_crd_generators_bare_prefetch_is_not_enough_for_covered(live: Live) -> None:
    request = sign(
        prefetch={
            "serviceRequestBundle": bundle(order(), patient()),
            "coverageBundle": bundle(MEDICARE),
        },
    )
    # Nothing of what the rules need was sent or could be fetched.
    assert live.send(request).status_code == 412
    request["prefetch"]["observationBundle"] = bundle(lvef(32))
    assert live.determination(request)["status"] == "conditional"


def test_one_constant_hook_instance_for_all_calls_is_accepted(live: Live) -> None:
    instance = str(uuid4())
    for chart in (covered_chart(), open_chart()):
        assert live.send(sign(chart=chart, hookInstance=instance)).status_code == 200


def test_anothers_payer_gets_no_card(live: Live) -> None:
    private = MEDICARE | {"payor": [{"display": "Aetna"}], "class": [{"name": "Commercial PPO"}]}
    private |= {"type": concept("5", "https://nahdo.org/sopt")}
    request = sign(chart=[*open_chart(), private])
    assert live.determination(request)["status"] == "not-applicable"
    assert live.cards(request) == []
