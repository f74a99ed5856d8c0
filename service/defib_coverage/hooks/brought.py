"""What a call brings along for its orders to point at: records by name, orders, Devices."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from defib_coverage.fhir.order_devices import Devices
from defib_coverage.fhir.order_reader import JUDGED_TYPES
from defib_coverage.fhir.raw import RawBundle, decode_resource, name_of
from defib_coverage.fhir.resources import Bundle, Entry
from defib_coverage.hooks.wire import raw_resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from defib_coverage.hooks.request import Decoded


class Brought:
    """What stands in a call; each part is looked for when it is first asked for."""

    def __init__(self, decoded: Decoded) -> None:
        """Look in a call."""
        self._decoded = decoded

    @cached_property
    def names(self) -> Mapping[str | None, str]:
        """``Type/id`` of every record by the URL of its entry; a walk through the whole body."""
        return {
            entry.full_url: "/".join(map(str, name_of(entry.resource)))
            for entry in raw_resources(self._decoded.body)
        }

    def orders(self) -> dict[str, msgspec.Raw]:
        """The orders under any prefetch key, as they came, by reference; a walk through it all."""
        found: dict[str, msgspec.Raw] = {}
        for entry in raw_resources(self._decoded.body):
            resource_type, identifier = name_of(entry.resource)
            if resource_type in JUDGED_TYPES and identifier is not None:
                found[f"{resource_type}/{identifier}"] = entry.resource
        return found

    @cached_property
    def devices(self) -> Devices:
        """The Devices under any prefetch key, or beside the draft orders."""
        devices = Devices()
        for value in self._decoded.request.prefetch.values():
            for entry in value.entry if isinstance(value, Bundle) else (Entry(resource=value),):
                devices.add(entry.resource, entry.full_url)
        for one in (self._decoded.request.context.draft_orders or RawBundle()).entry:
            if name_of(one.resource)[0] == "Device":
                devices.add(decode_resource(one.resource), one.full_url)
        return devices
