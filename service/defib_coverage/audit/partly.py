"""Records that may hold orders, read by whatever of them can be read, as a live order is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from defib_coverage.fhir.raw import BAD, read_members

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


def read_partly(
    decoder: msgspec.json.Decoder[_Shape], text: bytes
) -> tuple[_Shape, tuple[str, ...]]:
    """A record in its shape, and the members that cannot be read: these are as if unsaid.

    Raises:
        MsgspecError: it is no object.
    """
    try:
        return decoder.decode(text), ()
    except BAD:
        pass
    members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    read, unread = read_members(decoder.type, members)
    return decoder.type(**read), unread


def check_read(unread: Iterable[str], needed: AbstractSet[str]) -> None:
    """Refuse a record of which something is unread that must be known.

    Raises:
        ValidationError: it is.
    """
    if not needed.isdisjoint(unread):
        raise msgspec.ValidationError
