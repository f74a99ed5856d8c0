"""A Bundle on one line, taken apart: its entries with names, as if each stood by itself."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from defib_coverage.audit.heads import Unusable
from defib_coverage.documents.bundle import name_entries
from defib_coverage.fhir.raw import BAD, RawEntry
from defib_coverage.fhir.references import tail


class Part(NamedTuple):
    """An entry: what a reject calls it, its resource, or the name of the one that it deletes."""

    name: str
    text: bytes
    deleted: str | None = None


class _Request(msgspec.Struct):
    method: str | None = None
    url: str | None = None


class _Entry(RawEntry, rename="camel"):
    request: _Request | None = None


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


_decode = msgspec.json.Decoder(_Bundle).decode


def take_apart(text: bytes) -> list[Part]:
    """The entries of a Bundle; its next page, if there is one, is another line.

    Raises:
        Unusable: it cannot be read.
    """
    try:
        bundle = _decode(text)
        deleted = [_deleted(one) for one in bundle.entry]
        name_entries(bundle.entry)
    except BAD as error:
        message = "a Bundle that cannot be read"
        raise Unusable(message) from error
    return [
        Part(f"entry {number}", bytes(one.resource), gone)
        for number, (one, gone) in enumerate(zip(bundle.entry, deleted, strict=True), 1)
        if gone is not None or bytes(one.resource) not in {b"", b"null"}
    ]


def _deleted(entry: _Entry) -> str | None:
    request = entry.request
    if request is None or request.method != "DELETE" or not request.url:
        return None
    return tail(request.url)
