"""A release as an npm-style FHIR package: the same bytes for the same resources, on every run."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from defib_coverage.terminology.describing import PUBLISHER
from defib_coverage.terminology.guide import (
    FHIR_VERSION,
    FREE_ID,
    PACKAGE_ID,
    guide_of,
    notices_in,
)
from defib_coverage.terminology.package_texts import licence_text, readme_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.terminology.artifacts import ImplementationGuide
    from defib_coverage.terminology.elements import Artifact
    from defib_coverage.terminology.releases import Release

CORE = "hl7.fhir.r4.core"
_FOLDER = "package"
_INDEX_VERSION = 2
_TOOLS_VERSION = 3
# What the index tells of a resource, as far as the resource says it as a text.
_INDEXED = (
    "resourceType",
    "id",
    "url",
    "version",
    "kind",
    "type",
    "supplements",
    "content",
    "valueSet",
    "derivation",
)
# Names under these belong to nobody: what stands there cannot have been published.
_RESERVED = (".example", ".invalid", ".localhost", ".test", "localhost")


class Package(msgspec.Struct, frozen=True):
    """A package: its name and version, the file, and how many resources of each type are in it."""

    name: str
    version: str
    body: bytes
    counts: Mapping[str, int]

    @property
    def filename(self) -> str:
        """What the file is called."""
        return f"{self.name}-{self.version}.tgz"


def package_of(
    release: Release, resources: Sequence[Artifact], base: str, *, licensed: bool
) -> Package:
    """Pack the resources of a release, and the guide that names them all.

    Args:
        release: the release; its version is the package's.
        resources: what belongs to it, one version for each url.
        base: the canonical base.
        licensed: whether CPT codes are in it: it has another name then.

    Raises:
        ValueError: two resources have the same url, or the same type and id.
    """
    name = PACKAGE_ID if licensed else FREE_ID
    guide = guide_of(name, release, resources, base)
    held = (guide, *resources)
    files = {resource_file(one): as_text(one) for one in held}
    if len(files) != len(held) or len({one.url for one in held}) != len(held):
        message = f"{name} {release.version} holds two resources of one url or id"
        raise ValueError(message)
    notices = notices_in(resources, release, base)
    counts = Counter(type(one).__name__ for one in held)
    whole = {
        "package.json": _formatted(_description_of(guide, release, base)),
        ".index.json": _formatted(_index_of(files)),
        "README.md": readme_text(guide, release, counts, notices, licensed=licensed).encode(),
        "LICENSE": licence_text(guide, notices).encode(),
        **files,
    }
    return Package(name, release.version, _packed(whole), dict(sorted(counts.items())))


def resource_file(resource: Artifact) -> str:
    """What the file of a resource is called."""
    return f"{type(resource).__name__}-{resource.id}.json"


def as_text(resource: Artifact) -> bytes:
    """A resource as JSON that people can read and compare line by line."""
    return _formatted(resource)


def _formatted(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _description_of(guide: ImplementationGuide, release: Release, base: str) -> dict[str, object]:
    """What ``package.json`` says."""
    host = urlsplit(base).hostname or ""
    described: dict[str, object] = {
        "name": guide.package_id,
        "version": release.version,
        "tools-version": _TOOLS_VERSION,
        "type": "Conformance",
        "date": f"{release.published:%Y%m%d}000000",
        "license": guide.license,
        "canonical": base,
        "url": base,
        "homepage": base,
        "title": guide.title,
        "description": guide.description,
        "fhirVersions": [FHIR_VERSION],
        "dependencies": {CORE: FHIR_VERSION},
        "author": PUBLISHER,
        "maintainers": [{"name": PUBLISHER, "url": base}],
        "jurisdiction": "urn:iso:std:iso:3166#US",
        "directories": {"lib": _FOLDER},
    }
    if host.endswith(_RESERVED):
        described["notForPublication"] = True
    return described


def _index_of(files: Mapping[str, bytes]) -> dict[str, object]:
    """What ``.index.json`` says."""
    rows = []
    for filename, text in files.items():
        members = msgspec.json.decode(text, type=dict[str, object])
        row = {"filename": filename}
        for name in _INDEXED:
            value = members.get(name)
            if isinstance(value, str):
                row[name] = value
        rows.append(row)
    return {"index-version": _INDEX_VERSION, "files": rows}


def _packed(files: Mapping[str, bytes]) -> bytes:
    """A compressed archive that names no machine, no user and no hour."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, body in files.items():
            entry = tarfile.TarInfo(f"{_FOLDER}/{name}")
            entry.size = len(body)
            entry.mode = 0o644
            entry.mtime = 0
            tar.addfile(entry, io.BytesIO(body))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(archive.getvalue())
    return packed.getvalue()
