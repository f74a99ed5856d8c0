"""Whether a server holds what was sent: two resources compared, element by element."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 60
# A server sets these, or makes its own text.
_SERVERS_OWN = {"text"}
_SERVERS_META = {"versionId", "lastUpdated", "source", "tag"}
_NOTHING: Final = object()


class Difference(msgspec.Struct, frozen=True):
    """An element that is not the same, by its JSON pointer; None where a side lacks it."""

    pointer: str
    here: str | None
    there: str | None

    def __str__(self) -> str:
        """The difference on one line."""
        if self.there is None:
            return f"{self.pointer}: is missing there"
        if self.here is None:
            return f"{self.pointer}: stands only there"
        return f"{self.pointer}: {self.here} here, {self.there} there"


def differences(here: bytes, there: bytes, *, with_tags: bool = False) -> tuple[Difference, ...]:
    """What differs between two resources, apart from what every server sets or makes itself.

    Left out are ``text``, and of ``meta`` the version, the time, the source and the tags. The order
    of profiles says nothing, and many servers keep none.

    Args:
        here: our resource, JSON.
        there: the server's, JSON.
        with_tags: whether each of our tags must be among the server's.

    Raises:
        msgspec.DecodeError: one is no JSON.
    """
    ours, theirs = msgspec.json.decode(here), msgspec.json.decode(there)
    found = list(_walk(_content(ours), _content(theirs), ""))
    if with_tags:
        held = _tags(theirs)
        found += (
            Difference(f"/meta/tag/{n}", _shown(tag), None)
            for n, tag in enumerate(_tags(ours))
            if tag not in held
        )
    return tuple(found)


def _content(resource: object) -> object:
    if not isinstance(resource, dict):
        return resource
    kept = {name: value for name, value in resource.items() if name not in _SERVERS_OWN}
    meta = kept.get("meta")
    if isinstance(meta, dict):
        kept["meta"] = {name: v for name, v in meta.items() if name not in _SERVERS_META}
        profiles = meta.get("profile")
        if isinstance(profiles, list) and all(isinstance(one, str) for one in profiles):
            kept["meta"]["profile"] = sorted(profiles)
    return kept


def _tags(resource: object) -> list[tuple[object, object]]:
    """System and code of the tags; servers share the names of tags between resources."""
    meta = resource.get("meta") if isinstance(resource, dict) else None
    tags = meta.get("tag") if isinstance(meta, dict) else None
    if not isinstance(tags, list):
        return []
    return [(tag.get("system"), tag.get("code")) for tag in tags if isinstance(tag, dict)]


def _walk(here: object, there: object, pointer: str) -> Iterator[Difference]:
    """The differences below a pointer, in the order of our resource."""
    if isinstance(here, dict) and isinstance(there, dict):
        for name in dict.fromkeys((*here, *there)):
            step = str(name).replace("~", "~0").replace("/", "~1")
            below = f"{pointer}/{step}"
            yield from _walk(here.get(name, _NOTHING), there.get(name, _NOTHING), below)
    elif isinstance(here, list) and isinstance(there, list):
        for n, (one, other) in enumerate(zip_longest(here, there, fillvalue=_NOTHING)):
            yield from _walk(one, other, f"{pointer}/{n}")
    elif type(here) is not type(there) or here != there:
        yield Difference(pointer or "/", _side(here), _side(there))


def _side(value: object) -> str | None:
    return None if value is _NOTHING else _shown(value)


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
