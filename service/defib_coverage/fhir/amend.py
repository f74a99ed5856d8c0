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
    from collections.abc import Iterator, Mapping

_encode = msgspec.json.Encoder().encode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# A member's name with what stands before it; the text is JSON without white space between its
# parts, so nothing else can match.
_NAME = re.compile(rb'[{,]("(?:[^"\\]|\\.)*"):')


class _Member(str):
    """A member's name as it is decoded: no two are equal, so that none takes another's place."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def _member(_: type, name: object) -> _Member:
    return _Member(name)


_decode_every = msgspec.json.Decoder(dict[_Member, msgspec.Raw], dec_hook=_member).decode


def members(resource: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The members of a resource as they came, by name."""
    return _decode_members(resource)


def items(value: msgspec.Raw | None) -> list[msgspec.Raw] | None:
    """The items of a list as they came; none of one that is absent, None of what is no list."""
    if value is None or bytes(value) == b"null":
        return []
    try:
        return _decode_list(value)
    except BAD:
        return None


class Amendable:
    """A resource as it came but for white space between its parts, and its members by name."""

    __slots__ = ("_text", "members")

    def __init__(self, resource: msgspec.Raw) -> None:
        """Take an object of JSON apart."""
        self._text = msgspec.json.format(resource, indent=-1)
        self.members = _decode_members(self._text)

    def items(self, name: str) -> list[msgspec.Raw] | None:
        """The items of a member that is a list, as ``items`` gives them."""
        return items(self.members.get(name))

    def amended(self, changes: Mapping[str, bytes | None]) -> msgspec.Raw:
        """The resource with some members changed.

        Args:
            changes: the new text of members by name, in the order in which those that are not there
                yet are put at the end; None takes a member out.
        """
        if _encode(self.members) != self._text:
            return self._oddly_amended(changes)
        members = dict(self.members)
        for name, new in changes.items():
            if new is not None:
                members[name] = msgspec.Raw(msgspec.json.format(new, indent=-1))
            elif name in members:
                del members[name]
        return msgspec.Raw(_encode(members))

    def _oddly_amended(self, changes: Mapping[str, bytes | None]) -> msgspec.Raw:
        """Where a member is said twice, or a name has escapes that it does not need."""
        added = [
            _encode(name) + b":" + msgspec.json.format(new, indent=-1)
            for name, new in changes.items()
            if new is not None and name not in self.members
        ]
        parts = b",".join([*_changed(self._text, changes), *added])
        return msgspec.Raw(b"{" + parts + b"}")


def amend(resource: msgspec.Raw, changes: Mapping[str, bytes | None]) -> msgspec.Raw:
    """A resource with some members changed: see ``Amendable``."""
    return Amendable(resource).amended(changes)


def _changed(text: bytes, changes: Mapping[str, bytes | None]) -> Iterator[bytes]:
    """The members of an object, changed where they are to be; one said twice is changed once."""
    place = 0
    done: set[str] = set()
    for name, value in _decode_every(text).items():
        match = _NAME.match(text, place)
        if match is None:
            message = "the text of a member was not found"
            raise AssertionError(message)
        place = match.end() + len(memoryview(value))
        if str(name) not in changes:
            yield text[match.start(1) : place]
        elif str(name) not in done:
            done.add(str(name))
            new = changes[str(name)]
            if new is not None:
                yield match[1] + b":" + msgspec.json.format(new, indent=-1)
