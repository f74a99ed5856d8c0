"""What stands around the prefetch of a request: taken apart cheaply, no member twice.

Decoders keep the last of two members of one name, so two readers of one body may see two different
orders. In the envelope that is refused; the prefetch, which makes a body large, is left out: of it
only the keys are looked at, when it is decoded.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import BAD, clean
from defib_coverage.hooks.limits import deepest_place

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST = 4 << 20
"""Bytes of an envelope."""
_MOST_MEMBERS = 100
_MOST_VALUES = 250_000
_LONGEST_PATH = 12
_PREFETCH = b'"prefetch"'
_COLON = re.compile(rb"[ \t\n\r]*:[ \t\n\r]*")
_MEMBER = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*+")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_START = re.compile(rb"[ \t\n\r]*\{")
_NEXT = re.compile(rb"[ \t\n\r]*([,}])[ \t\n\r]*")
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_decode_any = msgspec.json.Decoder().decode
_decode_span = msgspec.json.Decoder(msgspec.Raw).decode
_decode_name = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


class Parts(NamedTuple):
    """A body with its prefetch taken out.

    ``envelope`` has an empty object in its place; ``start`` and ``end`` are where its value stands
    in the body, both 0 where there is none.
    """

    envelope: bytes
    start: int
    end: int


def guess(body: bytes | bytearray) -> Parts | None:
    """Take a body apart whose prefetch is its last member, as with most clients.

    It is right if envelope and prefetch both decode: then the quote before the name opens a string,
    for outside of one it would be followed by no JSON, and the envelope's braces show that the
    name is a member of the body itself.
    """
    name = body.find(_PREFETCH)
    if name < 1 or body[name - 1] == ord("\\"):
        return None
    colon = _COLON.match(body, name + len(_PREFETCH))
    end = body.rfind(b"}")
    if colon is None or end < colon.end():
        return None
    start = colon.end()
    return Parts(bytes(body[:start]) + b"{}" + body[end:], start, end)


def walk(body: bytes | bytearray) -> Parts | None:
    """Take any body apart, member by member; None for one that is not JSON.

    Raises:
        RequestError: 400 for more members than a request can have.
    """
    opened = _START.match(body)
    if opened is None:
        return None
    position = opened.end()
    start = end = 0
    with memoryview(body) as view:
        for _ in range(_MOST_MEMBERS + 1):
            member = _MEMBER.match(body, position)
            if member is None:
                break
            position = member.end() + _length(view[member.end() :])
            if _is_prefetch(member[1]) and not end:
                start, end = member.end(), position
            mark = _NEXT.match(body, position)
            if mark is None:
                return None
            position = mark.end()
            if mark[1] == b"}":
                break
        else:
            _check_members(_MOST_MEMBERS + 1)
    if not end:
        return Parts(bytes(body), 0, 0)
    return Parts(bytes(body[:start]) + b"{}" + body[end:], start, end)


def _length(text: memoryview) -> int:
    """The length of the value that a text begins with; what follows it makes the decoder tell."""
    try:
        _decode_span(text)
    except msgspec.DecodeError as error:
        trailing = _TRAILING.search(str(error))
        if trailing is not None:
            return int(trailing[1]) - 1
    except BAD:
        pass
    return 0


def _is_prefetch(quoted: bytes) -> bool:
    try:
        return _decode_name(quoted) == "prefetch"
    except BAD:
        return False


def check_size(envelope: bytes) -> None:
    """Refuse an envelope that is larger than orders can make it.

    Raises:
        RequestError: 413.
    """
    if len(envelope) > LARGEST:
        message = f"what is not prefetch is larger than {LARGEST} bytes"
        raise RequestError(413, "too-long", message, "the body")
    if len(envelope) > _MOST_VALUES and envelope.count(b",") > _MOST_VALUES:
        message = f"what is not prefetch has more than {_MOST_VALUES} values"
        raise RequestError(413, "too-costly", message, "the body")


def check_names(envelope: bytes) -> None:
    """Refuse an object with two members of one name, at any depth, and a request with too many.

    Raises:
        RequestError: 400 with the place.
    """
    try:
        place, members = _look_through(envelope)
    except RecursionError:
        # The decoder, which passes over what it does not know, goes deeper than this does.
        message = "nested too deeply"
        raise RequestError(400, "structure", message, deepest_place(envelope)) from None
    if place is not None:
        raise RequestError(400, "structure", "a member stands here twice", place)
    _check_members(members)


def is_honest(text: bytes) -> bool:
    """Whether no object in a text, at any depth, has two members of one name."""
    try:
        return _look_through(text)[0] is None
    except (RecursionError, ValueError):  # what cannot be looked through
        return False


def _look_through(text: bytes) -> tuple[str | None, int]:
    """The place of a member that stands there twice, and how many members the object itself has.

    Decoded and encoded again, a text has as many colons as before, unless a member was lost: an
    escaped one is the only other way to a different number.
    """
    if rb"\u003" not in text:
        try:
            found = _decode_any(text)
            if _encode(found).count(b":") == text.count(b":"):
                return None, len(found)
        except BAD:
            pass  # a number that no float holds, in a place that is not read
    pairs = json.loads(text, object_pairs_hook=_Pairs, parse_int=str)
    return _repeated(pairs), len(pairs)


def _check_members(count: int) -> None:
    if count > _MOST_MEMBERS:
        message = f"the request has more than {_MOST_MEMBERS} members"
        raise RequestError(400, "too-costly", message, "the body")


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, all of them."""


def _repeated(value: object) -> str | None:
    """The place of the first member whose name its object has had before."""
    todo: list[tuple[object, tuple[str | int, ...]]] = [(value, ())]
    while todo:
        node, path = todo.pop()
        inner: Sequence[tuple[str | int, object]] = ()
        if isinstance(node, _Pairs):
            seen: set[str] = set()
            for name, _ in node:
                if name in seen:
                    return _text((*path, name))
                seen.add(name)
            inner = node
        elif isinstance(node, list):
            inner = list(enumerate(node))
        todo += [(child, (*path, step)) for step, child in reversed(inner)]
    return None


def _text(path: tuple[str | int, ...]) -> str:
    parts = (
        f"[{step}]" if isinstance(step, int) else "." + clean(step) for step in path[:_LONGEST_PATH]
    )
    return "".join(parts).lstrip(".")
