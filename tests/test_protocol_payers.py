"""Payers over HTTP: what is written for whom, and what is answered where nobody can be told.

The Organization of a payor is read from a real FHIR server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fhir_servers import real_server
from live_server import (
    Json,
    bundle,
    concept,
    covered_chart,
    issue_of,
    open_chart,
    order,
    running,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fhir_servers import RealServer
    from live_server import Live

PAYERS = """
[payers.example-advantage]
label = "Example Advantage"
identifiers = ["https://payers.example/id|EX-1"]
types = ["https://nahdo.org/sopt|112"]
names = ["Example Advantage"]
prior_authorization = "auth-needed"
"""
SOPT = "https://nahdo.org/sopt"
BY_REFERENCE: Json = {"payor": [{"reference": "Organization/ex-1"}]}
ADVANTAGE: Json = {"type": concept("112", SOPT)}
MEDICARE: Json = {"type": concept("12", SOPT), "payor": [{"display": "Medicare"}]}
OTHER: Json = {"type": concept("5", SOPT)}
ORGANIZATION: Json = {
    "resourceType": "Organization",
    "id": "ex-1",
    "name": "EX of Ohio",
    "identifier": [{"system": "https://payers.example/id", "value": "EX-1"}],
}


@pytest.fixture(scope="module")
def fhir() -> Iterator[RealServer]:
    with real_server() as server:
        server.store([*covered_chart(), ORGANIZATION, coverage("stored", **BY_REFERENCE)])
        yield server


@pytest.fixture(scope="module")
def service(fhir: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    path = tmp_path_factory.mktemp("payers") / "payers.toml"
    path.write_text(PAYERS, encoding="utf-8")
    with running(
        payers=str(path), fhir_servers=fhir.base, development="true", fhir_seconds="20"
    ) as live:
        yield live


def coverage(identity: str, /, **fields: object) -> Json:
    return {
        "resourceType": "Coverage",
        "id": identity,
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
    } | fields


def call(version: str | None, *coverages: Json, **fields: object) -> Json:
    """An order-sign call of a covered order."""
    asked = {} if version is None else {"davinci-crd.requestedVersion": version}
    return sign(order(**fields), chart=[*covered_chart(), *coverages], extension=asked)  # type: ignore[arg-type]  # fields of the order


def statement(service: Live, request: Json) -> dict[str, str]:
    """What is written to the one order of a call, by sub-extension; empty where nothing is."""
    response = service.send(request)
    assert response.status_code == 200, response.text
    actions = response.json().get("systemActions", [])
    if not actions:
        return {}
    (action,) = actions
    (extension,) = action["resource"]["extension"]
    told: dict[str, str] = {}
    for part in extension["extension"]:
        name = part["url"]
        (value,) = (value for member, value in part.items() if member != "url")
        if name == "coverage":
            told[name] = value["reference"]
        elif name == "reason":
            told["text"] = value["text"]
            for coding in value.get("coding", ()):
                told["code"] = coding["code"]
        elif isinstance(value, str):
            told[name] = value
    return told


# ------------------------------------------------------------------------------------- for whom


@pytest.mark.parametrize("version", [None, "2.0", "2.2"])
@pytest.mark.parametrize(
    ("fields", "authorization"), [(ADVANTAGE, "auth-needed"), (MEDICARE, "no-auth")]
)
def test_prior_authorization_is_the_payers(
    service: Live, version: str | None, fields: Json, authorization: str
) -> None:
    told = statement(service, call(version, coverage("cov", **fields)))
    assert told["coverage"] == "Coverage/cov"
    assert told["covered"] == "covered"
    assert told["pa-needed"] == authorization
    assert "code" not in told


def test_the_order_picks_one_of_several(service: Live) -> None:
    two = [coverage("a", **MEDICARE), coverage("b", **ADVANTAGE)]
    told = statement(service, call("2.2", *two, insurance=[{"reference": "Coverage/b"}]))
    assert (told["coverage"], told["pa-needed"]) == ("Coverage/b", "auth-needed")


def test_a_coverage_of_whom_nobody_knows_is_taken_as_medicare_and_the_reason_says_so(
    service: Live,
) -> None:
    told = statement(service, call("2.2", coverage("cov", payor=[{"display": "Somebody"}])))
    assert told["pa-needed"] == "no-auth"
    assert "The payer of Coverage/cov is not one that is known here" in told["text"]


def test_the_organization_is_read_from_the_fhir_server(fhir: RealServer, service: Live) -> None:
    for fields in (BY_REFERENCE, BY_REFERENCE | {"type": concept("11", SOPT)}):
        request = call("2.2", coverage("cov", **fields)) | {"fhirServer": fhir.base}
        told = statement(service, request)
        assert (told["coverage"], told["pa-needed"]) == ("Coverage/cov", "auth-needed")


def test_so_is_the_coverage(fhir: RealServer, service: Live) -> None:
    request = call("2.2") | {"fhirServer": fhir.base}
    del request["prefetch"]["coverage"]
    told = statement(service, request)
    assert (told["coverage"], told["pa-needed"]) == ("Coverage/stored", "auth-needed")


def test_without_a_fhir_server_it_counts_if_it_was_sent_along(service: Live) -> None:
    request = call("2.2", coverage("cov", **BY_REFERENCE))
    assert statement(service, request)["pa-needed"] == "no-auth"
    request["prefetch"]["payor"] = bundle(ORGANIZATION)
    assert statement(service, request)["pa-needed"] == "auth-needed"


@pytest.mark.parametrize(
    ("version", "fields", "label"),
    [
        ("2.0", ADVANTAGE, "Example Advantage"),
        ("2.2", ADVANTAGE, "Example Advantage"),
        ("2.2", {"payor": [{"display": "Medicare of Ohio"}]}, "Medicare of Ohio"),
        ("2.0", {"payor": [{"display": "Medicare of Ohio"}]}, None),
    ],
)
def test_cards_speak_in_the_name_of_the_payer(
    service: Live, version: str, fields: Json, label: str | None
) -> None:
    asked = {"davinci-crd.requestedVersion": version}
    (plain,) = {c["source"]["label"] for c in service.cards(sign(chart=open_chart()))}
    cards = service.cards(sign(chart=[*open_chart(), coverage("cov", **fields)], extension=asked))
    assert {card["source"]["label"] for card in cards} == {label or plain}


# ----------------------------------------------------------------- where it cannot be told (62, 63)


def _not_supplied(version: str) -> Json:
    request = call(version)
    del request["prefetch"]["coverage"]
    return request


REFUSED = {
    "several": (
        lambda version: call(version, coverage("a", **MEDICARE), coverage("b", **ADVANTAGE)),
        "several Coverages",
    ),
    "another's": (lambda version: call(version, coverage("a", **OTHER)), "is not served here"),
    "self-pay": (
        lambda version: call(version, coverage("a", payor=[{"reference": "Patient/p1"}])),
        "is not served here",
    ),
    "none on file": (call, "the patient has no Coverage"),
    "not supplied": (_not_supplied, "no Coverage was sent"),
}


@pytest.mark.parametrize(("made", "reason"), REFUSED.values(), ids=REFUSED)
def test_2_2_refuses_and_2_0_writes_nothing(service: Live, made: object, reason: str) -> None:
    assert callable(made)
    response = service.send(made("2.2"))
    assert response.status_code == 400
    issue = issue_of(response)
    assert reason in issue["diagnostics"]
    assert "ServiceRequest/order-1" in issue["diagnostics"]
    assert statement(service, made("2.0")) == {}


NO_LONGER = {
    "by its status": {"status": "cancelled"},
    "by its end": {"period": {"end": "2026-11-19"}},
    "by its start": {"period": {"start": "2026-11-21"}},
}


@pytest.mark.parametrize("fields", NO_LONGER.values(), ids=NO_LONGER)
def test_a_coverage_that_is_not_in_force(service: Live, fields: Json) -> None:
    lapsed = coverage("cov", **(ADVANTAGE | fields))
    told = statement(service, call("2.2", lapsed))
    assert (told["covered"], told["code"]) == ("not-covered", "no-active-coverage")
    assert told["coverage"] == "Coverage/cov"
    assert "pa-needed" not in told
    assert statement(service, call("2.0", lapsed)) == {}


def test_a_coverage_that_nobody_has(service: Live) -> None:
    named = [{"reference": "Coverage/gone"}]
    told = statement(service, call("2.2", insurance=named))
    assert (told["covered"], told["code"]) == ("not-covered", "coverage-not-found")
    assert told["coverage"] == "Coverage/gone"
    assert statement(service, call("2.0", insurance=named)) == {}


def test_nothing_of_payers_stands_in_the_log(service: Live) -> None:
    service.send(call("2.2", coverage("cov", payor=[{"display": "Example Advantage"}])))
    for word in ("Example", "advantage", "Organization", "EX-1", "auth-needed"):
        assert word not in service.log()
