"""Over HTTP, who is not registered gets no answer, and who is gets their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fhir_servers import wild_server
from live_server import (
    JSON_TYPE,
    SERVICE_IDS,
    Json,
    bundle,
    condition,
    covered_chart,
    gaps_of,
    issue_of,
    open_chart,
    running,
    sign,
)
from registered import PUBLIC, client_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fhir_servers import Exchange, WildServer
    from live_server import Live
    from registered import Registered

SIGN = f"/cds-services/{SERVICE_IDS['order-sign']}"


def _conditions(exchange: Exchange) -> None:
    exchange.answer(bundle(*[r for r in covered_chart() if r["resourceType"] == "Condition"]))


@pytest.fixture(scope="module")
def fhir() -> Iterator[WildServer]:
    with wild_server(_conditions) as server:
        yield server


@pytest.fixture(scope="module")
def service(
    fhir: WildServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Live, dict[str, Registered]]]:
    settings, clients = client_file(
        tmp_path_factory.mktemp("clients"),
        north=f'fhir_servers = ["{fhir.root}/north"]\npayer = "Medicare of the North"\n'
        "options = { clinical-reminder = false }",
        south=f'fhir_servers = ["{fhir.root}/south"]',
        eager="calls_per_minute = 2",
    )
    with running(**settings, development="true", fhir_seconds="5") as live:
        yield live, clients


def _without_conditions(base: str) -> Json:
    request = sign(chart=covered_chart(), fhirServer=base)
    request["fhirAuthorization"] = {"access_token": "opener", "token_type": "Bearer"}
    del request["prefetch"]["conditions"]
    return request


@pytest.mark.parametrize("path", [SIGN, "/determinations", "/cds-services/none-of-ours"])
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer x.y.z", "Basic dXNlcjpwYXNz"])
def test_without_a_good_token_there_is_no_answer_and_no_reason(
    service: tuple[Live, dict[str, Registered]],
    path: str,
    header: str | None,
) -> None:
    live, _ = service
    headers = JSON_TYPE | ({} if header is None else {"Authorization": header})
    response = live.post(path, json.dumps(sign()).encode(), headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert issue_of(response) == {
        "severity": "error",
        "code": "login",
        "diagnostics": "authentication required",
    }


def test_a_stranger_learns_nothing_about_a_bad_body(
    service: tuple[Live, dict[str, Registered]],
) -> None:
    live, _ = service
    assert live.post(SIGN, b"{").status_code == 401


def test_discovery_health_and_description_ask_for_no_token(
    service: tuple[Live, dict[str, Registered]],
) -> None:
    live, _ = service
    for path in ("/cds-services", "/health", "/openapi.json", "/docs"):
        assert live.get(path).status_code == 200


def test_a_registered_client_is_answered_at_every_route(
    service: tuple[Live, dict[str, Registered]],
) -> None:
    live, clients = service
    assert clients["south"].send(live, sign()).json()["cards"]
    assert clients["south"].post(live, "/determinations", sign()).json()["determinations"]
    assert clients["south"].post(live, "/cds-services/none-of-ours", sign()).status_code == 404


def test_the_audience_is_the_public_url_and_not_the_host_that_was_asked(
    service: tuple[Live, dict[str, Registered]],
) -> None:
    live, clients = service
    south = clients["south"]
    for audience in (live.base + SIGN, PUBLIC, PUBLIC + "/determinations", PUBLIC + SIGN + "/"):
        token = south.token(SIGN, aud=audience)
        assert south.post(live, SIGN, sign(), token).status_code == 401
    token = south.token(SIGN, aud=["https://elsewhere.example", PUBLIC + SIGN])
    assert south.post(live, SIGN, sign(), token).status_code == 200


def test_a_token_is_good_for_one_call(service: tuple[Live, dict[str, Registered]]) -> None:
    live, clients = service
    token = clients["south"].token(SIGN)
    statuses = [clients["south"].post(live, SIGN, sign(), token).status_code for _ in range(3)]
    assert statuses == [200, 401, 401]


def test_a_client_that_calls_too_often_is_told_when_to_come_back(
    service: tuple[Live, dict[str, Registered]],
) -> None:
    live, clients = service
    answers = [clients["eager"].send(live, sign()) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert issue_of(answers[2])["code"] == "throttled"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert clients["south"].send(live, sign()).status_code == 200


def test_a_clients_cards_bear_its_payer_and_leave_out_what_it_switched_off(
    service: tuple[Live, dict[str, Registered]],
) -> None:
    live, clients = service
    request = sign(chart=[*open_chart(), condition("I21.4", "c", onsetDateTime="2026-11-10")])
    north = clients["north"].send(live, request).json()["cards"]
    south = clients["south"].send(live, request).json()["cards"]
    assert {c["source"]["label"] for c in north} == {"Medicare of the North"}
    assert "Medicare of the North" not in {c["source"]["label"] for c in south}
    topics = [c["source"]["topic"]["code"] for c in south]
    assert "clinical-reminder" in topics
    left = [topic for topic in topics if topic != "clinical-reminder"]
    assert [c["source"]["topic"]["code"] for c in north] == left


def test_a_client_has_its_own_fhir_servers_read_and_no_others(
    service: tuple[Live, dict[str, Registered]],
    fhir: WildServer,
) -> None:
    live, clients = service
    request = _without_conditions(f"{fhir.root}/north")
    own = clients["north"].post(live, "/determinations", request)
    assert own.json()["determinations"][0]["status"] == "covered"
    asked = len(fhir.heads)
    other = clients["south"].post(live, "/determinations", request)
    found = other.json()["determinations"][0]
    assert found["status"] == "conditional"
    assert any("may not be asked" in gap["ask"] for gap in gaps_of(found))
    assert len(fhir.heads) == asked
