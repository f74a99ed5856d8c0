"""FHIR as text, resource by resource: for what must be kept as it came, and for what is odd.

A chart is decoded whole in one pass. Where that fails, every resource is decoded by itself, so that
an odd one costs itself; what it was about is then told as far as it can be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.references import is_id
from defib_coverage.fhir.resources import (
    Bundle,
    CodeableConcept,
    Entry,
    Link,
    Order,
    OrderConcept,
    Resource,
    Search,
)
from defib_coverage.fhir.systems import meant_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.coverage.codes import CodeIndex

# What a decoder raises for text that is not what it should be.
BAD = (msgspec.MsgspecError, RecursionError, UnicodeError)
# The codes of an order, by the fields that they are read to.
_CODES = {"code": "code", "code_codeable_concept": "codeCodeableConcept"}
# The decoder's messages, and its names of the types of JSON as a clinician reads them.
_MISMATCH = re.compile(r"Expected `.+`, got `(?P<got>\w+)`(?: - at `\$(?P<place>.+)`)?")
_ABSENT = re.compile(r"Object missing required field `(?P<member>\w+)`.*")
_TYPES = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


class RawEntry(msgspec.Struct, rename="camel"):
    """An entry of a Bundle whose resource is kept as it came; empty where there is none."""

    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    search: Search | None = None


class RawBundle(msgspec.Struct, rename="camel"):
    """A Bundle whose resources are kept as they came."""

    resource_type: str = ""
    total: int | None = None
    link: list[Link] = []
    entry: list[RawEntry] = []


class Unreadable(msgspec.Struct, frozen=True):
    """What could not be decoded under a prefetch key.

    ``resource_type`` and ``id`` as far as they could be told: empty and None otherwise.
    """

    key: str
    resource_type: str
    id: str | None
    reason: str


class _Name(msgspec.Struct, rename="camel"):
    """Type and id of a resource, whatever they are."""

    resource_type: object = None
    id: object = None


class _Coded(msgspec.Struct):
    code: CodeableConcept | None = None


class _Glimpse(msgspec.Struct):
    """The codes of a resource that does not decode."""

    code: CodeableConcept | None = None
    component: list[_Coded] = []


_decode_name = msgspec.json.Decoder(_Name).decode
_decode_glimpse = msgspec.json.Decoder(_Glimpse).decode
_decode_bundle = msgspec.json.Decoder(RawBundle).decode
_decode_order = msgspec.json.Decoder(Order).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_resources: msgspec.json.Decoder[Resource] = msgspec.json.Decoder(Resource)


def name_of(raw: msgspec.Raw) -> tuple[str, str | None]:
    """Type and id of a resource as it came; empty and None for what is none.

    An id that may not be repeated is none.
    """
    try:
        name = _decode_name(raw)
    except BAD:
        return "", None
    return (
        name.resource_type if isinstance(name.resource_type, str) else "",
        name.id if isinstance(name.id, str) and is_id(name.id) else None,
    )


def decode_resource(raw: msgspec.Raw) -> Resource | None:
    """One resource in its lean shape; None for one that cannot be read."""
    try:
        return _resources.decode(raw)
    except BAD:
        return None


def decode_order(raw: msgspec.Raw) -> tuple[Order, tuple[str, ...]] | None:
    """One order and the members of it that cannot be read; None for what is no order at all.

    An order of ours with an odd member is still an order of ours: it is judged by the rest.
    """
    try:
        return _decode_order(raw), ()
    except BAD:
        pass
    try:
        members = _decode_members(raw)
    except BAD:
        return None
    read, unread = read_members(Order, members)
    for name, member in _CODES.items():
        if member in unread:
            read |= _read_code(name, members[member])
    if not isinstance(read.get("resource_type"), str):
        return None
    return Order(**read), unread  # type: ignore[arg-type]  # each decoded by its own type


def read_members(
    kind: type[msgspec.Struct], members: Mapping[str, msgspec.Raw]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """The fields of a shape that can be read, and the members that cannot."""
    read: dict[str, object] = {}
    unread: list[str] = []
    for field in msgspec.structs.fields(kind):
        if field.encode_name in members:
            try:
                read[field.name] = msgspec.json.decode(members[field.encode_name], type=field.type)
            except BAD:
                unread.append(field.encode_name)
    return read, tuple(unread)


def _read_code(name: str, raw: msgspec.Raw) -> dict[str, object]:
    """What can be read of the code of an order: what stands beside its codings is no part of it."""
    try:
        read, _ = read_members(OrderConcept, _decode_members(raw))
    except BAD:
        return {}
    return {name: OrderConcept(**read)}  # type: ignore[arg-type]  # each decoded by its own type


def read_bundle(raw: msgspec.Raw) -> list[RawEntry]:
    """The entries of a Bundle as they came; a resource by itself is one entry."""
    if not is_object(raw):
        return []
    try:
        bundle = _decode_bundle(raw)
    except BAD:
        return []
    return bundle.entry if bundle.resource_type == "Bundle" else [RawEntry(resource=raw)]


def is_object(raw: msgspec.Raw) -> bool:
    """Whether a piece of JSON is an object."""
    return bytes(memoryview(raw)[:1]) == b"{"


def _is_nothing(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:4]) in {b"", b"null"}


def read_carefully(
    key: str,
    raw: msgspec.Raw,
    index: CodeIndex,
    unreadable: list[Unreadable],
) -> Resource | None:
    """Decode what stands under one prefetch key, resource by resource.

    Args:
        key: the prefetch key.
        raw: what stands there.
        index: tells whether an odd resource would matter.
        unreadable: where what cannot be read is added.

    Raises:
        RequestError: 400 for what is neither an object nor null.
    """
    if _is_nothing(raw):
        return None
    if not is_object(raw):
        message = "expected a resource or null"
        raise RequestError(400, "structure", message, f"prefetch.{clean(key)}")
    whole = decode_resource(raw)
    if whole is not None:
        return whole
    try:
        bundle = _decode_bundle(raw)
    except BAD as error:
        unreadable.append(Unreadable(key, *name_of(raw), _reason(error)))
        return None
    if bundle.resource_type != "Bundle":
        unreadable.append(Unreadable(key, *name_of(raw), "not decodable"))
        return None
    entries = [read_entry(key, entry, index, unreadable) for entry in bundle.entry]
    return Bundle(total=bundle.total, link=bundle.link, entry=entries)


def read_entry(
    key: str,
    entry: RawEntry,
    index: CodeIndex,
    unreadable: list[Unreadable],
) -> Entry:
    """Decode one entry of a Bundle; one that cannot be read is without its resource.

    Args:
        key: the prefetch key that the Bundle stands under.
        entry: the entry as it came.
        index: tells whether an odd resource would matter.
        unreadable: where one that may matter is added.
    """
    resource = None
    if not _is_nothing(entry.resource):
        try:
            resource = _resources.decode(entry.resource)
        except BAD as error:
            if _matters(entry.resource, index):
                unreadable.append(Unreadable(key, *name_of(entry.resource), _reason(error)))
    return Entry(entry.full_url, resource, entry.search)


def _matters(raw: msgspec.Raw, index: CodeIndex) -> bool:
    """Whether an odd resource might bear on the policy: not if its codes are told and in no set."""
    try:
        glimpse = _decode_glimpse(raw)
    except BAD:
        return True
    concepts = [glimpse.code, *(part.code for part in glimpse.component)]
    if any(concept is None or not concept.coding for concept in concepts):
        return True
    return any(
        index.find(meant_by(coding.system, coding.code) or coding.system, coding.code)
        for concept in concepts
        if concept is not None
        for coding in concept.coding
        if coding.system and coding.code
    )


def _reason(error: Exception) -> str:
    """A decoder's message in plain words, without what the chart says: the place and the types."""
    message = str(error)
    mismatch = _MISMATCH.fullmatch(message)
    if mismatch is not None:
        place = (mismatch["place"] or "").strip(".") or "the record"
        return f"{place}: {_TYPES.get(mismatch['got'], mismatch['got'])} does not belong there"
    missing = _ABSENT.fullmatch(message)
    if missing is not None:
        return f"{missing['member']} is missing"
    return "not decodable"


def clean(name: str) -> str:
    """A member's name, reduced to what names may hold: no free text of the client in a message."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "_" for c in name[:64])
    return kept or "_"
