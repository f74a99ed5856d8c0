"""A hook call with its orders put on another day, or with another order in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.documents.document import InputError
from defib_coverage.fhir.amend import amend, items, members
from defib_coverage.fhir.order_reader import JUDGED_TYPES
from defib_coverage.fhir.raw import BAD, name_of
from defib_coverage.fhir.systems import SYSTEM_URIS
from defib_coverage.hooks.changes import on_day

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date

    from defib_coverage.documents.order_codes import OrderedCode

_DRAFTING = frozenset({"order-select", "order-sign"})
# What another order keeps of the one whose place it takes.
_KEPT = (
    "id",
    "status",
    "intent",
    "subject",
    "encounter",
    "occurrenceDateTime",
    "occurrencePeriod",
    "authoredOn",
    "requester",
    "reasonCode",
    "reasonReference",
    "insurance",
)
_encode = msgspec.json.Encoder().encode


def redated(body: bytes, orders: Collection[str], day: date) -> bytes:
    """A call with its orders, or the appointments that it books, on another day.

    Args:
        body: the call.
        orders: the orders to move, by reference.
        day: where to.
    """

    def moved(resource: msgspec.Raw, position: int) -> msgspec.Raw:
        kind, identifier = name_of(resource)
        if kind == "Appointment":
            return _appointment_on(resource, day)
        named = f"{kind}/{identifier or f'entry-{position}'}"
        return on_day(resource, day) if named in orders else resource

    call = members(msgspec.Raw(body))
    context = members(call["context"])
    for name in ("draftOrders", "appointments"):
        if name in context:
            context[name] = _each(context[name], moved)
    changes: dict[str, bytes | None] = {"context": _encode(context)}
    if "dispatchedOrders" in context and bytes(call.get("prefetch", b"null")) != b"null":
        prefetch = members(call["prefetch"])
        found = {name: _each(value, moved) for name, value in prefetch.items()}
        changes["prefetch"] = _encode(found)
    return bytes(amend(msgspec.Raw(body), changes))


def reordered(body: bytes, wanted: str, code: OrderedCode) -> bytes:
    """A call that orders one thing: another code in the place of one of its orders.

    Args:
        body: the call.
        wanted: the order whose place is taken, by reference.
        code: what is ordered instead.

    Raises:
        InputError: the call drafts no orders.
    """
    call = members(msgspec.Raw(body))
    hook = msgspec.json.decode(call["hook"])
    if hook not in _DRAFTING:
        message = f"Order: the call is of the hook {hook}, whose orders stand already: leave it"
        raise InputError(message)
    context = members(call["context"])
    bundle = members(context["draftOrders"])
    entries = items(bundle.get("entry")) or []
    found = [members(entry).get("resource") for entry in entries]
    named = [None if one is None else name_of(one) for one in found]
    at = next(
        (
            n
            for n, name in enumerate(named)
            if name is not None and f"{name[0]}/{name[1] or f'entry-{n}'}" == wanted
        ),
        None,
    )
    before = {} if at is None else members(found[at] or msgspec.Raw(b"{}"))
    order = {name: before[name] for name in _KEPT if name in before}
    concept = {"coding": [{"system": SYSTEM_URIS[code.system][0], "code": code.code}]}
    in_member = "code" if code.resource_type == "ServiceRequest" else "codeCodeableConcept"
    order["resourceType"] = msgspec.Raw(_encode(code.resource_type))
    order[in_member] = msgspec.Raw(_encode(concept))
    bundle["entry"] = msgspec.Raw(_encode([{"resource": order}]))
    context["draftOrders"] = msgspec.Raw(_encode(bundle))
    if "selections" in context and "id" in order:
        chosen = [f"{code.resource_type}/{msgspec.json.decode(order['id'])}"]
        context["selections"] = msgspec.Raw(_encode(chosen))
    return bytes(amend(msgspec.Raw(body), {"context": _encode(context)}))


def _each(value: msgspec.Raw, changed: Callable[[msgspec.Raw, int], msgspec.Raw]) -> msgspec.Raw:
    """A Bundle with its resources changed, or a resource by itself."""
    kind, _ = name_of(value)
    if kind in JUDGED_TYPES:
        return changed(value, 0)
    if kind != "Bundle":
        return value
    bundle = members(value)
    entries = items(bundle.get("entry")) or []
    found: list[msgspec.Raw] = []
    for position, entry in enumerate(entries):
        try:
            resource = members(entry).get("resource")
        except BAD:
            resource = None
        if resource is None or name_of(resource)[0] not in {*JUDGED_TYPES, "Appointment"}:
            found.append(entry)
            continue
        found.append(amend(entry, {"resource": bytes(changed(resource, position))}))
    return amend(value, {"entry": _encode(found)}) if entries else value


def _appointment_on(resource: msgspec.Raw, day: date) -> msgspec.Raw:
    """An appointment at the same hour of another day."""
    changes: dict[str, bytes | None] = {}
    for name in ("start", "end"):
        try:
            text = msgspec.json.decode(members(resource).get(name, b"null"), type=str)
        except BAD:
            continue
        changes[name] = _encode(f"{day}{text[10:]}")
    return amend(resource, changes)
