"""Errors on the wire: always an OperationOutcome, never patient data, never a trace."""

from __future__ import annotations

import msgspec

from defib_coverage.errors import RequestError


class _Issue(msgspec.Struct, omit_defaults=True):
    severity: str
    code: str
    diagnostics: str
    expression: list[str] = []


class _OperationOutcome(msgspec.Struct, rename="camel"):
    resource_type: str
    issue: list[_Issue]


def operation_outcome(code: str, message: str, place: str | None = None) -> bytes:
    """An OperationOutcome with one issue, as JSON.

    Args:
        code: a code of FHIR's issue types.
        message: what is wrong.
        place: where in the body.
    """
    diagnostics = message if place is None else f"{place}: {message}"
    issue = _Issue("error", code, diagnostics, [] if place is None else [place])
    return msgspec.json.encode(_OperationOutcome("OperationOutcome", [issue]))


def outcome_of(error: RequestError) -> bytes:
    """The OperationOutcome of a refused request."""
    return operation_outcome(error.code, error.message, error.place)
