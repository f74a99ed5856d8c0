"""Reads the requests that are made most without the care that odd ones need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.terminology.operations.parameters import day_of
from defib_coverage.terminology.queries import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from defib_coverage.terminology.operations.quick import QuickAnswers

# The parameters of a plain request, and what each is called in a body.
_VALUES: Mapping[str, tuple[str, ...]] = {
    "url": ("valueUri",),
    "valueSetVersion": ("valueString",),
    "date": ("valueDate", "valueDateTime"),
    "system": ("valueUri",),
    "code": ("valueCode",),
    "display": ("valueString",),
}
_OF_CODING = frozenset({"system", "code", "display"})
_NAME_AND_VALUE = 2


class _Request(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A plain request: of texts, and a coding. Whatever else stands in one makes it another."""

    resource_type: Literal["Parameters"]
    parameter: list[dict[str, str | dict[str, str]]]


_decode = msgspec.json.Decoder(_Request).decode


class QuickReader:
    """Answers plain requests whether a code is in a value set.

    None stands for a request that is not plain, and for one that is wrong: then the operation
    itself must be run, which also finds what is wrong.
    """

    def __init__(self, quick: QuickAnswers, today: Callable[[], date]) -> None:
        """Answer with ``quick``; a request without a day is of today."""
        self._quick = quick
        self._today = today

    def of_query(self, query: str) -> bytes | None:
        """The answer to a query, as it came."""
        asked: dict[str, str] = {}
        try:
            for part in query.split("&"):
                name, _, value = part.partition("=")
                if name not in _VALUES or name in asked:
                    return None
                asked[name] = decoded(value) if "%" in value or "+" in value else value
        except UnicodeDecodeError:
            return None
        return self._answer(asked) if query.isascii() else None

    def of_body(self, content: bytes | bytearray | memoryview) -> bytes | None:
        """The answer to a Parameters resource."""
        try:
            parameters = _decode(content).parameter
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        asked: dict[str, str] = {}
        coding: dict[str, str] | None = None
        for one in parameters:
            if len(one) != _NAME_AND_VALUE:
                return None
            name, held = one.get("name"), one.get("valueCoding")
            if name == "coding" and isinstance(held, dict) and coding is None:
                coding = held
                continue
            value = _text(name, one) if isinstance(name, str) and name not in asked else None
            if not isinstance(name, str) or value is None:
                return None
            asked[name] = value
        if coding is None:
            return self._answer(asked)
        if not _OF_CODING.isdisjoint(asked) or not _OF_CODING.issuperset(coding):
            return None
        return self._answer(asked | coding, in_coding=True)

    def _answer(self, asked: Mapping[str, str], *, in_coding: bool = False) -> bytes | None:
        url, system, code = asked.get("url"), asked.get("system"), asked.get("code")
        if not url or not system or not code or not all(asked.values()):
            return None
        version = asked.get("valueSetVersion")
        if "|" in url:
            if version is not None:
                return None
            url, _, version = url.partition("|")
        day = asked.get("date")
        on = self._today() if day is None else day_of(day)
        if on is None:
            return None
        display = asked.get("display")
        return self._quick.validate(
            url, version or None, on, system, code, display, in_coding=in_coding
        )


def _text(name: str, one: Mapping[str, object]) -> str | None:
    """The text of a parameter; None for what is none, and for another parameter."""
    # A plain loop: a generator costs more than all else here.
    for value in _VALUES.get(name, ()):
        found = one.get(value)
        if found is not None:
            return found if isinstance(found, str) else None
    return None
