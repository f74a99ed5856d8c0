"""What a FHIR server answers to one that writes: the elements that are read, as structs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Read(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of an answer; other elements are left aside."""


class _Meta(_Read, frozen=True):
    version_id: str | None = None


class Head(_Read, frozen=True):
    """What a resource says of itself."""

    resource_type: str | None = None
    id: str | None = None
    url: str | None = None
    version: str | None = None
    meta: _Meta | None = None

    @property
    def revision(self) -> str | None:
        """The server's own version id, where it could stand in a header."""
        found = None if self.meta is None else self.meta.version_id
        is_plain = (
            found is not None and found.isascii() and found.isprintable() and '"' not in found
        )
        return found if is_plain else None


class _Link(_Read, frozen=True):
    relation: str | None = None
    url: str | None = None


class _Entry(_Read, frozen=True):
    resource: Head | None = None


class Bundle(_Read, frozen=True):
    """A page of a search."""

    resource_type: str | None = None
    link: tuple[_Link, ...] = ()
    entry: tuple[_Entry, ...] = ()

    @property
    def heads(self) -> Iterator[Head]:
        """The resources."""
        return (entry.resource for entry in self.entry if entry.resource is not None)

    @property
    def following(self) -> str | None:
        """The address of the next page."""
        return next((link.url for link in self.link if link.relation == "next"), None)


class _Parameter(_Read, frozen=True):
    name: str | None = None
    value_boolean: bool | None = None
    value_string: str | None = None


class Parameters(_Read, frozen=True):
    """The answer of $validate-code."""

    parameter: tuple[_Parameter, ...] = ()

    @property
    def result(self) -> bool | None:
        """Whether the code is in the value set; None for an answer to something else."""
        return next((p.value_boolean for p in self.parameter if p.name == "result"), None)

    @property
    def message(self) -> str | None:
        """What the server says of it."""
        return next((p.value_string for p in self.parameter if p.name == "message"), None)

    @property
    def lacks_system(self) -> bool:
        """Whether it could not tell, for want of the code system."""
        return any(p.name == "x-caused-by-unknown-system" for p in self.parameter)


class _Named(_Read, frozen=True):
    code: str | None = None
    name: str | None = None


class _Type(_Read, frozen=True):
    type: str | None = None
    interaction: tuple[_Named, ...] = ()
    operation: tuple[_Named, ...] = ()


class _Rest(_Read, frozen=True):
    resource: tuple[_Type, ...] = ()


class Capability(_Read, frozen=True):
    """A CapabilityStatement."""

    resource_type: str | None = None
    fhir_version: str | None = None
    rest: tuple[_Rest, ...] = ()

    def is_closed(self, name: str) -> bool:
        """Whether a type is spoken of, and not as one that can be written."""
        spoken = [one for one in self._types if one.type == name and one.interaction]
        return bool(spoken) and not any(i.code == "update" for o in spoken for i in o.interaction)

    @property
    def is_read_only(self) -> bool:
        """Whether types are spoken of, and none as one that can be written."""
        spoken = [one for one in self._types if one.interaction]
        return bool(spoken) and not any(i.code == "update" for o in spoken for i in o.interaction)

    @property
    def validates(self) -> bool:
        """Whether it says that it answers $validate-code for value sets."""
        return any(
            (operation.name or "").removeprefix("$") == "validate-code"
            for one in self._types
            if one.type == "ValueSet"
            for operation in one.operation
        )

    @property
    def _types(self) -> Iterator[_Type]:
        return (one for rest in self.rest for one in rest.resource)
