"""The OpenAPI description of what stands on the ledger: feedback and look-up."""

from __future__ import annotations

from typing import Any

from defib_coverage.hooks.feedback import (
    LONGEST_COMMENT,
    LONGEST_ID,
    LONGEST_SYSTEM,
    MOST_ENTRIES,
    MOST_SUGGESTIONS,
)
from defib_coverage.hooks.openapi_parts import ERRORS, OUTCOME, SECURITY, TEXTS, answered, body_of

_ID = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_ID,
    "pattern": r"^[^\x00-\x1f\x7f]+$",
}
_REASON = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": _ID,
        "system": {"type": "string", "format": "uri", "maxLength": LONGEST_SYSTEM},
    },
}
_COMMENT = {"type": "string", "minLength": 1, "maxLength": LONGEST_COMMENT}
_OVERRIDE = {
    "type": "object",
    "properties": {"reason": _REASON, "userComment": _COMMENT},
    "anyOf": [{"required": ["reason"]}, {"required": ["userComment"]}],
}
_SUGGESTIONS = {
    "type": "array",
    "maxItems": MOST_SUGGESTIONS,
    "items": {"type": "object", "required": ["id"], "properties": {"id": _ID}},
}


def _entry(outcome: str, required: tuple[str, ...], suggestions: dict[str, Any]) -> dict[str, Any]:
    """One entry of feedback."""
    return {
        "type": "object",
        "required": ["card", "outcome", "outcomeTimestamp", *required],
        "properties": {
            "card": _ID | {"description": "The uuid of the card"},
            "outcome": {"const": outcome},
            "outcomeTimestamp": {"type": "string", "format": "date-time"},
            "acceptedSuggestions": suggestions,
            "overrideReason": _OVERRIDE,
        },
    }


_FEEDBACK = {
    "type": "object",
    "required": ["feedback"],
    "properties": {
        "feedback": {
            "type": "array",
            "maxItems": MOST_ENTRIES,
            "items": {
                "oneOf": [
                    _entry("accepted", ("acceptedSuggestions",), _SUGGESTIONS | {"minItems": 1}),
                    _entry("overridden", (), _SUGGESTIONS),
                ],
            },
        },
    },
}
_NO_LEDGER = OUTCOME | {"description": "Nothing there, or this service keeps no ledger"}
_DIGEST = {"type": "string", "description": "A keyed digest"}
_DATE = {"type": "string", "format": "date"}
_STRING = {"type": "string"}
# What of a decision is always told, and what where there is any; a test holds it to the ledger.
_TOLD: dict[str, Any] = {
    "id": _STRING,
    "time": {"type": "string", "format": "date-time"},
    "call": _STRING,
    "hookInstance": _STRING,
    "service": _STRING,
    "patient": _DIGEST,
    "orderClass": _STRING,
    "serviceDate": _DATE,
    "dataDigest": _STRING,
    "status": _STRING,
    "milliseconds": {"type": "number"},
    "position": {
        "type": "object",
        "description": "The UTC day, the number on it and the link in the ledger's chain",
        "required": ["day", "number", "link"],
        "properties": {"day": _DATE, "number": {"type": "integer"}, "link": _STRING},
    },
}
_MAYBE: dict[str, Any] = {
    "client": _STRING,
    "orderCode": _STRING,
    "policy": _STRING,
    "findings": TEXTS,
    "indications": TEXTS,
    "assertionId": _STRING,
    "cards": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["id", "kind"],
            "properties": {"id": _STRING, "kind": _STRING, "suggestions": TEXTS},
        },
    },
    "determination": {
        "type": "object",
        "description": "As POST /determinations gives it; references are keyed digests",
    },
}
_DECISIONS = {
    "type": "object",
    "required": ["total", "decisions"],
    "properties": {
        "total": {"type": "integer"},
        "decisions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": list(_TOLD),
                "properties": _TOLD | _MAYBE,
            },
        },
    },
}


def feedback() -> dict[str, Any]:
    """The path that takes the feedback of a service."""
    errors = {status: content for status, content in ERRORS.items() if status != "412"}
    return {
        "post": {
            "summary": "What clinicians did with cards; a repeat changes nothing",
            "security": SECURITY,
            "requestBody": body_of(_FEEDBACK),
            "responses": {
                "200": answered({"type": "object"}, "It is kept, also for cards that are unknown"),
                "404": _NO_LEDGER,
                **errors,
            },
        },
    }


def look_up() -> dict[str, Any]:
    """The path that looks decisions up."""
    return {
        "get": {
            "summary": "What was decided under a coverage-assertion-id, newest first",
            "security": SECURITY,
            "parameters": [
                {
                    "name": "assertionId",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "minLength": 1},
                },
            ],
            "responses": {
                "200": answered(_DECISIONS, "The caller's own decisions; the newest 100 or 8 MB"),
                "404": _NO_LEDGER,
                **{status: ERRORS[status] for status in ("401", "429", "431", "503")},
            },
        },
    }
