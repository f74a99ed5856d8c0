"""The OpenAPI description: bodies and answers are decoded by msgspec, so it is written here."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from defib_coverage.coverage.determination import Determination
from defib_coverage.hooks.configuration import VERSIONS
from defib_coverage.hooks.discovery import SERVICE_IDS, Discovery
from defib_coverage.hooks.openapi_ledger import feedback, look_up
from defib_coverage.hooks.openapi_parts import ERRORS, SECURITY, TEXTS, TOKEN, answered, body_of
from defib_coverage.hooks.request import HOOKS, REQUIRED_CONTEXT, HookName
from defib_coverage.hooks.response import HookResponse


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the service runs, and with which data."""

    status: str
    version: str
    policies: tuple[str, ...]
    data_digest: str


class Ready(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Whether the service is ready for calls, part by part.

    ``ledger``: it can be written to; or decisions are spooled; or it cannot, and calls would be
    refused. ``clients``: their keys are known, of some they are not, or of none; or nobody is asked
    who calls. ``shadow``: the digest of the data with the drafts that are tried, if any.
    """

    status: Literal["ready", "not-ready"]
    service: Literal["serving", "stopping"]
    data: Literal["loaded"]
    ledger: Literal["off", "writable", "spooling", "unavailable"]
    clients: Literal["open", "known", "some-unknown", "unknown"]
    shadow: str | None = None


class Determinations(msgspec.Struct, frozen=True):
    """One determination an order, in the order given."""

    determinations: tuple[Determination, ...]


_TEXT = {"type": "string", "minLength": 1}


def _texts(*names: str) -> dict[str, Any]:
    """An object whose members are texts."""
    return {"type": "object", "properties": {n: {"type": ["string", "null"]} for n in names}}


_BUNDLE = {
    "type": "object",
    "description": "FHIR R4 Bundle",
    "required": ["resourceType"],
    "properties": {
        "resourceType": {"const": "Bundle"},
        "total": {"type": ["integer", "null"]},
        "link": {"type": "array", "items": _texts("relation", "url")},
        "entry": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "fullUrl": {"type": ["string", "null"]},
                    "resource": {"description": "What cannot be read fails no call"},
                    "search": _texts("mode") | {"type": ["object", "null"]},
                },
            },
        },
    },
}
_MEMBERS: dict[str, dict[str, Any]] = {
    "userId": _TEXT,
    "patientId": _TEXT,
    "encounterId": {"type": ["string", "null"]},
    "draftOrders": _BUNDLE,
    "selections": TEXTS | {"description": "Type/id of orders in draftOrders"},
    "dispatchedOrders": TEXTS,
    "performer": _TEXT,
    "appointments": _BUNDLE,
}
_AUTHORIZATION = {
    "description": "An object with access_token and token_type Bearer; all else grants nothing",
}


_EXTENSION = {
    "description": "An object; members that are not known, or no such object, are passed over",
    "properties": {
        "davinci-crd.configuration": {
            "description": "Options of the discovery document by code; others are passed over",
        },
        "davinci-crd.requestedVersion": {"enum": [*VERSIONS, None]},
    },
}


def _request(hook: HookName) -> dict[str, Any]:
    """The body of a call of one hook."""
    required = REQUIRED_CONTEXT[hook]
    optional = ("encounterId",) if "userId" in required else ()
    return {
        "type": "object",
        "required": ["hook", "hookInstance", "context"],
        "dependentRequired": {"fhirAuthorization": ["fhirServer"]},
        "properties": {
            "hook": {"const": hook},
            "hookInstance": {"type": "string", "format": "uuid"},
            "fhirServer": {"type": ["string", "null"], "description": "Base URL"},
            "fhirAuthorization": _AUTHORIZATION,
            "context": {
                "type": "object",
                "required": list(required),
                "properties": {name: _MEMBERS[name] for name in (*required, *optional)},
            },
            "extension": _EXTENSION,
            "prefetch": {
                "type": ["object", "null"],
                "description": "FHIR R4 resources by prefetch key; null where there is none",
                "additionalProperties": {"type": ["object", "null"]},
            },
        },
    }


def describe(version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a version of the product."""
    (discovery, cards, found, health, ready), parts = msgspec.json.schema_components(
        [Discovery, HookResponse, Determinations, Health, Ready],
        ref_template="#/components/schemas/{name}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "defib-coverage",
            "version": version,
            "summary": "Coverage of implantable defibrillators under Medicare NCD 20.4",
        },
        "paths": {
            "/cds-services": {
                "get": {
                    "summary": "CDS Hooks discovery",
                    "responses": {"200": answered(discovery, "The four services")},
                },
            },
            **{f"/cds-services/{name}": _call(hook, cards) for name, hook in SERVICE_IDS.items()},
            **{f"/cds-services/{name}/feedback": feedback() for name in SERVICE_IDS},
            "/determinations": {
                "post": {
                    "summary": "The determination of every order of a call, in full",
                    "security": SECURITY,
                    "requestBody": body_of({"oneOf": [_request(hook) for hook in HOOKS]}),
                    "responses": {"200": answered(found, "In the order given"), **ERRORS},
                },
            },
            "/determinations/{assertionId}": look_up(),
            "/health": {
                "get": {
                    "summary": "Whether the service runs, and with which data",
                    "responses": {"200": answered(health, "It runs")},
                },
            },
            "/ready": {
                "get": {
                    "summary": "Whether the service should be sent calls, part by part",
                    "responses": {
                        "200": answered(ready, "It should"),
                        "503": answered(ready, "It should not"),
                    },
                },
            },
        },
        "components": {"schemas": parts, "securitySchemes": {"client": TOKEN}},
    }


def _call(hook: HookName, cards: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": f"A CDS Hooks call: {hook}",
            "security": SECURITY,
            "requestBody": body_of(_request(hook)),
            "responses": {
                "200": answered(cards, "Cards and system actions, possibly none"),
                **ERRORS,
            },
        },
    }
