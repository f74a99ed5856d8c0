"""JSON by its text: strict reading, and resources compared without decoding a number or a string.

Nothing here knows the service; its own code for texts is not used.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

COVERAGE_INFORMATION = (
    "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
)
_STRING = r'"(?:[^"\\]|\\.)*"'
_SPACE = re.compile(rf"({_STRING})|[ \t\r\n]+", re.DOTALL)
# Where a value ends is all that is taken from it here.
_decode = json.JSONDecoder().raw_decode
_NUMBER = re.compile(rf"{_STRING}|(-?[0-9][0-9.eE+-]*)", re.DOTALL)


class NotStrictError(ValueError):
    """Text that is JSON to a lenient reader only."""


def strict(text: str) -> object:
    """The value of a JSON text.

    Raises:
        NotStrictError: for a name said twice in an object, and for NaN and Infinity.
        ValueError: for what is no JSON.
    """

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) < len(pairs):
            message = f"a name twice among {[name for name, _ in pairs]}"
            raise NotStrictError(message)
        return dict(pairs)

    def never(constant: str) -> None:
        message = f"{constant} is no JSON"
        raise NotStrictError(message)

    return json.loads(text, object_pairs_hook=once, parse_constant=never)


def compact(text: str) -> str:
    """The text without the white space outside of its strings."""
    return _SPACE.sub(lambda found: found[1] or "", text)


def members(text: str) -> list[tuple[str, str]]:
    """The members of an object's compact text: name, and the value's text; none of what is none."""
    found: list[tuple[str, str]] = []
    place = 1
    while text.startswith("{") and text != "{}" and place < len(text):
        name, start = _decode(text, place)
        _, end = _decode(text, start + 1)
        found.append((name, text[start + 1 : end]))
        place = end + 1
    return found


def member(text: str, *path: str) -> str:
    """The text of a member of members; empty where it is absent."""
    for name in path:
        text = dict(members(text)).get(name, "")
    return text


def items(text: str) -> list[str]:
    """The items of a list's compact text; none of what is no list."""
    found: list[str] = []
    place = 1
    while text.startswith("[") and text != "[]" and place < len(text):
        _, end = _decode(text, place)
        found.append(text[place:end])
        place = end + 1
    return found


def resources(text: str) -> Iterator[str]:
    """The resources of a Bundle's compact text, or the one that it is."""
    if member(text, "resourceType") != '"Bundle"':
        if text.startswith("{"):
            yield text
        return
    for entry in items(member(text, "entry")):
        inner = member(entry, "resource")
        if inner:
            yield inner


def numbers(text: str) -> list[str]:
    """The numbers of a text, as they are written."""
    return [found[1] for found in _NUMBER.finditer(text) if found[1] is not None]


def is_statement(extension: str) -> bool:
    """Whether an extension's text is coverage information."""
    value = json.loads(extension)
    return isinstance(value, dict) and value.get("url") == COVERAGE_INFORMATION


def statements(order: str) -> list[str]:
    """The coverage information that stands on an order, each by its text."""
    found = [text for name, text in members(order) if name == "extension"]
    return [one for text in found for one in items(text) if is_statement(one)]


def without_statements(order: str) -> list[tuple[str, str]]:
    """The members of an order without coverage information, in their order."""
    kept = []
    for name, text in members(order):
        value = text
        if name == "extension" and text.startswith("["):
            others = [one for one in items(text) if not is_statement(one)]
            if not others:
                continue
            value = f"[{','.join(others)}]"
        kept.append((name, value))
    return kept


def empties(value: object, place: str = "") -> Iterator[str]:
    """The places of null and of empty strings, lists and objects."""
    if value is None or value in ("", [], {}):
        yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from empties(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from empties(inner, f"{place}[{number}]")


def texts(value: object) -> Iterator[str]:
    """Every string below a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
