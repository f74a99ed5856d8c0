"""A good exchange of a CRD client and a service, written by hand, for the judge to judge."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from crd_judge.json_text import COVERAGE_INFORMATION, Json
from crd_judge.rules import Broken, Call, Reply, broken_rules

if TYPE_CHECKING:
    from crd_judge.call import Version

TODAY = date(2026, 11, 21)
TEMP = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
OVERRIDES = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
TOKEN = "opaque-token-of-the-client"  # noqa: S105
GOOD_REPLY = Reply(200, "application/json", b"", 0.01)
ONE, TWO = "ServiceRequest/a", "DeviceRequest/b"


def order(kind: str, identity: str) -> Json:
    return {
        "resourceType": kind,
        "id": identity,
        "extension": [{"url": "http://client.example/own", "valueDecimal": 1.5}],
        "status": "draft",
        "intent": "order",
        "quantityQuantity": {"value": 1.25},
        "subject": {"reference": "Patient/p1"},
    }


def request(hook: str = "order-sign") -> Json:
    orders = [order(*name.split("/")) for name in (ONE, TWO)]
    context: Json = {
        "patientId": "p1",
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": one} for one in orders]},
    }
    if hook == "order-select":
        context["selections"] = [ONE, TWO]
    coverages = [
        {"resourceType": "Coverage", "id": name, "beneficiary": {"reference": f"Patient/{whose}"}}
        for name, whose in (("c1", "p1"), ("c2", "p1"), ("foreign", "p2"))
    ]
    return {
        "hook": hook,
        "fhirAuthorization": {"access_token": TOKEN},
        "context": context,
        "prefetch": {"coverage": {"entry": [{"resource": one} for one in coverages]}},
    }


def part(url: str, kind: str, value: object) -> Json:
    return {"url": url, f"value{kind}": value}


def statement(identity: str, covered: str = "covered", *more: Json) -> Json:
    parts = [
        part("coverage", "Reference", {"reference": "Coverage/c1"}),
        part("covered", "Code", covered),
        *more,
        part("pa-needed", "Code", "no-auth"),
        part("billingCode", "Coding", {"system": "http://example.org/cs", "code": "1"}),
        part("reason", "CodeableConcept", {"text": "Because."}),
        part("date", "Date", "2026-11-21"),
        part("coverage-assertion-id", "String", identity),
    ]
    return {"url": COVERAGE_INFORMATION, "extension": parts}


def action(name: str, said: Json) -> Json:
    updated = order(*name.split("/"))
    updated["extension"].append(said)
    return {"type": "update", "description": "Records it.", "resource": updated}


def card(topic: str = "claim", **more: object) -> Json:
    return {
        "uuid": f"11111111-1111-4111-8111-1111111111{len(topic):02}",
        "summary": "What is missing",
        "indicator": "info",
        "detail": "In words.",
        "source": {
            "label": "Payer",
            "url": "https://payer.example",
            "topic": {"system": TEMP, "code": topic},
        },
        "overrideReasons": [{"system": OVERRIDES, "code": "action-completed", "display": "Done"}],
        "extension": {"davinci-crd.associated-resource": [{"reference": ONE}]},
        **more,
    }


def suggesting() -> Json:
    made = order("ServiceRequest", "x") | {
        "code": {"text": "Visit"},
        "authoredOn": "2026-11-21",
        "requester": {"reference": "Practitioner/1"},
    }
    del made["id"]
    return card(
        selectionBehavior="any",
        suggestions=[
            {
                "label": "Take it",
                "uuid": "22222222-2222-4222-8222-222222222222",
                "isRecommended": True,
                "actions": [
                    {"type": "update", "description": "Adds.", "resource": order(*ONE.split("/"))},
                    {"type": "create", "description": "Orders.", "resource": made},
                    {"type": "delete", "description": "Takes out.", "resourceId": ONE},
                ],
            },
            {"label": "Or this", "uuid": "33333333-3333-4333-8333-333333333333"},
        ],
    )


def linking() -> Json:
    links = [
        {"label": "Policy", "url": "https://payer.example/policy", "type": "absolute"},
        {"label": "App", "url": "https://app.example/go", "type": "smart", "appContext": "x"},
    ]
    return card("guideline", links=links)


def answer(hook: str = "order-sign") -> Json:
    asked = [part("doc-needed", "Code", "clinical"), part("doc-purpose", "Code", "retain-doc")]
    more = [] if hook == "order-select" else asked
    open_one = statement("id-2", "conditional", part("info-needed", "Code", "timeframe"), *more)
    return {
        "cards": [suggesting(), linking()],
        "systemActions": [action(ONE, statement("id-1")), action(TWO, open_one)],
    }


def exchange(version: Version | None, hook: str) -> tuple[Json, Json]:
    found = answer(hook)
    if version == "2.2":
        for one in found["cards"]:
            one["source"]["topic"]["system"] = (
                "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"
            )
    return request(hook), found


def judged(
    version: Version | None,
    asked: Json,
    answered: Json | str | bytes,
    reply: Reply = GOOD_REPLY,
) -> list[Broken]:
    """The rules that an answer breaks, its reply being good otherwise."""
    text = answered
    if isinstance(text, dict):
        text = json.dumps(text, separators=(",", ":"))
    body = text.encode() if isinstance(text, str) else text
    call = Call(version, asked["hook"], json.dumps(asked), (ONE, TWO), TODAY)
    return broken_rules(call, reply._replace(body=body))


GOOD = json.dumps(answer(), separators=(",", ":"))
