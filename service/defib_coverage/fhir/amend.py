"""A resource as it came, with members put in, replaced or taken out; all else keeps its text.

Numbers keep their digits and unknown members their place: what is not meant to change is copied,
never decoded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.fhir.raw import BAD

if TYPE_CHECKING:
    from collections.abc import Mapping

_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
# A member's name with what stands around it; the text is JSON, so nothing else can match.
_NAME = re.compile(rb'[\s,{]*("(?:[^"\\]|\\.)*")\s*:\s*')


class _Member(str):
    """A member's name as it is decoded: no two are equal, so that none takes another's place."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def _member(_: type, name: object) -> _Member:
    return _Member(name)


_decode_members = msgspec.json.Decoder(dict[_Member, msgspec.Raw], dec_hook=_member).decode


def members(resource: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The members of a resource as they came, by name."""
    return {str(name): value for name, value in _decode_members(resource).items()}


def items(value: msgspec.Raw | None) -> list[msgspec.Raw] | None:
    """The items of a list as they came; none of one that is absent, None of what is no list."""
    if value is None:
        return []
    try:
        return _decode_list(value)
    except BAD:
        return None


def amend(resource: msgspec.Raw, changes: Mapping[str, bytes | None]) -> msgspec.Raw:
    """The resource with some members changed, without white space between its parts.

    Args:
        resource: an object of JSON.
        changes: the new text of members by name, in the order in which those that are not there
            yet are put at the end; None takes a member out.
    """
    text = bytes(resource)
    kept: list[bytes] = []
    open_changes = dict(changes)
    place = 0
    for name, value in _decode_members(resource).items():
        match = _NAME.match(text, place)
        if match is None:
            message = "the text of a member was not found"
            raise AssertionError(message)
        place = match.end() + len(memoryview(value))
        if str(name) not in changes:
            kept.append(match[1] + b":" + bytes(value))
            continue
        new = open_changes.pop(str(name), None)
        if new is not None:
            kept.append(match[1] + b":" + new)
    kept += [
        msgspec.json.encode(name) + b":" + new
        for name, new in open_changes.items()
        if new is not None
    ]
    return msgspec.Raw(msgspec.json.format(b"{" + b",".join(kept) + b"}", indent=-1))
