"""What a DeviceRequest orders where it names a Device: one inside it, sent along, or read.

Whose the Device is does not matter here: its type says what is ordered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.fhir.amend import items
from defib_coverage.fhir.raw import decode_resource
from defib_coverage.fhir.references import is_id, tail
from defib_coverage.fhir.resources import Device

if TYPE_CHECKING:
    from defib_coverage.fhir.resources import CodeableConcept, Order, Resource


class Devices:
    """The Devices at hand, by every name that an order may have for them."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[str, Device] = {}

    def add(self, resource: Resource | None, full_url: str | None = None) -> None:
        """Take a resource, if it is a Device."""
        if not isinstance(resource, Device):
            return
        for name in (full_url, f"Device/{resource.id}" if resource.id else None):
            if name is not None:
                self._known.setdefault(tail(name), resource)

    def name(self, order: Order) -> str | None:
        """``Device/id`` of what an order names, if it is none inside it."""
        reference = reference_to_device(order)
        found = None if reference is None else self._find(reference)
        name = tail(reference or "") if found is None else f"Device/{found.id or ''}"
        kind, _, identifier = name.partition("/")
        return name if kind == "Device" and is_id(identifier) else None

    def ordered_as(self, order: Order) -> CodeableConcept | None:
        """The type of the Device that an order names; None where it is not at hand."""
        reference = reference_to_device(order)
        if reference is None:
            return None
        found = _inside(order, reference) or self._find(reference)
        return None if found is None else found.type

    def missing(self, order: Order) -> str | None:
        """``Device/id`` of what an order names and is not at hand."""
        reference = reference_to_device(order)
        if reference is None or self._find(reference) is not None:
            return None
        return self.name(order)

    def _find(self, reference: str) -> Device | None:
        return self._known.get(tail(reference))


def reference_to_device(order: Order) -> str | None:
    """What a DeviceRequest has in place of a code."""
    if order.resource_type != "DeviceRequest" or order.code_reference is None:
        return None
    return order.code_reference.reference


def _inside(order: Order, reference: str) -> Device | None:
    """The Device inside an order that it names by ``#id``."""
    if not reference.startswith("#"):
        return None
    for text in items(order.contained) or ():
        resource = decode_resource(text)
        if isinstance(resource, Device) and resource.id == reference[1:]:
            return resource
    return None
