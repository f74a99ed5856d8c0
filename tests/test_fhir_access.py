"""What prefetch leaves open is fetched from a real FHIR server over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from fhir_servers import real_server
from live_server import (
    HCPCS,
    KEYS,
    Json,
    appointment,
    book,
    concept,
    condition,
    covered_chart,
    device_order,
    dispatch,
    gaps_of,
    lvef,
    nyha,
    order,
    patient,
    running,
    sign,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fhir_servers import RealServer
    from live_server import Live

TOKEN = "bearer-of-the-tests"  # noqa: S105 - opens nothing but a server of these tests
PAGE = 100
guarded = pytest.mark.parametrize("fhir", [TOKEN], ids=["bearer"], indirect=True)


def _long_chart() -> list[Json]:
    """250 Conditions; the infarction, ten days before the order, is on the third page."""
    others = [condition("J45.909", f"c-{number:03}") for number in range(247)]
    ours = [condition("I25.5", "c-ischemic"), condition("I50.22", "c-failure")]
    infarction = condition("I21.4", "z-infarction", onsetDateTime="2026-11-10")
    return [patient(), *others[:230], infarction, *ours, *others[230:], lvef(30), nyha(), visit()]


@pytest.fixture(scope="module", params=[None, TOKEN], ids=["open", "bearer"])
def fhir(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    with real_server(request.param) as server:
        server.store(_long_chart())
        # Someone else's records stand on the same server.
        server.store([patient("p2"), _of("p2", condition("I42.0", "other-dilated"))])
        yield server


@pytest.fixture(scope="module")
def service(fhir: RealServer) -> Iterator[Live]:
    with running(fhir_servers=fhir.base, development="true", fhir_seconds="20") as live:
        yield live


def medicare() -> Json:
    """The patient's Coverage."""
    return {
        "resourceType": "Coverage",
        "id": "cov-1",
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": "Medicare"}],
    }


def _of(patient_id: str, resource: Json) -> Json:
    return resource | {"subject": {"reference": f"Patient/{patient_id}"}}


def _with_server(request: Json, fhir: RealServer, token: str | None = "") -> Json:
    """The request with the FHIR server of the call."""
    granted = fhir.token if token == "" else token
    request["fhirServer"] = fhir.base
    if granted is not None:
        request["fhirAuthorization"] = {
            "access_token": granted,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.rs",
            "subject": "defib-coverage",
        }
    return request


def _pages(fhir: RealServer, path: str) -> list[Json]:
    pages = [fhir.get(path)]
    while links := [one["url"] for one in pages[-1]["link"] if one["relation"] == "next"]:
        pages.append(fhir.get(links[0].removeprefix(fhir.base + "/")))
    return pages


def test_the_infarction_on_page_three_counts_however_the_chart_comes(
    fhir: RealServer,
    service: Live,
) -> None:
    pages = _pages(fhir, f"Condition?patient=p1&_count={PAGE}")
    ids = [[entry["resource"]["id"] for entry in page["entry"]] for page in pages]
    assert len(pages) == 3
    assert "z-infarction" in ids[2]
    rest = [r for r in _long_chart() if r["resourceType"] != "Condition"]

    full = sign(chart=_long_chart())
    first = _with_server(sign(chart=rest), fhir)
    first["prefetch"]["conditions"] = pages[0]
    none = _with_server(sign(chart=[]), fhir)
    del none["prefetch"]
    by_full, by_first, by_none = (service.determination(r) for r in (full, first, none))

    assert by_full["status"] == "not-covered"
    assert [w["event"] for w in by_full["waitingPeriods"]] == ["MI"]
    assert by_first == by_full
    assert by_none == by_full


def test_a_key_that_failed_is_fetched(fhir: RealServer, service: Live) -> None:
    request = _with_server(sign(chart=covered_chart()), fhir)
    request["prefetch"]["conditions"] = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "exception"}],
    }
    found = service.determination(request)
    assert found["status"] == "not-covered"
    assert not [g for g in gaps_of(found) if g["kind"] == "not-fetched"]


@pytest.mark.parametrize("key", [k for k in KEYS.values() if k != "conditions"])
def test_any_one_key_withheld_is_fetched(fhir: RealServer, service: Live, key: str) -> None:
    request = _with_server(sign(chart=_long_chart()), fhir)
    whole = service.determination(sign(chart=_long_chart()))
    del request["prefetch"][key]
    assert service.determination(request) == whole


@guarded
def test_a_token_that_is_refused_is_a_gap_and_never_no_evidence(
    fhir: RealServer,
    service: Live,
) -> None:
    request = _with_server(sign(chart=covered_chart()), fhir, token="another")  # noqa: S106 - no secret
    del request["prefetch"]["conditions"]
    found = service.determination(request)
    assert found["status"] == "conditional"
    asks = [g["ask"] for g in gaps_of(found) if g["kind"] == "not-fetched"]
    assert any("did not accept the token" in ask for ask in asks)
    assert "record-incomplete" in {f["code"] for f in found["findings"]}
    assert TOKEN not in service.log()


@guarded
def test_nothing_usable_from_anywhere_is_412_with_the_reason(
    fhir: RealServer,
    service: Live,
) -> None:
    request = _with_server(sign(), fhir, token=None)
    del request["prefetch"]
    response = service.send(request)
    assert response.status_code == 412
    assert "did not accept the token" in response.text


def test_a_dispatched_order_is_read_from_the_server(fhir: RealServer, service: Live) -> None:
    fhir.store([order(identity="stored")])
    request = _with_server(dispatch("ServiceRequest/stored", chart=_long_chart()), fhir)
    found = service.determination(request)
    assert found["order"]["reference"] == "ServiceRequest/stored"
    assert found["status"] == "not-covered"
    request = _with_server(dispatch("ServiceRequest/unheard-of", chart=_long_chart()), fhir)
    assert service.send(request).status_code == 412


def _written(service: Live, request: Json) -> bytes:
    """The text of the answer from the resource of its only system action on."""
    answer = service.send(request)
    (action,) = answer.json()["systemActions"]
    assert action["resource"]["extension"][-1]["url"].endswith("ext-coverage-information")
    return answer.content.partition(b'"resource":')[2]


def test_an_order_that_was_read_is_updated_as_the_server_has_it(
    fhir: RealServer, service: Live
) -> None:
    amount = {"value": 1.5, "unit": "a"}
    fhir.store([order(identity="read", quantityQuantity=amount, note=[{"text": "a  b"}])])
    stored = msgspec.json.format(fhir.text("ServiceRequest/read"), indent=-1)
    chart = [*covered_chart(), medicare()]
    booked = appointment(basedOn=[{"reference": "ServiceRequest/read"}])
    for call in (dispatch("ServiceRequest/read", chart=chart), book(booked, chart=chart)):
        written = _written(service, _with_server(call, fhir))
        assert written.startswith(stored.removesuffix(b"}") + b',"extension":[')


def test_the_device_that_an_order_names_is_read(fhir: RealServer, service: Live) -> None:
    generator = {"resourceType": "Device", "id": "d1", "type": concept("C1722", HCPCS)}
    ordered = device_order(identity="by-device", codeReference={"reference": "Device/d1"})
    del ordered["codeCodeableConcept"]
    fhir.store([generator, ordered])
    chart = [*covered_chart(), medicare()]
    for call in (
        sign(ordered, chart=chart),
        sign(ordered, chart=chart, hook="order-select"),
        dispatch("DeviceRequest/by-device", chart=chart),
    ):
        found = service.determination(_with_server(call, fhir))
        assert (found["order"]["code"], found["status"]) == ("C1722", "covered")
    ordered["codeReference"] = {"reference": "Device/unheard-of"}
    request = _with_server(sign(ordered, chart=chart), fhir)
    assert [f["code"] for f in service.determination(request)["findings"]] == ["non-icd-order"]
    assert service.send(request).json() == {"cards": []}


def test_who_held_a_visit_is_looked_up(fhir: RealServer, service: Live) -> None:
    held = visit("visit-by-reference") | {
        "participant": [{"individual": {"reference": "Practitioner/dr-9"}}],
    }
    del held["contained"]
    chart = [r for r in covered_chart() if r["resourceType"] != "Encounter"] + [held]
    assert service.determination(sign(chart=chart))["status"] == "conditional"
    qualification = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0360"}]}
    qualification["coding"][0]["code"] = "MD"
    fhir.store(
        [
            {
                "resourceType": "Practitioner",
                "id": "dr-9",
                "qualification": [{"code": qualification}],
            },
        ],
    )
    request = _with_server(sign(chart=chart), fhir)
    assert service.determination(request)["status"] == "covered"


def test_a_complete_prefetch_asks_the_server_nothing(fhir: RealServer, service: Live) -> None:
    request = _with_server(sign(chart=covered_chart()), fhir, token="refused-if-asked")  # noqa: S106 - no secret
    assert service.determination(request)["status"] == "covered"
