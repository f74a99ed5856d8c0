"""What every published resource says of itself: names, days, publisher, jurisdiction, context."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, TypedDict

from defib_coverage import __version__
from defib_coverage.terminology.elements import (
    CodeableConcept,
    Coding,
    ContactDetail,
    ContactPoint,
    Extension,
    Identifier,
    Period,
    RelatedArtifact,
    UsageContext,
)

if TYPE_CHECKING:
    from defib_coverage.terminology.releases import Release

EXTENSIONS = "http://hl7.org/fhir/StructureDefinition"
CRMI = "http://hl7.org/fhir/uv/crmi/StructureDefinition"
PUBLISHER = "defib-coverage"
_CONTEXT = "http://terminology.hl7.org/CodeSystem/usage-context-type"
_US = (CodeableConcept((Coding(system="urn:iso:std:iso:3166", code="US"),)),)
_CAPABILITIES = ("shareable", "computable", "publishable")


class Described(TypedDict):
    """The elements that all canonical resources share."""

    url: str
    version: str
    name: str
    title: str
    status: str
    experimental: bool
    date: str
    publisher: str
    contact: tuple[ContactDetail, ...]
    jurisdiction: tuple[CodeableConcept, ...]
    use_context: tuple[UsageContext, ...]


def describe(
    url: str, release: Release, title: str, name: str, focus: str | None = None
) -> Described:
    """The elements that all canonical resources share.

    Args:
        url: the canonical url.
        release: what it belongs to.
        title: for people.
        name: for machines, of words with hyphens between.
        focus: the device or indication that it is about; the whole policy by default.
    """
    base = url.rsplit("/", 2)[0]
    policy = release.policy
    return Described(
        url=url,
        version=release.version,
        name=machine_name(name),
        title=title,
        status="active",
        experimental=False,
        date=release.published.isoformat(),
        publisher=PUBLISHER,
        contact=(ContactDetail(PUBLISHER, (ContactPoint("url", base),)),),
        jurisdiction=_US,
        use_context=(
            UsageContext(
                Coding(system=_CONTEXT, code="program"),
                CodeableConcept(text=f"Medicare: {policy.citation.partition(',')[0]}"),
            ),
            UsageContext(
                Coding(system=_CONTEXT, code="focus"), CodeableConcept(text=focus or policy.title)
            ),
        ),
    )


def identified(url: str, version: str) -> Identifier:
    """The business identifier of one version of a resource."""
    return Identifier("urn:ietf:rfc:3986", f"urn:uuid:{stable_id(url, version)}")


def machine_name(words: str) -> str:
    """A name for machines: ``b1-diagnoses`` becomes ``B1Diagnoses``."""
    return "".join(word[:1].upper() + word[1:] for word in words.split("-"))


def stable_id(*parts: str) -> str:
    """The same UUID for the same parts, on every machine and on every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join(parts)))


def period_of(release: Release) -> Period:
    """The days of a release."""
    until = None if release.until is None else release.until.isoformat()
    return Period(release.effective.isoformat(), until)


def artifact_extensions(
    release: Release, cite: str | None = None, *, has_elements: bool = False
) -> tuple[Extension, ...]:
    """What R4 has no elements for: days, capability, versions, the sources.

    Args:
        release: what the resource belongs to.
        cite: the paragraph of the policy behind it, by its id.
        has_elements: days and sources stand in elements, as those of a Library do.
    """
    days = Extension(f"{EXTENSIONS}/resource-effectivePeriod", value_period=period_of(release))
    return (
        *(() if has_elements else (days,)),
        *(Extension(f"{EXTENSIONS}/cqf-knowledgeCapability", value_code=c) for c in _CAPABILITIES),
        Extension(
            f"{EXTENSIONS}/artifact-versionAlgorithm",
            value_coding=Coding(system="http://hl7.org/fhir/version-algorithm", code="semver"),
        ),
        Extension(
            f"{EXTENSIONS}/artifact-versionPolicy",
            value_codeable_concept=CodeableConcept(
                (
                    Coding(
                        system="http://terminology.hl7.org/CodeSystem/artifact-version-policy-codes",
                        # Codes never change within a version; a title may be put better.
                        code="metadata",
                    ),
                )
            ),
        ),
        *(
            Extension(f"{EXTENSIONS}/artifact-relatedArtifact", value_related_artifact=source)
            for source in (() if has_elements else sources(release, cite))
        ),
    )


def citation_of(release: Release) -> str:
    """The determination and the article, with the revisions of the release."""
    determination = release.policy.citation.partition(",")[0]
    article = f"billing article {release.policy.article}"
    return f"{determination}, {article} {', '.join(release.revisions)}"


def sources(release: Release, cite: str | None = None) -> tuple[RelatedArtifact, ...]:
    """The documents behind a resource: the determination, the article with its revision."""
    policy = release.policy
    paragraph = "" if cite is None else f" {cite}: {policy.paragraphs[cite]}"
    revisions = ", ".join(release.revisions)
    return (
        RelatedArtifact(
            "derived-from", display=f"NCD {policy.id.removeprefix('ncd-')}", url=policy.ncd_url
        ),
        RelatedArtifact(
            "derived-from",
            display=f"Article {policy.article}, {revisions}",
            citation=f"Article {policy.article}, {revisions}.{paragraph}",
            url=policy.article_url,
        ),
    )


SOFTWARE = f"{PUBLISHER} {__version__}"
"""What the resources were made with."""
