"""What is wrong with one FHIR R4 resource, in plain words and without what the record says.

The models check types, required elements and dates. Beside them stand three checks that they leave
out: codes of closed lists, the types that references may have, and empty values, which FHIR's JSON
does not know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# An element's name; what else a client may have written as a name is not repeated.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.\-]")
_LONGEST_NAME = 64
# Kinds of resources rather than types.
_ABSTRACT = frozenset({"Resource", "DomainResource"})
_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "model_field_validation.missing": "is missing",
    "extra_forbidden": "FHIR R4 has no such element here",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "json_invalid": "must be an object",
    "model_validation_format": "must be an object",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than": "is too small a number",
    "greater_than_equal": "is too small a number",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "date_from_datetime_parsing": "is no day of the calendar",
    "date_parsing": "is no day of the calendar",
    "date_type": "must be a date",
    "date_from_datetime_inexact": "must be a day without a time",
    "datetime_type": "must be a day, or a day and time",
    "datetime_parsing": "is no day and time of the calendar",
    "datetime_from_date_parsing": "is no day and time of the calendar",
    "fhir-validation-wrong-resource-type": "is a resource of another type",
}
_FORMS = {
    "Date": "is no FHIR date such as 2026-11-20, 2026-11 or 2026",
    "DateTime": "is no FHIR dateTime such as 2026-11-20 or 2026-11-20T09:30:00-05:00",
    "Instant": "is no FHIR instant such as 2026-11-20T09:30:00-05:00",
    "Time": "is no FHIR time such as 09:30:00",
    "Decimal": "must be a number",
}
_FORM = re.compile(r"(\w+) value string does not match spec regex")
_CHOICE = re.compile(r"\[((?:'\w+'(?:, )?)+)\]")


class Problem(msgspec.Struct, frozen=True):
    """One problem: its place, and what is wrong there."""

    place: str
    text: str


def problems_of(resource: object, place: str) -> list[Problem]:
    """The problems of one resource, which is no Bundle with resources in it.

    Args:
        resource: the resource as JSON.
        place: where it stands, for the places of its problems; empty for the whole document.
    """
    if not isinstance(resource, dict):
        return [Problem(place, "must be a resource, an object with resourceType")]
    name = resource.get("resourceType")
    if name is None:
        return [Problem(_at(place, "resourceType"), "is missing")]
    model = _model(name)
    if model is None:
        return [Problem(_at(place, "resourceType"), "is no resource type of FHIR R4")]
    found = list(_empty_values(resource, place))
    rest = dict(resource)
    contained = rest.pop("contained", None)
    if isinstance(contained, list):
        for number, inner in enumerate(contained):
            found += problems_of(inner, _at(place, "contained", number))
    elif contained is not None:
        found.append(Problem(_at(place, "contained"), "must be a list"))
    found += _model_problems(model, rest, place)
    # Of several problems in one place the first says enough.
    return list({problem.place: problem for problem in reversed(found)}.values())[::-1]


def _model(name: object) -> type[BaseModel] | None:
    if not isinstance(name, str) or name in _ABSTRACT:
        return None
    try:
        model: type[BaseModel] = get_fhir_model_class(name)
    except ValueError:
        return None
    fields = model.model_fields
    # Types such as HumanName have models too, but are no resources.
    return model if "implicitRules" in fields else None


def _model_problems(
    model: type[BaseModel],
    resource: Mapping[str, object],
    place: str,
) -> list[Problem]:
    try:
        instance = model.model_validate(resource)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        found = [_problem(fault["type"], fault["loc"], fault["msg"], place) for fault in faults]
        return found + list(_missing_codes(model, resource, place))
    except (KeyError, TypeError, RecursionError):
        # The models give up on a resource type they do not know, deep inside.
        return [Problem(place, "holds a resource of a type that FHIR R4 does not know")]
    return list(_closed_values(instance, place))


def _missing_codes(
    model: type[BaseModel],
    resource: Mapping[str, object],
    place: str,
) -> Iterator[Problem]:
    """Required codes and texts: the models look for them only where all else is right."""
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        element = field.alias or name
        required = isinstance(extra, dict) and bool(extra.get("element_required"))
        if required and not {element, f"_{element}"} & resource.keys():
            yield Problem(_at(place, element), "is missing")


def _problem(kind: str, path: tuple[int | str, ...], message: str, place: str) -> Problem:
    """A fault of the models in our own words: their messages may repeat the record."""
    parts = [part for part in path if part not in {"root", "resource_type"}]
    text = _WORDS.get(kind)
    form = _FORM.search(message)
    choice = _CHOICE.search(message)
    if text is None and form is not None:
        text = _FORMS.get(form[1], f"has not the form of a FHIR {form[1]}")
    elif text is None and choice is not None:
        names = choice[1].replace("'", "")
        text = f"needs one of {names}"
        if "multiple" in message:
            text = f"may have only one of {names}"
    elif text is None and kind == "string_pattern_mismatch":
        text = "has characters or spaces that FHIR does not allow here"
    return Problem(_at(place, *parts), text or "has a value that FHIR R4 does not allow")


def _at(place: str, *parts: int | str) -> str:
    """A place and a path inside it, as in ``entry[3].resource.onsetDateTime``."""
    for part in parts:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += "." + _NOT_IN_NAMES.sub("_", part)[:_LONGEST_NAME]
    return place.lstrip(".") or "the resource"


def _empty_values(value: object, place: str) -> Iterator[Problem]:
    """Every null, empty text, list or object; a list of primitives may hold null."""
    if isinstance(value, dict):
        for name, inner in value.items():
            at = _at(place, str(name))
            if inner is None:
                yield Problem(at, "is null; leave the element out")
            elif inner in ("", [], {}):
                yield Problem(at, "is empty; leave the element out")
            else:
                yield from _empty_values(inner, at)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _empty_values(inner, _at(place, number))


def _closed_values(instance: BaseModel, place: str) -> Iterator[Problem]:
    """Codes outside their closed list, and references to a type that does not belong."""
    for name, field in type(instance).model_fields.items():
        value: Any = getattr(instance, name, None)
        if value is None:
            continue
        extra = field.json_schema_extra
        known: dict[str, Any] = extra if isinstance(extra, dict) else {}
        at = _at(place, field.alias or name)
        codes = known.get("enum_values", [])
        if codes and isinstance(value, str) and "+" not in codes and value not in codes:
            yield Problem(at, f"must be one of {', '.join(codes)}")
        items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for number, item in items:
            if not isinstance(item, BaseModel):
                continue
            inner = at if number is None else _at(at, number)
            types = known.get("enum_reference_types", [])
            if types and not _refers_to(item, types):
                yield Problem(_at(inner, "reference"), f"must refer to {' or '.join(types)}")
            yield from _closed_values(item, inner)


def _refers_to(reference: BaseModel, types: list[str]) -> bool:
    """Whether a reference may be of one of the types; one that does not tell its type may."""
    text = getattr(reference, "reference", None)
    if not isinstance(text, str) or "Resource" in types:
        return True
    match = re.search(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]+(?:/_history/[^/]+)?$", text)
    return match is None or match[1] in types
