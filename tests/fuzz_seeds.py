"""Good calls, server answers, tokens, keys and client files: where fuzzing begins.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
from pathlib import Path

import fhir_builders as fhir
import live_server as live
from fhir_builders import Json
from tokens import AUDIENCE as URL
from tokens import ISSUER, JKU, KEY, NOW, RSA_KEY

BASE = "https://fhir.example.org/r4"
_DATA = Path(__file__).parent / "data"
_COMPONENT = {
    "code": fhir.concept("10230-1", "loinc"),
    "valueQuantity": {"value": 31, "unit": "%", "code": "%"},
}


def rich_chart() -> list[Json]:
    """A chart with something of everything that is read."""
    practitioner = fhir.practitioner("dr-1", "MD")
    role = {
        "resourceType": "PractitionerRole",
        "id": "role-1",
        "practitioner": {"reference": "Practitioner/dr-1"},
        "code": [fhir.concept("doctor", "http://terminology.hl7.org/CodeSystem/practitioner-role")],
    }
    drug = {"resourceType": "Medication", "id": "drug-1", "code": fhir.concept("20352", "rxnorm")}
    document = fhir.resource(
        "DocumentReference",
        status="current",
        type=fhir.concept("shared-decision-making", fhir.EVIDENCE),
        date="2026-11-05T10:00:00Z",
        author=[{"reference": "Practitioner/dr-1"}],
        context={"period": {"start": "2026-11-05"}},
    )
    return [
        *fhir.b2_chart(),
        *fhir.b4_chart()[1:],
        *fhir.b5_chart()[1:],
        *fhir.b6_chart()[1:],
        fhir.condition("I21.4", "2026-11-10", onsetPeriod={"start": "2026-11-10"}),
        fhir.condition("I46.2", "2026-06", clinical="resolved", abatementDateTime="2026-07-01"),
        fhir.lvef(None, valueCodeableConcept={"text": "30 %"}, component=[_COMPONENT] * 2),
        fhir.lvef(None, valueRange={"low": {"value": 25}, "high": {"value": 30, "unit": "%"}}),
        fhir.lvef(None, valueString="EF 30-35 %", method=fhir.concept("40701008", "snomed")),
        fhir.lvef(None, valueInteger=30, effectivePeriod={"start": "2026-10", "end": "2026-11"}),
        fhir.lvef(0.3, "2026-10-01", valueQuantity={"value": 0.3, "comparator": "<"}),
        fhir.lvef(33, None, effectiveTiming={"event": ["2026-10-02"]}, issued="2026-10-03T10:00Z"),
        fhir.condition("I42.2", onsetAge={"value": 60, "code": "a"}),
        fhir.condition("I25.2", encounter={"reference": "Encounter/visit-1"}, recordedDate="2020"),
        fhir.visit("2026-11-04", None, id="visit-1", type=[{"text": "shared decision making"}]),
        fhir.heart_rate(50),
        fhir.nyha("NYHA class III"),
        fhir.procedure("33533", "2026-10-01"),
        fhir.procedure("415070008", "2026-11-10T08:30:00+01:00", system="snomed"),
        fhir.statement("29046", "2026-01-01", "2026-05"),
        fhir.medication("20352", "2026-01-15")
        | {"medicationReference": {"reference": "Medication/drug-1"}},
        fhir.visit(None, None, participant=[{"individual": {"reference": "Practitioner/dr-1"}}]),
        fhir.device(),
        fhir.payer("1"),
        fhir.payer("x", type={"text": "Medicare Part B"}, payor=[{"display": "Medicare"}])
        | {"class": [{"name": "Medicare Advantage"}]},
        fhir.payer("x", payor=[{"identifier": {"system": "urn:oid:1", "value": "01"}}]),
        live.appointment(
            status="booked",
            basedOn=[{"reference": "ServiceRequest/order-1"}],
            serviceType=[fhir.concept("33533", "cpt")],
        ),
        document,
        practitioner,
        role,
        drug,
        fhir.order("33207", identifier=[{"value": "1"}]) | {"id": "planned", "status": "active"},
    ]


def _vignettes() -> list[Json]:
    """The worked cases as order-sign calls."""
    cases: list[Json] = []
    for name in ("vignettes.json", "own_vignettes.json"):
        cases += json.loads((_DATA / name).read_text(encoding="utf-8"))
    return [json.loads(fhir.sign(one["orders"], fhir.by_keys(one["resources"]))) for one in cases]


def calls() -> list[Json]:
    """Good calls of all hooks, those with the richest charts first."""
    chart = fhir.by_keys(rich_chart())
    ours = live.order(
        reasonCode=[live.concept("I25.5", live.ICD10CM)],
        reasonReference=[{"reference": "Condition/r1"}],
    )
    rich = [
        live.sign(ours, live.device_order(), live.order("33225", identity="lead")),
        live.sign(ours, live.device_order(), hook="order-select"),
        live.dispatch("ServiceRequest/order-1", "DeviceRequest/device-1", ordered=ours),
        live.book(
            live.appointment(basedOn=[{"reference": "ServiceRequest/order-1"}]),
            ordered=live.bundle(ours, live.device_order()),
        ),
    ]
    whole = [one | {"prefetch": one["prefetch"] | chart} for one in rich]
    every = live.sign() | {"prefetch": fhir.everything(rich_chart())}
    # Half of all from the rich ones.
    vignettes = _vignettes()
    return [*whole, every] * (len(vignettes) // 5) + vignettes


def asking_calls() -> list[Json]:
    """Calls that leave to a FHIR server what they do not bring."""
    asking = [
        live.sign(live.order(), prefetch={}),
        live.dispatch("ServiceRequest/order-1", "DeviceRequest/device-1", chart=[]),
        live.book(live.appointment(basedOn=[{"reference": "ServiceRequest/order-1"}])),
    ]
    asking[1]["prefetch"] = None
    del asking[2]["prefetch"]["conditions"], asking[2]["prefetch"]["encounters"]
    opened = live.sign(live.order(), chart=[])
    for name, key in opened["prefetch"].items():
        key["link"] = [{"relation": "next", "url": f"{BASE}/{name}?page=2"}]
        key["total"] = 5
    del opened["prefetch"]["observations"]
    authorization = {"access_token": "t", "token_type": "Bearer", "expires_in": 300}
    more = {"fhirServer": BASE, "fhirAuthorization": authorization}
    return [one | more for one in (*asking, opened)]


def answers() -> Json:
    """What a FHIR server answers, by resource type: two pages of each."""
    found: Json = {}
    orders = [live.order(), live.device_order()]
    for one in [*rich_chart(), *orders]:
        kind = one["resourceType"]
        pages = found.setdefault(kind, {"1": [], "2": []})
        pages["1" if len(pages["1"]) <= len(pages["2"]) else "2"].append(one)
    told: Json = {}
    for kind, pages in found.items():
        following = {"relation": "next", "url": f"{BASE}/{kind}?page=2"}
        first = live.bundle(*pages["1"], link=[following], total=len(pages["1"] + pages["2"]))
        told[kind] = {"status": 200, "headers": {"retry-after": "1"}, "body": first}
        told[f"{kind}?page=2"] = {"status": 200, "headers": {}, "body": live.bundle(*pages["2"])}
        # Reads.
        told |= {
            f"{kind}/{r['id']}": {"status": 200, "headers": {}, "body": r}
            for r in pages["1"][:1] + pages["2"][:1]
        }
    return told


def refusals() -> list[Json]:
    """Answers that are none, with what a server may want waited for."""
    waits = (
        "0",
        "120",
        "9" * 400,
        "-1",
        "1.5",
        "",
        "Fri, 20 Nov 2026 10:00:00 GMT",
        "Fri, 20 Nov 2026 10:00:00 -0000",
        "Mon, 01 Jan 0001 00:00:00 -0000",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59 -0000",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 99 Jan 2026 99:00:00 +9999999999999999",
        "\u0661\u0662",
        "soon",
    )
    issue = {"severity": "error", "code": "throttled", "details": {"text": "later"}}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    warned = live.bundle(outcome)
    told: list[Json] = [
        {"status": 503, "headers": {"retry-after": one}, "body": outcome} for one in waits
    ]
    statuses = (200, 200, 201, 401, 403, 404, 410, 422, 429, 500, 501, 999, "gone")
    told += [{"status": one, "headers": {}, "body": outcome} for one in statuses]
    bodies: list[object] = [warned, {}, [], "", 1, None]
    told += [{"status": 200, "headers": {}, "body": one} for one in bodies]
    far = ("https://evil.example/x", "/x", "?page=2", "Condition?page=2", "http://[::1", "\n", "")
    for url in far:
        page = live.bundle(live.condition("I25.5", "c"), link=[{"relation": "next", "url": url}])
        told.append({"status": 200, "headers": {}, "body": page})
    return told


def trust_examples() -> list[Json]:
    """A token's two parts, a set of keys, and a client file as a table."""
    header = {"alg": "ES384", "kid": KEY.kid, "typ": "JWT"}
    claims = {
        "iss": ISSUER,
        "aud": [URL, "https://other.example"],
        "exp": int(NOW) + 300,
        "iat": int(NOW),
        "nbf": NOW - 1.5,
        "jti": "0c4b1e",
        "tenant": "north",
    }
    keys = [KEY.public(), RSA_KEY.public(), {"kty": "oct", "k": "AAAA"}]
    client = {
        "issuer": ISSUER,
        "jku": JKU,
        "algorithms": ["ES384", "RS384"],
        "longest_token": 600,
        "tenant": "north",
        "fhir_servers": ["https://fhir.example.org/r4", "https://[2001:db8::1]/fhir"],
        "networks": ["10.1.0.0/16", "fc00::/7"],
        "payer": "Medicare",
        "options": {"claim": False},
        "calls_per_minute": 100,
    }
    other = {"issuer": "https://b.example", "keys": "b.jwks.json"}
    return [
        {"header": header, "claims": claims},
        {"header": header | {"jku": JKU, "crit": []}, "claims": claims | {"aud": URL}},
        {"keys": keys},
        {"clients": {"ehr": client, "b": other}},
    ]
