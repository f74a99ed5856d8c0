"""Why a text did not decode, and where, in words of our own."""

from __future__ import annotations

import re

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.hooks.limits import deepest_place, place_of


def refusal(body: bytes | bytearray, error: Exception) -> RequestError:
    """The refusal of a body that does not decode, with the place of the fault."""
    if isinstance(error, RecursionError):
        return RequestError(400, "structure", "nested too deeply", deepest_place(body))
    message = str(error)
    if isinstance(error, msgspec.ValidationError):
        reason, _, path = message.partition(" - at `$")
        place = path.strip("`.") or None
        missing = re.search(r"missing required field `(.+)`", reason)
        if missing is not None:
            where = f"{place}.{missing[1]}" if place else missing[1]
            return RequestError(400, "required", f"{missing[1]} is missing", where)
        return RequestError(400, "structure", reason[:1].lower() + reason[1:], place or "the body")
    offset = re.search(r"\(byte (\d+)\)", message)
    place = place_of(body, int(offset[1])) if offset is not None else f"byte {len(body)}"
    return RequestError(400, "structure", "the body is not JSON: " + _json_fault(message), place)


def _json_fault(message: str) -> str:
    reason = re.sub(r"\s*\(byte \d+\)", "", message).removeprefix("JSON is malformed: ")
    return reason[:1].lower() + reason[1:]
