"""Search parameters: what each looks at in a resource, and when it is fulfilled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from defib_coverage.errors import RequestError
from defib_coverage.terminology.elements import Artifact, CodeableConcept
from defib_coverage.terminology.resources import CodeSystem, ValueSet


class Parameter(NamedTuple):
    """A search parameter: what of a resource it looks at, and how."""

    kind: str
    description: str
    texts: Callable[[Artifact], Iterator[str]]


def _one(name: str) -> Callable[[Artifact], Iterator[str]]:
    def texts(resource: Artifact) -> Iterator[str]:
        value = getattr(resource, name)
        if value is not None:
            yield value

    return texts


def _canonicals(resource: Artifact) -> Iterator[str]:
    yield f"{resource.url}|{resource.version}"


def _identifiers(resource: Artifact) -> Iterator[str]:
    held = resource.identifier
    for one in held if isinstance(held, tuple) else (held,):
        yield f"{one.system}|{one.value}"


def _codes(resource: Artifact) -> Iterator[str]:
    """Every code of a value set or code system, with its system."""
    if isinstance(resource, ValueSet) and resource.expansion is not None:
        for contained in resource.expansion.contains:
            yield f"{contained.system}|{contained.code}"
    if isinstance(resource, CodeSystem):
        for concept in resource.concept:
            yield f"{resource.url}|{concept.code}"


def _contexts(resource: Artifact) -> Iterator[str]:
    for context in resource.use_context:
        yield _text_of(context.value_codeable_concept)
        yield context.code.code or ""


def _text_of(concept: CodeableConcept) -> str:
    return concept.text or ""


def _jurisdictions(resource: Artifact) -> Iterator[str]:
    for concept in resource.jurisdiction:
        for coding in concept.coding:
            yield f"{coding.system}|{coding.code}"


SEARCHED: Mapping[str, Parameter] = {
    "_id": Parameter("token", "the id", _one("id")),
    "url": Parameter("uri", "the canonical url, with a version or without", _canonicals),
    "version": Parameter("token", "the business version", _one("version")),
    "identifier": Parameter("token", "the business identifier", _identifiers),
    "name": Parameter("string", "the name for machines", _one("name")),
    "title": Parameter("string", "the title", _one("title")),
    "description": Parameter("string", "the description", _one("description")),
    "publisher": Parameter("string", "who publishes it", _one("publisher")),
    "status": Parameter("token", "active, for all", _one("status")),
    "date": Parameter("date", "the day of publication", _one("date")),
    "context": Parameter("string", "program or focus, or its text", _contexts),
    "jurisdiction": Parameter("token", "where it holds", _jurisdictions),
    "code": Parameter("token", "a code that it holds, alone or after its system", _codes),
}
"""The search parameters of every type."""
PAGED = ("_count", "_offset", "_summary", "_format", "_total", "_pretty")
"""The parameters of a search that are about its answer."""
_DATE = "date"
_ORDERS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda held, asked: held.startswith(asked),
    "ne": lambda held, asked: not held.startswith(asked),
    "lt": lambda held, asked: held < asked,
    "gt": lambda held, asked: held > asked and not held.startswith(asked),
    "le": lambda held, asked: held < asked or held.startswith(asked),
    "ge": lambda held, asked: held >= asked,
}


def unusable(name: str, reason: str) -> RequestError:
    """The refusal of a parameter that cannot be used."""
    return RequestError(400, "invalid", f"{name} {reason}", name)


def fulfils(resource: Artifact, name: str, value: str) -> bool:
    """Whether a resource fulfils one parameter.

    Raises:
        RequestError: 400 for a parameter or a modifier that is not known.
    """
    plain, _, modifier = name.partition(":")
    parameter = SEARCHED.get(plain)
    if parameter is None:
        known = ", ".join((*SEARCHED, *PAGED))
        raise unusable(name, f"is no search parameter; there are {known}")
    match = _MATCHES.get((parameter.kind, modifier))
    if match is None:
        raise unusable(
            name, f"has a modifier that a parameter of type {parameter.kind} does not take"
        )
    texts = tuple(parameter.texts(resource))
    wanted = [one for one in value.split(",") if one]
    if not wanted:
        raise unusable(name, "has no value")
    return any(match(text, one) for text in texts for one in wanted)


def _begins(text: str, wanted: str) -> bool:
    return text.casefold().startswith(wanted.casefold())


def _holds(text: str, wanted: str) -> bool:
    return wanted.casefold() in text.casefold()


def _is_token(text: str, wanted: str) -> bool:
    """Whether a token is the one that is asked for: alone, or after its system."""
    if "|" not in wanted:
        return text.rpartition("|")[2] == wanted
    return text == wanted.removeprefix("|")


def _is_canonical(text: str, wanted: str) -> bool:
    """Whether a canonical is asked for, with its version or without."""
    return text == wanted or text.partition("|")[0] == wanted


def _is_dated(text: str, wanted: str) -> bool:
    """Whether a day stands to another as its prefix says; a month or year is all of its days.

    Raises:
        RequestError: 400 for what is no date.
    """
    prefix, day = (wanted[:2], wanted[2:]) if wanted[:2].isalpha() else ("eq", wanted)
    compare = _ORDERS.get(prefix)
    if compare is None or not _is_day(day):
        raise unusable(_DATE, "is no date, such as ge2023-01-01")
    return compare(text, day)


def _is_day(text: str) -> bool:
    parts = text.split("-")
    widths = (4, 2, 2)[: len(parts)]
    return len(parts) <= len(widths) and all(
        part.isascii() and part.isdigit() and len(part) == width
        for part, width in zip(parts, widths, strict=True)
    )


_MATCHES: Mapping[tuple[str, str], Callable[[str, str], bool]] = {
    ("string", ""): _begins,
    ("string", "contains"): _holds,
    ("string", "exact"): str.__eq__,
    ("uri", ""): _is_canonical,
    ("token", ""): _is_token,
    ("date", ""): _is_dated,
}
