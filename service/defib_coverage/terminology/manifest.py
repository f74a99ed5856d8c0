"""The manifest of a release as a FHIR Library: what belongs to it, and which versions it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.fhir.systems import published_uri
from defib_coverage.terminology.artifacts import Library
from defib_coverage.terminology.describing import (
    CRMI,
    EXTENSIONS,
    artifact_extensions,
    describe,
    identified,
    period_of,
    sources,
)
from defib_coverage.terminology.elements import (
    CodeableConcept,
    Coding,
    Extension,
    Meta,
    Parameter,
    Parameters,
    Reference,
    RelatedArtifact,
)
from defib_coverage.terminology.resources import ValueSet
from defib_coverage.terminology.systems import FACTS, release_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from defib_coverage.terminology.elements import Artifact
    from defib_coverage.terminology.releases import Release

MANIFEST = "ncd-20.4-manifest"
FREE_MANIFEST = f"{MANIFEST}-without-cpt"
_EXPANSION = "expansion-parameters"


def manifest_of(name: str, release: Release, parts: Sequence[Artifact], base: str) -> Library:
    """The manifest of a release.

    Args:
        name: its own name: there is one with CPT codes and one without.
        release: the release.
        parts: every resource that belongs to it.
        base: the canonical base.
    """
    value_sets = tuple(part for part in parts if isinstance(part, ValueSet))
    pinned = sorted(
        {
            f"{include.system}|{include.version}"
            for value_set in value_sets
            if value_set.compose is not None
            for include in value_set.compose.include
            if include.version is not None and not (include.system or "").startswith(base)
        }
    )
    policy = release.policy
    contained = Parameters(id=_EXPANSION, parameter=tuple(_parameters(release, pinned, value_sets)))
    reference = Extension(
        f"{EXTENSIONS}/cqf-expansionParameters", value_reference=Reference(f"#{_EXPANSION}")
    )
    url = f"{base}/Library/{name}"
    title = f"{policy.title}: what belongs to {', '.join(release.revisions)}"
    return Library(
        id=f"{name}-{release.version}",
        meta=Meta(profile=tuple(f"{CRMI}/crmi-{kind}library" for kind in _PROFILES)),
        contained=(contained,),
        extension=(*artifact_extensions(release, has_elements=True), reference),
        identifier=(identified(url, release.version),),
        **describe(url, release, title, name.replace(".", "")),
        description=f"Every resource of the release, each with its version. {release.title}.",
        purpose="Pins what a decision about a service date reads, so that it can be made again.",
        type=CodeableConcept(
            (
                Coding(
                    system="http://terminology.hl7.org/CodeSystem/library-type",
                    code="asset-collection",
                ),
            )
        ),
        approval_date=release.published.isoformat(),
        effective_period=period_of(release),
        related_artifact=(
            *sources(release),
            *(_owned(part) for part in parts),
            *(RelatedArtifact("depends-on", resource=one) for one in pinned),
        ),
    )


_PROFILES = ("shareable", "publishable", "manifest")


def _owned(part: Artifact) -> RelatedArtifact:
    return RelatedArtifact(
        "composed-of",
        extension=(Extension(f"{EXTENSIONS}/artifact-isOwned", value_boolean=True),),
        display=part.title,
        resource=f"{part.url}|{part.version}",
    )


def _parameters(
    release: Release, pinned: Sequence[str], value_sets: Iterable[ValueSet]
) -> Iterator[Parameter]:
    """How the value sets of the release are to be expanded."""
    yield Parameter("activeOnly", value_boolean=False)
    for one in _in_force(release, pinned):
        yield Parameter("system-version", value_canonical=one)
    for value_set in value_sets:
        canonical = f"{value_set.url}|{value_set.version}"
        yield Parameter("default-valueset-version", value_canonical=canonical)


def _in_force(release: Release, pinned: Sequence[str]) -> Iterator[str]:
    """One release for each code system that is pinned: the one in force on the first day.

    Charts hold codes of other years, so value sets of evidence may pin later ones.
    """
    named = {
        f"{published_uri(alias, '')}|{release_of(alias, release.effective)}" for alias in FACTS
    }
    yield from (one for one in pinned if one in named)
