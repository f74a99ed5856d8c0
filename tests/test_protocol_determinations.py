"""The contract of /determinations, /health, and what the service says of its own interface."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import pytest

from live_server import (
    SERVICE_IDS,
    Json,
    condition,
    covered_chart,
    device_order,
    every_call,
    gaps_of,
    issue_of,
    open_chart,
    order,
    sign,
)

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
CITATION = re.compile(r"P-[A-Z0-9-]+")


def _waiting() -> Json:
    infarction = condition("I21.4", "c-infarction", onsetDateTime="2026-11-10")
    chart = [r for r in covered_chart() if r["id"] != "c-failure"]
    return sign(chart=[*chart, infarction, condition("I50.9", "c-unspecified")])


def test_a_determination_has_the_members_of_the_contract(live: Live) -> None:
    found = live.determination(_waiting())
    assert set(found) >= {
        "order",
        "policy",
        "status",
        "indicationsMet",
        "indications",
        "missingSecondary",
        "waitingPeriods",
        "earliestEligibleDate",
        "findings",
        "dataDigest",
    }
    assert set(found["order"]) >= {
        "reference",
        "system",
        "code",
        "class",
        "serviceDate",
        "serviceDateBasis",
    }
    assert set(found["policy"]) == {"id", "version", "effective", "citation"}
    assert all(re.fullmatch(r"[a-z][A-Za-z]*", name) for name in found)


def test_an_indication_has_the_members_of_the_contract(live: Live) -> None:
    for indication in live.determination(_waiting())["indications"]:
        assert set(indication) >= {"id", "label", "truth", "criteria"}
        for criterion in indication["criteria"]:
            assert set(criterion) >= {"id", "label", "truth", "citation", "evidence", "gaps"}
            assert criterion["truth"] in {"met", "not-met", "unknown"}
            assert CITATION.fullmatch(criterion["citation"])
            for evidence in criterion["evidence"]:
                assert set(evidence) >= {"reference", "code", "value", "date"}
            for gap in criterion["gaps"]:
                assert set(gap) >= {"kind", "ask"}


def test_a_criterion_is_unknown_exactly_when_it_has_a_gap(live: Live) -> None:
    for call in (_waiting(), sign(chart=[]), sign(), sign(chart=covered_chart())):
        found = live.determination(call)
        criteria = [c for i in found["indications"] for c in i["criteria"]] + found["always"]
        for criterion in criteria:
            assert (criterion["truth"] == "unknown") is bool(criterion["gaps"])
        for gap in gaps_of(found):
            assert gap["kind"] in {
                "not-found",
                "not-fetched",
                "unreadable",
                "too-imprecise",
                "conflicting",
                "judgement",
            }


def test_waiting_periods_and_missing_partners_have_the_members_of_the_contract(live: Live) -> None:
    found = live.determination(_waiting())
    (waiting,) = found["waitingPeriods"]
    assert set(waiting) == {
        "event",
        "eventDate",
        "reference",
        "lastExcludedDay",
        "firstEligibleDay",
        "daysRemaining",
        "length",
        "certainty",
        "applies",
        "exception",
        "citation",
    }
    assert waiting["event"] == "MI"
    assert waiting["eventDate"] == "2026-11-10"
    assert waiting["lastExcludedDay"] == "2026-12-20"
    assert waiting["firstEligibleDay"] == "2026-12-21"
    assert waiting["daysRemaining"] == 31
    assert found["earliestEligibleDate"] == "2026-12-21"
    missing = {m["primary"]: m for m in found["missingSecondary"]}
    assert set(missing["I25.5"]) == {"primary", "anyOf", "supported", "citation"}
    assert "I50.22" in missing["I25.5"]["anyOf"]


def test_findings_have_the_members_of_the_contract(live: Live) -> None:
    findings = live.determination(_waiting())["findings"]
    assert findings
    for finding in findings:
        assert set(finding) >= {"code", "severity", "text", "citation", "evidence"}
        assert re.fullmatch(r"[a-z][a-z0-9.-]*", finding["code"])
        assert finding["severity"] in {"warning", "info"}
        assert finding["text"].strip()
        assert CITATION.fullmatch(finding["citation"])


def test_every_service_and_device_request_gets_an_entry_in_the_order_given(live: Live) -> None:
    drug: Json = {"resourceType": "MedicationRequest", "id": "m1"}
    request = sign(
        order("93306", identity="echo"),
        drug,
        order(identity="implant"),
        device_order("E0424", identity="oxygen"),
        device_order(identity="generator"),
        {"resourceType": "ServiceRequest", "id": "odd", "code": "33249"},
    )
    assert [d["order"]["reference"] for d in live.determinations(request)] == [
        "ServiceRequest/echo",
        "ServiceRequest/implant",
        "DeviceRequest/oxygen",
        "DeviceRequest/generator",
        "ServiceRequest/odd",
    ]


def test_an_order_not_ours_is_said_to_be_so_and_nothing_else(live: Live) -> None:
    found = live.determination(sign(order("93306")))
    assert found["status"] == "not-applicable"
    assert found["order"]["class"] == "not-defibrillator"
    assert found["order"]["code"] == "93306"
    for member in ("indicationsMet", "indications", "missingSecondary", "waitingPeriods"):
        assert found[member] == []
    assert found["earliestEligibleDate"] is None


def test_the_status_is_one_of_four(live: Live) -> None:
    calls = [_waiting(), sign(), sign(chart=covered_chart()), sign(order("93306"))]
    statuses = [live.determination(call)["status"] for call in calls]
    assert statuses == ["not-covered", "conditional", "covered", "not-applicable"]


@pytest.mark.parametrize("hook", list(every_call()))
def test_the_body_of_any_hook_is_judged(live: Live, hook: str) -> None:
    found = live.determination(every_call()[hook])
    assert found["order"]["code"] == "33249"
    date.fromisoformat(found["order"]["serviceDate"])


def test_a_hook_that_does_not_exist_is_400(live: Live) -> None:
    response = live.post("/determinations", b'{"hook":"patient-view"}')
    assert response.status_code == 400
    request = sign()
    request["hook"] = "patient-view"
    response = live.post("/determinations", str(request).replace("'", '"').encode())
    assert response.status_code == 400
    assert issue_of(response)["expression"] == ["hook"]


def test_the_same_call_gives_the_same_bytes(live: Live) -> None:
    request = sign(chart=open_chart())
    assert live.determinations(request) == live.determinations(request)


# ------------------------------------------------------------------------- the service about itself


def test_health_tells_version_policies_and_the_digest_of_the_data(live: Live) -> None:
    response = live.get("/health")
    assert response.status_code == 200
    health = response.json()
    assert health["status"] == "ok"
    assert re.fullmatch(r"\d+\.\d+\.\d+", health["version"])
    assert health["policies"] == ["2018-02-15"]
    assert health["dataDigest"] == live.determination(sign())["dataDigest"]


def test_the_interface_is_described_as_openapi_3_1(live: Live) -> None:
    response = live.get("/openapi.json")
    assert response.status_code == 200
    described = response.json()
    assert re.fullmatch(r"3\.1\.\d+", described["openapi"])
    assert described["info"]["title"]
    assert described["info"]["version"]
    assert set(described["paths"]) >= {
        "/cds-services",
        *(f"/cds-services/{service_id}" for service_id in SERVICE_IDS.values()),
        "/determinations",
        "/health",
    }
    for path, item in described["paths"].items():
        assert path.startswith("/")
        for method, operation in item.items():
            assert method in {"get", "post"}
            assert operation["responses"]
            for status, answer in operation["responses"].items():
                assert re.fullmatch(r"[1-5]\d\d|default", status)
                assert answer["description"]


def test_every_reference_of_the_interface_description_leads_somewhere(live: Live) -> None:
    described = live.get("/openapi.json").json()
    pending: list[object] = [described]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
            target = node.get("$ref")
            if isinstance(target, str):
                found = described
                for part in target.removeprefix("#/").split("/"):
                    assert part in found, target
                    found = found[part]


def test_every_error_that_a_call_may_meet_is_described(live: Live) -> None:
    paths = live.get("/openapi.json").json()["paths"]
    called = [path for path, item in paths.items() if "post" in item]
    assert len(called) == 9
    common = {"200", "400", "401", "408", "413", "415", "429", "431", "503"}
    for path in called:
        own = "404" if path.endswith("/feedback") else "412"
        assert set(paths[path]["post"]["responses"]) == common | {own}
    looked_up = paths["/determinations/{assertionId}"]["get"]["responses"]
    assert set(looked_up) == {"200", "401", "404", "429", "431", "503"}


def test_the_documentation_page_answers(live: Live) -> None:
    response = live.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
