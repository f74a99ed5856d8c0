"""Coverage information as it stands on an order: written there, found there, taken out of it.

Of all that an order says, only this is decoded; the rest keeps its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from defib_coverage.fhir.amend import Amendable, amend, items, members
from defib_coverage.fhir.raw import BAD
from defib_coverage.fhir.references import tail
from defib_coverage.hooks.response import Coding

URL = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
# Two statements that differ in these only say the same.
_OF_EVERY_CALL = frozenset({"date", "coverage-assertion-id"})


class Reference(msgspec.Struct, frozen=True):
    """A FHIR Reference."""

    reference: str


class Concept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A FHIR CodeableConcept."""

    text: str
    coding: tuple[Coding, ...] = ()


class Part(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One sub-extension: its bare name and its one value."""

    url: str
    value_reference: Reference | None = None
    value_code: str | None = None
    value_coding: Coding | None = None
    value_codeable_concept: Concept | None = None
    value_date: date | None = None
    value_string: str | None = None


class _Statement(msgspec.Struct, frozen=True):
    url: str
    extension: Sequence[Part]


class _Found(msgspec.Struct):
    """An extension that stands on an order."""

    url: str | None = None
    extension: list[msgspec.Raw] = []


class _FoundPart(msgspec.Struct, rename="camel"):
    """One part of it; others may have written it otherwise."""

    url: str | None = None
    value_reference: Reference | None = None


_decode_found = msgspec.json.Decoder(_Found).decode
_decode_part = msgspec.json.Decoder(_FoundPart).decode
_encode = msgspec.json.Encoder().encode


def written(order: msgspec.Raw, coverage: str, parts: Sequence[Part]) -> msgspec.Raw | None:
    """The order with a statement in the place of older ones about the same Coverage.

    None where it says the same already, and where its extensions are no list.
    """
    amendable = Amendable(order)
    extensions = amendable.items("extension")
    if extensions is None:
        return None
    new = msgspec.Raw(_encode(_Statement(URL, parts)))
    older: list[msgspec.Raw] = []
    kept: list[msgspec.Raw] = []
    for one in extensions:
        (older if _coverage_of(one) == coverage else kept).append(one)
    if len(older) == 1 and _says_the_same(older[0], new):
        return None
    return amendable.amended({"extension": _encode([*kept, new])})


def without_statements(order: msgspec.Raw) -> msgspec.Raw:
    """The order without coverage information, whoever wrote it: once changed, it is not judged."""
    extensions = items(members(order).get("extension")) or []
    kept = [one for one in extensions if _find(one).url != URL]
    if len(kept) == len(extensions):
        return order
    return amend(order, {"extension": _encode(kept) if kept else None})


def _find(extension: msgspec.Raw) -> _Found:
    """An extension as far as it can be read."""
    try:
        return _decode_found(extension)
    except BAD:
        pass
    try:
        return _Found(_decode_part(extension).url)
    except BAD:
        return _Found()


def _parts_of(extension: msgspec.Raw) -> list[tuple[_FoundPart, msgspec.Raw]]:
    """The parts of coverage information, each as far as it can be read; none of any other."""
    found = _find(extension)
    return [(_part(part), part) for part in found.extension] if found.url == URL else []


def _part(part: msgspec.Raw) -> _FoundPart:
    try:
        return _decode_part(part)
    except BAD:
        return _FoundPart()


def _coverage_of(extension: msgspec.Raw) -> str | None:
    """The Coverage that an extension of an order makes a statement of; None for any other."""
    for part, _ in _parts_of(extension):
        if part.url == "coverage" and part.value_reference is not None:
            return tail(part.value_reference.reference)
    return None


def _says_the_same(older: msgspec.Raw, new: msgspec.Raw) -> bool:
    try:
        return _substance(older) == _substance(new)
    except BAD:
        # It holds what no value of ours can be, such as a number beyond all numbers.
        return False


def _substance(extension: msgspec.Raw) -> list[bytes]:
    """What an extension says, in no order, without what is new in every call."""
    return sorted(
        msgspec.json.encode(msgspec.json.decode(text), order="deterministic")
        for part, text in _parts_of(extension)
        if part.url not in _OF_EVERY_CALL
    )
