"""What all of the OpenAPI description is made of: refusals, tokens, bodies and answers."""

from __future__ import annotations

from typing import Any

OUTCOME = {
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
_BUSY = OUTCOME | {
    "description": "Come back later",
    "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
}
ERRORS = {
    "400": OUTCOME,
    "401": OUTCOME | {"description": "The call must carry the token of a registered client"},
    "408": OUTCOME | {"description": "The request did not arrive in time"},
    "412": OUTCOME | {"description": "A needed prefetch key is absent and nothing could be had"},
    "413": OUTCOME,
    "415": OUTCOME,
    "429": _BUSY,
    "431": OUTCOME | {"description": "The headers are too large"},
    "503": _BUSY,
}
TEXTS = {"type": "array", "items": {"type": "string"}}

TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "CDS Hooks JWT of a registered client; an open service asks for none",
}
SECURITY: list[dict[str, list[str]]] = [{}, {"client": []}]


def body_of(schema: dict[str, Any]) -> dict[str, Any]:
    """A body of JSON."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def answered(schema: dict[str, Any], description: str) -> dict[str, Any]:
    """An answer of JSON."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}
