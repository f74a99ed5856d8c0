"""Reads the requests that are made most without the care that odd ones need."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.terminology.operations.parameters import Pairs
    from defib_coverage.terminology.operations.quick import QuickAnswers

_TYPES = {
    "url": "value_uri",
    "valueSetVersion": "value_string",
    "date": "value_date",
    "system": "value_uri",
    "code": "value_code",
    "display": "value_string",
}
_NEEDED = frozenset({"url", "system", "code"})
_DAY = len("2023-01-01")


class _Plain(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, gc=False):
    """A parameter of a plain request."""

    name: str
    value_uri: str | None = None
    value_code: str | None = None
    value_string: str | None = None
    value_date: str | None = None
    value_date_time: str | None = None


class _Request(
    msgspec.Struct,
    frozen=True,
    tag_field="resourceType",
    tag="Parameters",
    forbid_unknown_fields=True,
):
    """A plain request; whatever else stands in one makes it another."""

    parameter: list[_Plain]


_decode = msgspec.json.Decoder(_Request).decode


def read_quickly(
    given: Pairs | bytes | bytearray, quick: QuickAnswers, today: Callable[[], date]
) -> bytes | None:
    """The answer to a plain request whether a code is in a value set.

    Args:
        given: the query or the body.
        quick: the answers.
        today: the day for a request without one.

    Returns:
        None for a request that is not plain, and for one whose answer is not ready: then the
        operation itself must be run, which also finds what is wrong with a request.
    """
    if isinstance(given, (bytes, bytearray)):
        asked = _posted(given)
    else:
        asked = dict(given)
        if len(asked) != len(given):
            return None
    if asked is None or not _NEEDED <= asked.keys() <= _TYPES.keys() or not all(asked.values()):
        return None
    url, bar, version = asked["url"].partition("|")
    if bar and "valueSetVersion" in asked:
        return None
    day = asked.get("date")
    try:
        on = today() if day is None else date.fromisoformat(day)
    except ValueError:
        return None
    if day is not None and len(day) != _DAY:
        return None
    pinned = version or asked.get("valueSetVersion")
    return quick.validate(url, pinned, on, asked["system"], asked["code"], asked.get("display"))


def _posted(content: bytes | bytearray) -> dict[str, str] | None:
    """The values of a body by name; None for one with anything unusual."""
    try:
        parameters = _decode(content).parameter
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    asked = {}
    for one in parameters:
        uri, code, text = one.value_uri, one.value_code, one.value_string
        held = (uri, code, text, one.value_date, one.value_date_time)
        value = getattr(one, _TYPES.get(one.name, "name"))
        if one.name == "date":
            value = one.value_date or one.value_date_time
        if value is None or held.count(None) != len(held) - 1:
            return None
        asked[one.name] = value
    return asked if len(asked) == len(parameters) else None
