"""CDS Hooks requests: decoded whole in one pass, and resource by resource where that fails."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import (
    BAD,
    RawEntry,
    Unreadable,
    clean,
    read_bundle,
    read_carefully,
)
from defib_coverage.fhir.resources import Resource
from defib_coverage.hooks.envelope import Parts, check_names, check_size, guess, walk
from defib_coverage.hooks.limits import check_text
from defib_coverage.hooks.request import Decoded, Envelope, HookRequest, check_request
from defib_coverage.hooks.undecoded import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.coverage.codes import CodeIndex

_MOST_KEYS = 20_000
_T = TypeVar("_T")


class _CarefulRequest(Envelope):
    prefetch: dict[str, msgspec.Raw] | None = None


class _Key(str):
    """A prefetch key as it is decoded: no two are equal, so that none takes another's place."""

    __slots__ = ()
    __eq__ = object.__eq__
    # By the text, keys of one name would collide: a thousand of them cost a million looks.
    __hash__ = object.__hash__


def _key(_: type, name: object) -> _Key:
    return _Key(name)


_decode_envelope = msgspec.json.Decoder(HookRequest).decode
_decode_prefetch = msgspec.json.Decoder(dict[_Key, Resource | None], dec_hook=_key).decode
_decode_raw = msgspec.json.Decoder(dict[_Key, msgspec.Raw] | None, dec_hook=_key).decode
_decode_careful = msgspec.json.Decoder(_CarefulRequest).decode


def decode_request(body: bytes | bytearray, index: CodeIndex, hook: str | None = None) -> Decoded:
    """Decode a request; one odd resource costs that resource, not the request.

    Args:
        body: the request's body.
        index: tells whether an odd resource would matter.
        hook: the hook of the service that was called; None takes any of the four.

    Raises:
        RequestError: 400 with the place for anything that is no such request, 413 for more than
            a request can hold.
    """
    check_text(body)
    for take_apart in (guess, walk):
        parts = take_apart(body)
        if parts is None:
            continue
        try:
            decoded = _decode(body, parts, index)
        except BAD:
            continue
        check_names(parts.envelope)
        check_request(decoded.request, hook)
        return decoded
    raise _why_not(body)


def _decode(body: bytes | bytearray, parts: Parts, index: CodeIndex) -> Decoded:
    """The envelope, then the prefetch: in one pass, or else resource by resource."""
    check_size(parts.envelope)
    request = _decode_envelope(parts.envelope)
    if not parts.end:
        return Decoded(request, (), body)
    text = memoryview(body)[parts.start : parts.end]
    try:
        request.prefetch = _by_name(_decode_prefetch(text))
    except BAD:
        request.prefetch, unreadable = _carefully(text, index)
        return Decoded(request, unreadable, body)
    return Decoded(request, (), body)


def _carefully(
    text: memoryview, index: CodeIndex
) -> tuple[dict[str, Resource | None], tuple[Unreadable, ...]]:
    """Every resource of the prefetch by itself."""
    unreadable: list[Unreadable] = []
    prefetch = {
        key: read_carefully(key, raw, index, unreadable)
        for key, raw in _by_name(_decode_raw(text) or {}).items()
    }
    # What stands under a key and cannot be read is no answer, not even "nothing".
    lost = {bad.key for bad in unreadable}
    kept = {k: v for k, v in prefetch.items() if v is not None or k not in lost}
    return kept, tuple(unreadable)


def _by_name(keyed: dict[_Key, _T]) -> dict[str, _T]:
    """The prefetch by plain names.

    Raises:
        RequestError: 400 for a key that stands there twice, 413 for more keys than anyone asks for.
    """
    if len(keyed) > _MOST_KEYS:
        message = f"the prefetch has more than {_MOST_KEYS} keys"
        raise RequestError(413, "too-costly", message, "prefetch")
    named = dict(zip(map(str, keyed), keyed.values(), strict=True))
    if len(named) < len(keyed):
        ((twice, _),) = Counter(map(str, keyed)).most_common(1)
        message = "a member stands here twice"
        raise RequestError(400, "structure", message, f"prefetch.{clean(twice)}")
    return named


def _why_not(body: bytes | bytearray) -> RequestError:
    """Why a body is no request."""
    try:
        _decode_careful(body)
    except BAD as error:
        return refusal(body, error)
    return RequestError(400, "structure", "the body is no request", "the body")


def raw_resources(body: bytes | bytearray) -> Iterator[RawEntry]:
    """Every resource of the prefetch as it came, with its full URL."""
    careful = _decode_careful(body)
    for raw in (careful.prefetch or {}).values():
        yield from read_bundle(raw)
