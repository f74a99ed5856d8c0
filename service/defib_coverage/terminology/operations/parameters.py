"""Reads the input of an operation from a query or from a Parameters resource."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.terminology.elements import Parameter
from defib_coverage.terminology.operations.errors import quoted, refusal
from defib_coverage.terminology.operations.given import Day, Given, Value
from defib_coverage.terminology.resources import CodeSystem, ConceptMap, ValueSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.terminology.operations.errors import TerminologyError
    from defib_coverage.terminology.operations.inputs import Input, Kind


Pairs = Sequence[tuple[str, str]]
"""Names and values of a query, in their order and decoded."""
# How an answer is written is not the operation's affair.
_OF_THE_SERVER = frozenset({"_format", "_pretty", "_summary", "_elements"})
_DATE = re.compile(
    r"(\d{4}-\d\d-\d\d)(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-][01]\d:[0-5]\d)?)?",
    re.ASCII,
)
_INTEGER = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_LARGEST = 2**31 - 1
_LONGEST = 200
_NOTHING = (None, (), msgspec.Raw())
_MISMATCH = re.compile(r"Expected `(?P<want>.+)`, got `(?P<got>\w+)`.*", re.DOTALL)
_PLACE = re.compile(r".* - at `(?P<place>[^`]+)`", re.DOTALL)
_BAD = (msgspec.MsgspecError, RecursionError, UnicodeError)
# The elements of a resource that an operation reads; what else it holds is not looked at.
_READ = frozenset(
    (
        *("resourceType", "id", "url", "version", "name", "title", "status", "experimental"),
        *("date", "publisher", "description", "copyright"),
        *("compose", "expansion"),
        *("caseSensitive", "hierarchyMeaning", "content", "supplements", "property", "concept"),
        *("sourceCanonical", "sourceUri", "targetCanonical", "targetUri", "group"),
    )
)
# Two quotes stand side by side in an empty string only: those within texts are escaped.
_EMPTY = re.compile(rb'[:,\[]\s*""')
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Sent(msgspec.Struct, frozen=True, rename="camel"):
    """A Parameters resource that says that it is one: a tag could be left out."""

    resource_type: Literal["Parameters"]
    parameter: tuple[Parameter, ...] = ()


_parameters = msgspec.json.Decoder(_Sent)
_resource: msgspec.json.Decoder[ValueSet | CodeSystem | ConceptMap] = msgspec.json.Decoder(
    ValueSet | CodeSystem | ConceptMap
)
# The fields of a parameter by the types of inputs, and what the message calls them.
_FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "uri": ("value_uri", "value_canonical", "value_url"),
    "code": ("value_code",),
    "string": ("value_string",),
    "boolean": ("value_boolean",),
    "integer": ("value_integer",),
    "date": ("value_date_time", "value_date"),
    "coding": ("value_coding",),
    "concept": ("value_codeable_concept",),
    "resource": ("resource",),
    "parts": ("part",),
}
_WIRE_NAMES = {field.name: field.encode_name for field in msgspec.structs.fields(Parameter)}


def read_input(
    pairs: Pairs, content: bytes | bytearray | None, table: Mapping[str, Input]
) -> Given:
    """The input of an operation.

    Args:
        pairs: the query.
        content: the body of a POST; None without one.
        table: what the operation takes.

    Raises:
        TerminologyError: 400 for what is unknown, of a wrong type, repeated without leave or not
            readable; 422 for what is not offered.
    """
    values: dict[str, list[Value]] = {}
    for name, text in pairs:
        if name in _OF_THE_SERVER:
            continue
        known = _known(name, table, f"http.{name}")
        _add(values, name, known, _from_text(name, known.kind, text))
    if content is not None:
        for number, parameter in enumerate(_decoded(content)):
            place = f"Parameters.parameter[{number}]"
            known = _known(parameter.name, table, place)
            _add(values, parameter.name, known, _from_parameter(parameter, known.kind, place))
    return Given({name: tuple(found) for name, found in values.items()})


def _known(name: str, table: Mapping[str, Input], place: str) -> Input:
    _printable(name, "name of a parameter")
    known = table.get(name)
    if known is None:
        text = f"the parameter {quoted(name)} is not known; known are {', '.join(sorted(table))}"
        raise refusal(400, "invalid", text, place=place[:_LONGEST])
    if known.refused is not None:
        raise refusal(422, "not-supported", f"{name} is not offered: {known.refused}", place=name)
    return known


def _add(values: dict[str, list[Value]], name: str, known: Input, value: Value) -> None:
    found = values.setdefault(name, [])
    if found and not known.repeats:
        raise refusal(400, "invalid", f"{name} may be given once only", place=name)
    found.append(value)


def _printable(text: str, what: str) -> str:
    """The text, if it can be written again: half characters cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refusal(400, "invalid", f"{what} is no valid Unicode text") from None
    return text


def _from_text(name: str, kind: Kind, text: str) -> Value:
    """A value out of a query."""
    _printable(text, name)
    if not text:
        raise refusal(400, "invalid", f"{name} has no value", place=name)
    match kind:
        case "uri" | "code" | "string":
            return text
        case "boolean":
            if text not in {"true", "false"}:
                raise _wrong(name, "true or false", text)
            return text == "true"
        case "integer":
            if _INTEGER.fullmatch(text) is None:
                raise _wrong(name, "a whole number", text)
            return _number(name, int(text))
        case "date":
            return _day(name, text)
        case _:
            message = f"{name} is no simple value: POST it in a Parameters resource"
            raise refusal(400, "invalid", message, place=name)


def _wrong(name: str, wanted: str, text: str) -> TerminologyError:
    return refusal(400, "invalid", f"{name} must be {wanted}, not {quoted(text)}", place=name)


def _number(name: str, number: int) -> int:
    if abs(number) > _LARGEST:
        raise _wrong(name, f"a number up to {_LARGEST}", str(number)[:20])
    return number


def day_of(text: str) -> date | None:
    """The day of a date or dateTime: the part before the time, wherever that time is.

    None for any other text.
    """
    found = _DATE.fullmatch(text)
    try:
        return None if found is None else date.fromisoformat(found[1])
    except ValueError:
        return None


def _day(name: str, text: str) -> Day:
    found = day_of(text)
    if found is None:
        raise _wrong(name, "a day such as 2023-01-01, with or without a time", text)
    return Day(text, found)


def _decoded(content: bytes | bytearray) -> Sequence[Parameter]:
    """The parameters of a body; none of an empty one."""
    if not content.strip():
        return ()
    try:
        return _parameters.decode(content).parameter
    except _BAD as error:
        raise _unreadable(error, "Parameters", "the body") from None


def _from_parameter(parameter: Parameter, kind: Kind, place: str) -> Value:
    """A value out of a Parameters resource."""
    name = parameter.name
    wanted = _FIELDS[kind]
    held = [
        field
        for field in _WIRE_NAMES
        if field != "name" and getattr(parameter, field) not in _NOTHING
    ]
    if len(held) != 1 or held[0] not in wanted:
        names = " or ".join(_WIRE_NAMES[field] for field in wanted)
        got = " and ".join(_WIRE_NAMES[field] for field in held) or "no value"
        raise refusal(400, "invalid", f"{name} needs {names}, not {got}", place=place)
    value = getattr(parameter, held[0])
    if isinstance(value, msgspec.Raw):
        return read_resource(value, f"{place}.resource")
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _number(name, value)
    if not isinstance(value, str):
        coded: Value = value
        if _EMPTY.search(msgspec.json.encode(value)):
            raise _empty(place)
        return coded
    if not value:
        raise refusal(400, "invalid", f"{name} has no value", place=place)
    return _day(name, value) if kind == "date" else value


def read_resource(raw: msgspec.Raw, place: str) -> ValueSet | CodeSystem | ConceptMap:
    """A resource that a client brought: the elements that operations read.

    Args:
        raw: the resource as it came.
        place: where it stands.

    Raises:
        TerminologyError: 400 for what cannot be read, and for a resource of another type.
    """
    try:
        read = {name: part for name, part in _members.decode(raw).items() if name in _READ}
        content = msgspec.json.encode(read)
        found = _resource.decode(content)
    except _BAD as error:
        raise _unreadable(error, place, "the resource") from None
    if _EMPTY.search(content):
        raise _empty(place)
    return found


def _empty(place: str) -> TerminologyError:
    """An empty string, which would come back as one."""
    text = f"an element within {place} is an empty string, which FHIR does not have: leave it out"
    return refusal(400, "invalid", text, place=place)


def _unreadable(error: Exception, root: str, what: str) -> TerminologyError:
    """A decoder's fault in plain words, with its place and without what the client wrote."""
    message = str(error)
    at = _PLACE.fullmatch(message)
    place = root if at is None else root + at["place"].removeprefix("$")
    mismatch = _MISMATCH.fullmatch(message)
    if isinstance(error, RecursionError):
        reason = "it is nested too deeply"
    elif mismatch is not None:
        reason = f"{mismatch['want']} is wanted at {place}, not {mismatch['got']}"
    elif isinstance(error, msgspec.ValidationError):
        reason = f"{message.partition(' - at ')[0][:_LONGEST]} at {place}"
    else:
        reason = "it is not valid JSON"
    code = "structure" if isinstance(error, msgspec.ValidationError) else "invalid"
    return refusal(400, code, f"{what} cannot be read: {reason}", place=place)
