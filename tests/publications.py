"""What is published, for tests: made once, unpacked, and the CPT numbers in it."""

from __future__ import annotations

import io
import json
import tarfile
from functools import cache
from typing import TYPE_CHECKING, Any

from defib_coverage.fhir.systems import CANONICAL_BASE
from defib_coverage.publication import read_catalogue
from defib_coverage.terminology.package import package_of

if TYPE_CHECKING:
    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.package import Package

Json = dict[str, Any]
BASE = CANONICAL_BASE
CPT_URI = "http://www.ama-assn.org/go/cpt"
VERSIONS = ("2018.2.15", "2019.10.1", "2021.10.1", "2022.10.1", "2023.1.1")


@cache
def catalogue() -> Catalogue:
    """Everything that is published."""
    return read_catalogue(BASE)


@cache
def packed(version: str, *, licensed: bool) -> Package:
    """The package of a version."""
    release = catalogue().releases.versioned(version)
    assert release is not None
    held = catalogue() if licensed else catalogue().free()
    return package_of(release, held.of(release), BASE, licensed=licensed)


def unpacked(body: bytes) -> dict[str, bytes]:
    """The files of a package by their names in it, in their order."""
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar}
        return {name: file.read() for name, file in files.items() if file is not None}


def resources_in(body: bytes) -> dict[str, Json]:
    """The resources of a package by their files' names."""
    return {
        name.removeprefix("package/"): json.loads(text)
        for name, text in unpacked(body).items()
        if "-" in name and name.endswith(".json")
    }


def cpt_numbers() -> frozenset[str]:
    """Every CPT code that we publish anywhere."""
    return frozenset(
        member.code
        for sets in catalogue().sets.values()
        for one in sets
        for member in one.members
        if member.uri == CPT_URI
    )
