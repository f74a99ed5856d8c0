"""CDS Hooks requests: what they are made of, and what each hook requires of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import BAD, RawBundle, Unreadable
from defib_coverage.fhir.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Sized

HookName = Literal["order-select", "order-sign", "order-dispatch", "appointment-book"]
HOOKS: tuple[HookName, ...] = ("order-select", "order-sign", "order-dispatch", "appointment-book")
# What a header can carry (RFC 6750).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
MOST_ORDERS = 1000
"""Orders or appointments of a call, of whatever kind."""
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


class Envelope(msgspec.Struct, rename="camel"):
    """What stands around the prefetch. A new member needs a default."""

    hook: str
    hook_instance: str
    context: Context
    fhir_server: str | msgspec.UnsetType | None = msgspec.UNSET
    # Clients of every age send it; what of it cannot be read grants nothing.
    fhir_authorization: msgspec.Raw = msgspec.Raw(b"null")
    extension: msgspec.Raw = msgspec.Raw(b"null")


class HookRequest(Envelope):
    """A CDS Hooks request, as far as it is read here."""

    prefetch: dict[str, Resource | None] = {}


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


_decode_authorization = msgspec.json.Decoder(_Authorization).decode


def check_request(request: HookRequest, hook: str | None) -> None:
    """Refuse a request that lacks what CDS Hooks requires, or calls another service.

    Args:
        request: the request.
        hook: the hook of the service that was called; None takes any of the four.

    Raises:
        RequestError: 400 with the place.
    """
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
