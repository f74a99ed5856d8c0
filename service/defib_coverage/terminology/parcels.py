"""What is pushed to another server: resources in the order of writing, marked as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from semver import Version

from defib_coverage.terminology.describing import SOFTWARE
from defib_coverage.terminology.elements import Coding, Meta
from defib_coverage.terminology.resources import ValueSet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from defib_coverage.terminology.elements import Artifact

# A value set is validated against code systems, a plan refers to value sets.
TYPES = ("CodeSystem", "ValueSet", "ConceptMap", "Library", "PlanDefinition")
TAGS = "tags/pushed"


class Probe(msgspec.Struct, frozen=True):
    """A code that a version of a value set must be found to have."""

    url: str
    version: str
    system: str
    code: str


class Parcel(msgspec.Struct, frozen=True):
    """A resource as it is written, and a code to ask for if it is a value set."""

    type: str
    id: str
    url: str
    version: str
    body: bytes
    probe: Probe | None = None

    @property
    def place(self) -> str:
        """Where it is written, below the server's base."""
        return f"{self.type}/{self.id}"

    @property
    def canonical(self) -> str:
        """Url and version."""
        return f"{self.url}|{self.version}"


class Mark(msgspec.Struct, frozen=True):
    """What tells our resources from others on a server: where they come from, and of which data."""

    base: str
    digest: str

    def on(self, meta: Meta | None) -> Meta:
        """A resource's own meta with the mark."""
        coding = Coding(system=f"{self.base}/{TAGS}", code=self.digest, display=SOFTWARE)
        return msgspec.structs.replace(meta or Meta(), source=self.base, tag=(coding,))


def parcels_of(
    resources: Iterable[Artifact], mark: Mark, types: Collection[str] = TYPES
) -> tuple[Parcel, ...]:
    """Resources as they are written: by type, the lower version of a url before the higher.

    Servers take what was written last for the newest, when they are asked for a url alone.

    Args:
        resources: what to push; what stands there twice is written once.
        mark: what they are marked with.
        types: the types to push; what is of another is left out.
    """
    found = {parcel.place: parcel for parcel in _made(resources, mark, types)}
    return tuple(
        sorted(found.values(), key=lambda p: (TYPES.index(p.type), Version.parse(p.version)))
    )


def _made(resources: Iterable[Artifact], mark: Mark, types: Collection[str]) -> Iterator[Parcel]:
    for resource in resources:
        name = str(resource.__struct_config__.tag)
        if name not in types or name not in TYPES:
            continue
        if resource.id is None or resource.url is None or resource.version is None:
            message = f"{name} without an id, a url or a version"
            raise ValueError(message)
        marked = msgspec.structs.replace(resource, meta=mark.on(resource.meta))
        yield Parcel(
            type=name,
            id=resource.id,
            url=resource.url,
            version=resource.version,
            body=msgspec.json.encode(marked),
            probe=_probe(resource) if isinstance(resource, ValueSet) else None,
        )


def _probe(value_set: ValueSet) -> Probe | None:
    """The first code that is in use, else the first."""
    listed = () if value_set.expansion is None else value_set.expansion.contains
    for one in sorted(listed, key=lambda one: one.inactive is True):
        if None not in (one.system, one.code):
            return Probe(str(value_set.url), str(value_set.version), str(one.system), str(one.code))
    return None
