"""Codes of a complete code system by their properties: the filters of a value set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from defib_coverage.terminology.operations.errors import quoted, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defib_coverage.terminology.operations.errors import TerminologyError
    from defib_coverage.terminology.operations.known_systems import KnownCode, KnownSystem
    from defib_coverage.terminology.operations.work import Work
    from defib_coverage.terminology.resources import ConceptProperty, ValueSetFilter

_CODE = frozenset({"concept", "code"})
_BUILT_IN = frozenset({"display", "definition", "parent", "child", "inactive"})
# One atom of a pattern, and what may stand behind it. Groups and references are not taken.
_ATOM = re.compile(
    r"(?:\\[dwsDWS.\\\-+*?()\[\]{}|^$/]|\[\^?(?:\\.|[^\]\[\\])+\]|[^\\\[\](){}*+?|^$])"
    r"(?P<many>[*+?]|\{\d{1,2}(?:,\d{0,2})?\})?"
)
_LONGEST_PATTERN = 100
_LONGEST_TEXT = 200
_MOST_ALTERNATIVES = 10


def matching(system: KnownSystem, asked: ValueSetFilter, work: Work) -> set[str]:
    """The codes that a filter lets through.

    Args:
        system: all of its codes are known.
        asked: property, operator and value.
        work: what the request has done; every property and every value that is tested counts.

    Raises:
        TerminologyError: 422 for a property that the code system does not have, an operator that
            is not known, a pattern that is not taken, and too much work.
    """
    name, op, value = asked.property, asked.op, asked.value
    work.look_at(sum(len(known.property) + len(known.parents) for known in system.codes.values()))
    if name in _CODE and op in _BY_PLACE:
        if value not in system.codes:
            text = f"the filter names {quoted(value)}, which is no code of {system.canonical}"
            raise _wrong(text)
        return _BY_PLACE[op](system, value)
    if name not in _CODE | _BUILT_IN | set(system.properties):
        text = f"{system.canonical} has no property {quoted(name)} to filter by"
        raise _wrong(text)
    accepts = _test(op, value)
    below = system.children() if name == "child" else {}
    found = set()
    for known in system.codes.values():
        values = [*below.get(known.code, ()), *_values(known, name)]
        for one in values:
            work.test(one)
        if accepts(values):
            found.add(known.code)
    return found


_BY_PLACE: dict[str, Callable[[KnownSystem, str], set[str]]] = {
    "is-a": lambda system, code: {code} | system.descendants(code),
    "descendent-of": lambda system, code: system.descendants(code),
    "is-not-a": lambda system, code: set(system.codes) - system.descendants(code) - {code},
    "generalizes": lambda system, code: {code} | (system.ancestors(code) & set(system.codes)),
}


def _wrong(text: str) -> TerminologyError:
    return refusal(422, "invalid", text, tx="vs-invalid", place="ValueSet.compose")


def _test(op: str, value: str) -> Callable[[list[str]], bool]:
    """Whether the values of a code's property pass."""
    match op:
        case "=":
            return lambda values: value in values
        case "in" | "not-in":
            listed = {part.strip() for part in value.split(",")}
            return lambda values: (not listed.isdisjoint(values)) is (op == "in")
        case "exists":
            if value not in {"true", "false"}:
                text = f"the operator exists takes true or false, not {quoted(value)}"
                raise _wrong(text)
            return lambda values: bool(values) is (value == "true")
        case "regex":
            pattern = safe_pattern(value)
            return lambda values: any(
                len(one) <= _LONGEST_TEXT and pattern.fullmatch(one) is not None for one in values
            )
        case _:
            text = f"the operator {quoted(op)} is not known for this property"
            raise _wrong(text)


def safe_pattern(text: str) -> re.Pattern[str]:
    """A pattern that cannot take long, whatever it is matched with.

    Characters, classes and quantifiers, a few alternatives with ``|``; in all of it one quantifier
    that leaves a choice, so that the work grows with the length of a text.

    Raises:
        TerminologyError: 422 for any other.
    """
    offered = (
        f"offered are characters, classes, up to {_MOST_ALTERNATIVES} alternatives and one "
        "quantifier that leaves a choice"
    )
    refused = refusal(
        422, "not-supported", f"the pattern {quoted(text)} is not taken: {offered}", tx="vs-invalid"
    )
    alternatives = text.split("|")
    if len(text) > _LONGEST_PATTERN or len(alternatives) > _MOST_ALTERNATIVES:
        raise refused
    choices = 0
    for alternative in alternatives:
        at = 0
        while at < len(alternative):
            found = _ATOM.match(alternative, at)
            if found is None:
                raise refused
            many = found["many"]
            choices += many is not None and (len(many) == 1 or "," in many)
            at = found.end()
    if choices > 1:
        raise refused
    try:
        return re.compile(text)
    except (re.error, OverflowError):
        raise refused from None


def _values(known: KnownCode, name: str) -> Iterator[str]:
    """The values of a property as texts."""
    match name:
        case "concept" | "code":
            yield known.code
        case "display" if known.display is not None:
            yield known.display
        case "definition" if known.definition is not None:
            yield known.definition
        case "parent":
            yield from known.parents
        case "inactive":
            yield "true" if known.inactive else "false"
        case _:
            yield from (
                text for held in known.property if held.code == name for text in _texts(held)
            )


def _texts(held: ConceptProperty) -> Iterator[str]:
    """The value of a property as text."""
    if held.value_boolean is not None:
        yield "true" if held.value_boolean else "false"
    elif held.value_coding is not None:
        yield held.value_coding.code or ""
    else:
        values = (held.value_code, held.value_string, held.value_date_time)
        numbers = (held.value_integer, held.value_decimal)
        yield from (value for value in values if value is not None)
        yield from (str(number) for number in numbers if number is not None)
