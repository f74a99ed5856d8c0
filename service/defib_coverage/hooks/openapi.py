"""What the OpenAPI page says of the endpoints: their bodies and answers are decoded by msgspec."""

from __future__ import annotations

from typing import Any

import msgspec

from defib_coverage.coverage.determination import Determination
from defib_coverage.hooks.cards import HookResponse
from defib_coverage.hooks.discovery import Discovery

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
    400: _OUTCOME,
    412: _OUTCOME | {"description": "A needed prefetch key is absent and nothing else was sent"},
    413: _OUTCOME,
    415: _OUTCOME,
}
_REQUEST = {
    "type": "object",
    "required": ["hook", "hookInstance", "context"],
    "properties": {
        "hook": {"enum": ["order-select", "order-sign", "order-dispatch", "appointment-book"]},
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
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _REQUEST}}}}


def _answer(model: object, description: str) -> dict[int | str, Any]:
    """An answer of a msgspec model, its parts written out in place."""
    _, parts = msgspec.json.schema_components([model], ref_template="#/$defs/{name}")
    schema = msgspec.json.schema(model) | {"$defs": parts}
    return {
        200: {"description": description, "content": {"application/json": {"schema": schema}}},
    }


DISCOVERY: dict[str, Any] = {
    "summary": "CDS Hooks discovery",
    "responses": _answer(Discovery, "The four services"),
}
HEALTH: dict[str, Any] = {"summary": "Whether the service runs, and with which data"}
HOOK: dict[str, Any] = {
    "summary": "A CDS Hooks call",
    "responses": _answer(HookResponse, "Cards, possibly none") | _ERRORS | {404: _OUTCOME},
    "openapi_extra": _BODY,
}
DETERMINATIONS: dict[str, Any] = {
    "summary": "The determination of every order of a call, in full",
    "responses": _answer(
        dict[str, list[Determination]],
        "One determination an order, in the order given",
    )
    | _ERRORS,
    "openapi_extra": _BODY,
}
