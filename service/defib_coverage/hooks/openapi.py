"""The OpenAPI description: bodies and answers are decoded by msgspec, so it is written here."""

from __future__ import annotations

from typing import Any

import msgspec

from defib_coverage.coverage.determination import Determination
from defib_coverage.hooks.discovery import SERVICE_IDS, Discovery
from defib_coverage.hooks.response import HookResponse
from defib_coverage.hooks.wire import HOOKS


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the service runs, and with which data."""

    status: str
    version: str
    policies: tuple[str, ...]
    data_digest: str


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
_ERRORS = {
    "400": _OUTCOME,
    "412": _OUTCOME | {"description": "A needed prefetch key is absent and nothing else was sent"},
    "413": _OUTCOME,
    "415": _OUTCOME,
}
_REQUEST = {
    "type": "object",
    "required": ["hook", "hookInstance", "context"],
    "properties": {
        "hook": {"enum": list(HOOKS)},
        "hookInstance": {"type": "string", "format": "uuid"},
        "context": {
            "type": "object",
            "required": ["patientId"],
            "properties": {
                "userId": {"type": "string"},
                "patientId": {"type": "string"},
                "encounterId": {"type": "string"},
                "draftOrders": {"type": "object", "description": "FHIR R4 Bundle of orders"},
                "selections": {"type": "array", "items": {"type": "string"}},
                "dispatchedOrders": {"type": "array", "items": {"type": "string"}},
                "performer": {"type": "string"},
                "appointments": {"type": "object", "description": "FHIR R4 Bundle"},
            },
        },
        "prefetch": {
            "type": "object",
            "description": "FHIR R4 resources by prefetch key; null where there is none",
            "additionalProperties": {"type": ["object", "null"]},
        },
    },
}
_BODY = {"required": True, "content": {"application/json": {"schema": _REQUEST}}}


def describe(version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a version of the product."""
    (discovery, cards, found, health), parts = msgspec.json.schema_components(
        [Discovery, HookResponse, Determinations, Health],
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
            "/cds-services/{service_id}": {
                "post": {
                    "summary": "A CDS Hooks call",
                    "parameters": [
                        {
                            "name": "service_id",
                            "in": "path",
                            "required": True,
                            "schema": {"enum": list(SERVICE_IDS)},
                        },
                    ],
                    "requestBody": _BODY,
                    "responses": {
                        "200": _answer(cards, "Cards, possibly none"),
                        "404": _OUTCOME | {"description": "There is no such service"},
                        **_ERRORS,
                    },
                },
            },
            "/determinations": {
                "post": {
                    "summary": "The determination of every order of a call, in full",
                    "requestBody": _BODY,
                    "responses": {"200": _answer(found, "In the order given"), **_ERRORS},
                },
            },
            "/health": {
                "get": {
                    "summary": "Whether the service runs, and with which data",
                    "responses": {"200": _answer(health, "It runs")},
                },
            },
        },
        "components": {"schemas": parts},
    }


def _answer(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
