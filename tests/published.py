"""Fixtures: everything that is published, as it is written, and the guides of its packages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from defib_coverage.publication import read_catalogue
from defib_coverage.terminology.guide import FREE_ID, PACKAGE_ID, guide_of
from published_facts import BASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.elements import Artifact
    from defib_coverage.terminology.releases import Release

Json = dict[str, Any]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Everything that is published."""
    return read_catalogue(BASE)


@pytest.fixture(scope="session")
def packages(catalogue: Catalogue) -> Mapping[tuple[str, bool], tuple[Artifact, ...]]:
    """What each package holds, its guide among it: by version, with CPT codes and without."""
    return {
        (release.version, licensed): tuple(_packed(catalogue, release, licensed=licensed))
        for release in catalogue.releases.all
        for licensed in (True, False)
    }


def _packed(catalogue: Catalogue, release: Release, *, licensed: bool) -> Iterator[Artifact]:
    held = (catalogue if licensed else catalogue.free()).of(release)
    yield from held
    yield guide_of(PACKAGE_ID if licensed else FREE_ID, release, held, catalogue.base)


@pytest.fixture(scope="session")
def contents(
    packages: Mapping[tuple[str, bool], tuple[Artifact, ...]],
) -> Mapping[tuple[str, bool], tuple[Json, ...]]:
    """The same, as it is written."""
    return {key: tuple(map(written, held)) for key, held in packages.items()}


@pytest.fixture(scope="session")
def documents(contents: Mapping[tuple[str, bool], tuple[Json, ...]]) -> tuple[Json, ...]:
    """Every published resource once, as it is written."""
    found = {
        (one["resourceType"], one["id"], one["version"]): one
        for held in contents.values()
        for one in held
    }
    return tuple(found.values())


@pytest.fixture(scope="session")
def value_sets(documents: tuple[Json, ...]) -> tuple[Json, ...]:
    """Every published value set."""
    return tuple(one for one in documents if one["resourceType"] == "ValueSet")


def written(resource: Artifact) -> Json:
    """A resource as it is written."""
    found: Json = json.loads(msgspec.json.encode(resource))
    return found
