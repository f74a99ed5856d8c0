"""The OpenAPI description: bodies and answers are decoded by msgspec, so it is written here."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from defib_coverage.coverage.determination import Determination
from defib_coverage.hooks.configuration import VERSIONS
from defib_coverage.hooks.discovery import SERVICE_IDS, Discovery
from defib_coverage.hooks.request import HOOKS, REQUIRED_CONTEXT, HookName
from defib_coverage.hooks.response import HookResponse


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the service runs, and with which data."""

    status: str
    version: str
    policies: tuple[str, ...]
    data_digest: str


class Ready(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the service is ready for calls, part by part.

    ``ledger``: it can be written to; or decisions are spooled; or it cannot, and calls would be
    refused. ``clients``: their keys are known, of some they are not, or of none; or nobody is asked
    who calls.
    """

    status: Literal["ready", "not-ready"]
    service: Literal["serving", "stopping"]
    data: Literal["loaded"]
    ledger: Literal["off", "writable", "spooling", "unavailable"]
    clients: Literal["open", "known", "some-unknown", "unknown"]


class Determinations(msgspec.Struct, frozen=True):
    """One determination an order, in the order given."""

    determinations: tuple[Determination, ...]


_OUTCOME = {
    "description": "An OperationOutcome that names the place",
    "content": {
        "application/fhir+json": {
            "schema": {
                "type": "object",
                "required": ["resourceType", "issue"],
                "properties": {
                    "resourceType": {"const": "OperationOutcome"},
                    "issue": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
    },
}
_BUSY = _OUTCOME | {
    "description": "Come back later",
    "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
}
_ERRORS = {
    "400": _OUTCOME,
    "401": _OUTCOME | {"description": "The call must carry the token of a registered client"},
    "408": _OUTCOME | {"description": "The request did not arrive in time"},
    "412": _OUTCOME | {"description": "A needed prefetch key is absent and nothing could be had"},
    "413": _OUTCOME,
    "415": _OUTCOME,
    "429": _BUSY,
    "431": _OUTCOME | {"description": "The headers are too large"},
    "503": _BUSY,
}
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
_TEXTS = {"type": "array", "items": {"type": "string"}}
_MEMBERS: dict[str, dict[str, Any]] = {
    "userId": _TEXT,
    "patientId": _TEXT,
    "encounterId": {"type": ["string", "null"]},
    "draftOrders": _BUNDLE,
    "selections": _TEXTS | {"description": "Type/id of orders in draftOrders"},
    "dispatchedOrders": _TEXTS,
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
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "CDS Hooks JWT of a registered client; an open service asks for none",
}
_SECURITY: list[dict[str, list[str]]] = [{}, {"client": []}]


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


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


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
                    "responses": {"200": _answer(discovery, "The four services")},
                },
            },
            **{f"/cds-services/{name}": _call(hook, cards) for name, hook in SERVICE_IDS.items()},
            "/determinations": {
                "post": {
                    "summary": "The determination of every order of a call, in full",
                    "security": _SECURITY,
                    "requestBody": _body({"oneOf": [_request(hook) for hook in HOOKS]}),
                    "responses": {"200": _answer(found, "In the order given"), **_ERRORS},
                },
            },
            "/health": {
                "get": {
                    "summary": "Whether the service runs, and with which data",
                    "responses": {"200": _answer(health, "It runs")},
                },
            },
            "/ready": {
                "get": {
                    "summary": "Whether the service should be sent calls, part by part",
                    "responses": {
                        "200": _answer(ready, "It should"),
                        "503": _answer(ready, "It should not"),
                    },
                },
            },
        },
        "components": {"schemas": parts, "securitySchemes": {"client": _TOKEN}},
    }


def _answer(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _call(hook: HookName, cards: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": f"A CDS Hooks call: {hook}",
            "security": _SECURITY,
            "requestBody": _body(_request(hook)),
            "responses": {
                "200": _answer(cards, "Cards and system actions, possibly none"),
                **_ERRORS,
            },
        },
    }
