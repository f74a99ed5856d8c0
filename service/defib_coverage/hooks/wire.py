"""CDS Hooks requests: decoded whole in one pass, and resource by resource where that fails."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import (
    BAD,
    RawBundle,
    RawEntry,
    Unreadable,
    clean,
    read_bundle,
    read_carefully,
)
from defib_coverage.fhir.resources import Resource
from defib_coverage.hooks.configuration import Configuration, read_configuration
from defib_coverage.hooks.envelope import Parts, check_names, check_size, guess, walk
from defib_coverage.hooks.limits import check_text
from defib_coverage.hooks.undecoded import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized

    from defib_coverage.coverage.codes import CodeIndex

HookName = Literal["order-select", "order-sign", "order-dispatch", "appointment-book"]
HOOKS: tuple[HookName, ...] = ("order-select", "order-sign", "order-dispatch", "appointment-book")
# What a header can carry (RFC 6750).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
MOST_ORDERS = 1000
"""Orders or appointments of a call, of whatever kind."""
_MOST_KEYS = 20_000
_T = TypeVar("_T")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Context(msgspec.Struct, rename="camel"):
    """The context of any of the four hooks; which members a hook requires is checked after."""

    patient_id: str | None = None
    user_id: str | None = None
    encounter_id: str | None = None
    draft_orders: RawBundle | None = None
    selections: list[str] | None = None
    dispatched_orders: list[str] | None = None
    performer: str | None = None
    appointments: RawBundle | None = None


# The members that a hook requires, and the fields that they are read to.
REQUIRED_CONTEXT: dict[HookName, dict[str, str]] = {
    "order-select": {
        "userId": "user_id",
        "patientId": "patient_id",
        "selections": "selections",
        "draftOrders": "draft_orders",
    },
    "order-sign": {
        "userId": "user_id",
        "patientId": "patient_id",
        "draftOrders": "draft_orders",
    },
    "order-dispatch": {
        "patientId": "patient_id",
        "dispatchedOrders": "dispatched_orders",
        "performer": "performer",
    },
    "appointment-book": {
        "userId": "user_id",
        "patientId": "patient_id",
        "appointments": "appointments",
    },
}


class _Envelope(msgspec.Struct, rename="camel"):
    """What stands around the prefetch. A new member needs a default."""

    hook: str
    hook_instance: str
    context: Context
    fhir_server: str | msgspec.UnsetType | None = msgspec.UNSET
    # Clients of every age send it; what of it cannot be read grants nothing.
    fhir_authorization: msgspec.Raw = msgspec.Raw(b"null")
    extension: msgspec.Raw = msgspec.Raw(b"null")


class HookRequest(_Envelope):
    """A CDS Hooks request, as far as it is read here."""

    prefetch: dict[str, Resource | None] = {}


class _CarefulRequest(_Envelope):
    prefetch: dict[str, msgspec.Raw] | None = None


class _Authorization(msgspec.Struct):
    access_token: str = ""
    token_type: str = "Bearer"  # noqa: S105 - the kind of a token, no secret


class Decoded(msgspec.Struct, frozen=True):
    """A request, the resources of it that could not be read, and the body it came in."""

    request: HookRequest
    unreadable: tuple[Unreadable, ...]
    body: bytes | bytearray

    @property
    def patient_id(self) -> str:
        """The id of the call's patient."""
        return (self.request.context.patient_id or "").removeprefix("Patient/")

    @property
    def configuration(self) -> Configuration:
        """What the call asks for.

        Raises:
            RequestError: 400 for a version of CRD that is not spoken.
        """
        return read_configuration(self.request.extension)

    @property
    def fhir_server(self) -> str | None:
        """The base URL that the call names."""
        return self.request.fhir_server or None

    @property
    def access_token(self) -> str | None:
        """The token for the FHIR server, if there is one that can be used. Never keep or log it."""
        try:
            granted = _decode_authorization(self.request.fhir_authorization)
        except BAD:
            return None
        token = granted.access_token.strip()
        usable = granted.token_type.lower() == "bearer" and _TOKEN.fullmatch(token)
        return token if usable else None


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
_decode_authorization = msgspec.json.Decoder(_Authorization).decode
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
        _check_envelope(decoded.request, hook)
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


def _check_envelope(request: HookRequest, hook: str | None) -> None:
    """The members that CDS Hooks requires, and the hook that was called."""
    if hook is not None and request.hook != hook:
        message = f"this service answers the hook {hook}"
        raise RequestError(400, "value", message, "hook")
    if request.hook not in HOOKS:
        message = "the hook is none of " + ", ".join(HOOKS)
        raise RequestError(400, "value", message, "hook")
    if _UUID.fullmatch(request.hook_instance) is None:
        raise RequestError(400, "value", "hookInstance is not a UUID", "hookInstance")
    if request.fhir_server is msgspec.UNSET and bytes(request.fhir_authorization) != b"null":
        message = "fhirServer must be given with fhirAuthorization"
        raise RequestError(400, "required", message, "fhirServer")
    context = request.context
    for name, attribute in REQUIRED_CONTEXT[request.hook].items():
        value = getattr(context, attribute)
        if value is None or value == "":
            raise RequestError(400, "required", f"{name} is missing", f"context.{name}")
    _check_orders("draftOrders", context.draft_orders)
    _check_orders("appointments", context.appointments)
    _check_number("selections", context.selections)
    _check_number("dispatchedOrders", context.dispatched_orders)


def _check_orders(name: str, bundle: RawBundle | None) -> None:
    """A Bundle of no more orders than a person can have drafted.

    Raises:
        RequestError: 400 with the place.
    """
    if bundle is None:
        return
    if bundle.resource_type != "Bundle":
        message = f"{name} is not a Bundle"
        raise RequestError(400, "structure", message, f"context.{name}.resourceType")
    _check_number(f"{name}.entry", bundle.entry)


def _check_number(name: str, orders: Sized | None) -> None:
    if orders is not None and len(orders) > MOST_ORDERS:
        message = f"more than {MOST_ORDERS} in one call"
        raise RequestError(400, "too-costly", message, f"context.{name}")


def raw_resources(body: bytes | bytearray) -> Iterator[RawEntry]:
    """Every resource of the prefetch as it came, with its full URL."""
    careful = _decode_careful(body)
    for raw in (careful.prefetch or {}).values():
        yield from read_bundle(raw)
