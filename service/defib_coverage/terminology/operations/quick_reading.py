"""Reads the requests that are made most without the care that odd ones need."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.terminology.queries import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
_DAY = len("2023-01-01")
_NAME_AND_VALUE = 2


class _Request(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A plain request: of texts alone. Whatever else stands in one makes it another."""

    resource_type: Literal["Parameters"]
    parameter: list[dict[str, str]]


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
        for one in parameters:
            name = one.get("name", "")
            if name in asked or name not in _VALUES or len(one) != _NAME_AND_VALUE:
                return None
            for value in _VALUES[name]:
                if value in one:
                    asked[name] = one[value]
        return self._answer(asked) if len(asked) == len(parameters) else None

    def _answer(self, asked: Mapping[str, str]) -> bytes | None:
        url, system, code = asked.get("url"), asked.get("system"), asked.get("code")
        if not url or not system or not code or not all(asked.values()):
            return None
        version = asked.get("valueSetVersion")
        if "|" in url:
            if version is not None:
                return None
            url, _, version = url.partition("|")
        day = asked.get("date")
        try:
            on = self._today() if day is None else date.fromisoformat(day)
        except ValueError:
            return None
        if day is not None and len(day) != _DAY:
            return None
        return self._quick.validate(url, version or None, on, system, code, asked.get("display"))
