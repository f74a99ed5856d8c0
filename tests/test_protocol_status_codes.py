"""Status codes: every refusal is a 4xx with an OperationOutcome that repeats no patient data."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
import requests

from live_server import JSON_TYPE, Json, every_call, issue_of, order, patient, sign

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
SIGN = "/cds-services/defibrillator-order-sign"
SECRETS = ("Larkwell", "MRN-40031", "1AB2CD3EF45", "1956-02-11")
ISSUE_TYPES = {
    "invalid",
    "structure",
    "required",
    "value",
    "not-found",
    "not-supported",
    "too-long",
    "incomplete",
}


def _identified() -> Json:
    """A call that carries a name, a record number and a member id wherever clients put them."""
    name = [{"family": SECRETS[0], "text": SECRETS[0]}]
    request = sign(order(identity=SECRETS[0], subject={"reference": "Patient/p1"}))
    request["context"]["userId"] = f"Practitioner/{SECRETS[0]}"
    request["context"]["patientId"] = SECRETS[1]
    request["prefetch"]["patient"] = patient(
        SECRETS[1],
        name=name,
        identifier=[{"value": SECRETS[1]}],
        birthDate=SECRETS[3],
    )
    request["prefetch"]["coverage"] = {"resourceType": "Coverage", "subscriberId": SECRETS[2]}
    return request


def test_every_refusal_is_an_operation_outcome(live: Live) -> None:
    body = json.dumps(sign()).encode()
    refusals = {
        400: live.post(SIGN, b"{"),
        404: live.post("/cds-services/no-such-service", body),
        405: live.get(SIGN),
        412: live.send(sign(prefetch={})),
        413: live.post(SIGN, b'{"x":"' + b"x" * 17_000_000 + b'"}'),
        415: live.post(SIGN, body, {"Content-Type": "text/plain"}),
    }
    for status, response in refusals.items():
        assert response.status_code == status
        issue = issue_of(response)
        assert issue["severity"] == "error"
        assert issue["code"] in ISSUE_TYPES
        assert isinstance(issue["diagnostics"], str)


@pytest.mark.parametrize(
    "path",
    ["/no-such-path", "/cds-services/defibrillator-order-sign/no-such-path", "/cds-service"],
)
def test_an_unknown_path_is_404(live: Live, path: str) -> None:
    for response in (live.get(path), live.post(path, b"{}")):
        assert response.status_code == 404
        assert issue_of(response)["code"] == "not-found"


@pytest.mark.parametrize("service", ["no-such-service", "order-sign", "%00", "..%2Fhealth", "'--"])
def test_an_unknown_service_is_404(live: Live, service: str) -> None:
    response = live.post(f"/cds-services/{service}", json.dumps(sign()).encode())
    assert response.status_code == 404
    assert issue_of(response)["code"] == "not-found"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/cds-services", SIGN, "/determinations", "/health"])
def test_a_wrong_method_is_405_that_names_the_right_one(
    live: Live,
    method: str,
    path: str,
) -> None:
    response = requests.request(method, live.base + path, timeout=30)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) in ({"GET", "HEAD"}, {"POST"})
    assert issue_of(response)["code"] == "not-supported"


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "x",
    ],
)
def test_a_body_of_another_kind_is_415(live: Live, kind: str) -> None:
    response = live.post(SIGN, json.dumps(sign()).encode(), {"Content-Type": kind})
    assert response.status_code == 415


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/fhir+json",
    ],
)
def test_json_by_any_of_its_names_is_read(live: Live, kind: str) -> None:
    response = live.post(SIGN, json.dumps(sign()).encode(), {"Content-Type": kind})
    assert response.status_code == 200


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, identity", "gzip, gzip"])
def test_a_body_compressed_otherwise_than_by_gzip_is_415(live: Live, coding: str) -> None:
    body = gzip.compress(json.dumps(sign()).encode())
    response = live.post(SIGN, body, JSON_TYPE | {"Content-Encoding": coding})
    assert response.status_code == 415
    assert issue_of(response)["code"] == "not-supported"


def test_a_body_that_breaks_the_rules_is_400_and_never_422(live: Live) -> None:
    bodies: list[object] = [[], 1, "x", None, {}, {"hook": "order-sign"}]
    bodies += [{"hook": hook, "hookInstance": "1", "context": {}} for hook in every_call()]
    for body in bodies:
        assert live.post(SIGN, json.dumps(body).encode()).status_code == 400
        assert live.post("/determinations", json.dumps(body).encode()).status_code == 400


def test_missing_data_are_never_an_error(live: Live) -> None:
    for call in (sign(chart=[]), sign(chart=[patient()])):
        assert live.send(call).status_code == 200


def test_a_refusal_repeats_no_patient_data(live: Live) -> None:
    body = json.dumps(_identified()).encode()
    broken = [
        body[:-1],
        body[: len(body) // 2],
        body.replace(b'"order-sign"', b'"order-select"'),
        body.replace(b'"draftOrders"', b'"noOrders"'),
        body.replace(b'"family"', b'"family'),
        body.replace(b'"resourceType": "Bundle"', b'"resourceType": "Larkwell"'),
        body.replace(b'"hookInstance": "', b'"hookInstance": "Larkwell'),
        body.replace(b'"userId": "', b'"userId": 1, "x": "'),
        body.replace(b"1956-02-11", b"\\ud800"),
        body.replace(b"Larkwell", b"Larkwell\xff"),
        body.replace(b"Larkwell", b"Larkwell\x01"),
        body.replace(b'"subscriberId": ', b'"subscriberId": NaN, "x": '),
        json.dumps(_identified() | {"prefetch": {SECRETS[0]: SECRETS[1]}}).encode(),
        json.dumps(_identified() | {"prefetch": [SECRETS[0]]}).encode(),
        json.dumps(_identified() | {"context": SECRETS[0]}).encode(),
        json.dumps(_identified() | {"hook": SECRETS[0]}).encode(),
        json.dumps(_identified() | {"prefetch": {}}).encode(),
    ]
    for text in broken:
        response = live.post(SIGN, text)
        assert 400 <= response.status_code < 500
        issue_of(response)
        for secret in SECRETS:
            # A key of the body may stand in the path; what it holds may not.
            shown = response.text.replace(f"prefetch.{SECRETS[0]}", "")
            assert secret not in shown
    for secret in SECRETS:
        assert secret not in live.log()


def test_an_answer_does_not_name_the_patient(live: Live) -> None:
    answer = live.send(sign(chart=[patient(name=[{"family": SECRETS[0]}])])).text
    assert SECRETS[0] not in answer


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/cds-services/", "/determinations/", "/health/"])
def test_nobody_is_sent_elsewhere_by_the_host_they_named(
    live: Live,
    method: str,
    path: str,
) -> None:
    response = requests.request(
        method,
        live.base + path,
        headers={"Host": "evil.example"},
        allow_redirects=False,
        timeout=30,
    )
    assert response.status_code in {404, 405}
    assert "evil.example" not in str(response.headers)
