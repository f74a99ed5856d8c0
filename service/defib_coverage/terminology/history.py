"""All versions of everything as one transaction that loads them into a FHIR server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.exchanged import Bundle, BundleEntry, BundleRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.terminology.elements import Artifact

# What others build on comes first.
_ORDER = ("CodeSystem", "ValueSet", "ConceptMap", "Library", "PlanDefinition")


def loading_order(resources: Iterable[Artifact]) -> list[Artifact]:
    """The resources as they are loaded: by type, the newest version first, then by url.

    A server that is asked for a url without a version may take the first that it was given.
    """
    by_url = sorted(resources, key=lambda one: one.url or "")
    by_version = sorted(by_url, key=lambda one: _number(one.version), reverse=True)
    return sorted(by_version, key=lambda one: _ORDER.index(type(one).__name__))


def transaction_of(resources: Iterable[Artifact], base: str) -> Bundle:
    """A Bundle that puts every resource under its own id.

    Args:
        resources: what to load, of the types from CodeSystem to PlanDefinition.
        base: the canonical base.
    """
    return Bundle(
        type="transaction", entry=tuple(_entry(r, base) for r in loading_order(resources))
    )


def _entry(resource: Artifact, base: str) -> BundleEntry:
    place = f"{type(resource).__name__}/{resource.id}"
    return BundleEntry(
        full_url=f"{base}/{place}",
        resource=msgspec.Raw(msgspec.json.encode(resource)),
        request=BundleRequest("PUT", place),
    )


def _number(version: str | None) -> tuple[int, ...]:
    """A version of numbers, so that 2022.10.1 comes after 2022.9.1."""
    return tuple(int(part) for part in (version or "0").split("."))
