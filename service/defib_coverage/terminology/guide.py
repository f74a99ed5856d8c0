"""A package of resources as a FHIR ImplementationGuide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.fhir.systems import published_uri
from defib_coverage.terminology.artifacts import (
    GuideDefinition,
    GuideDependency,
    GuideResource,
    ImplementationGuide,
)
from defib_coverage.terminology.describing import CRMI, artifact_extensions, citation_of, describe
from defib_coverage.terminology.elements import Meta, Reference
from defib_coverage.terminology.resources import ConceptMap, ValueSet
from defib_coverage.terminology.systems import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.terminology.elements import Artifact
    from defib_coverage.terminology.releases import Release

FHIR_VERSION = "4.0.1"
PACKAGE_ID = "defib-coverage.ncd20-4"
FREE_ID = f"{PACKAGE_ID}.without-cpt"
# A package with codes that have owners is not as free as what is ours.
CLOSED, OPEN = "not-open-source", "Apache-2.0"


def guide_of(
    package_id: str, release: Release, resources: Sequence[Artifact], base: str
) -> ImplementationGuide:
    """The guide of a package.

    Args:
        package_id: the package's name.
        release: the release that is packed.
        resources: what is in it.
        base: the canonical base.
    """
    notices = notices_in(resources, release, base)
    return ImplementationGuide(
        id=package_id,
        meta=Meta(
            profile=tuple(
                f"{CRMI}/crmi-{kind}implementationguide" for kind in ("shareable", "publishable")
            )
        ),
        extension=artifact_extensions(release),
        **describe(
            f"{base}/ImplementationGuide/{package_id}",
            release,
            f"{release.policy.title}: value sets",
            "ncd204-value-sets",
        ),
        description=(
            f"Value sets, code systems, maps and the policy of {citation_of(release)}. "
            f"{release.title}."
        ),
        copyright=" ".join(notices) or None,
        package_id=package_id,
        license=CLOSED if notices else OPEN,
        fhir_version=(FHIR_VERSION,),
        depends_on=(
            GuideDependency(
                "http://hl7.org/fhir/ImplementationGuide/hl7.fhir.r4.core",
                "hl7.fhir.r4.core",
                FHIR_VERSION,
            ),
        ),
        definition=GuideDefinition(
            tuple(
                GuideResource(
                    Reference(f"{one.__struct_config__.tag}/{one.id}"),
                    name=one.title,
                    description=one.description,
                    example_boolean=False,
                )
                for one in resources
            )
        ),
    )


def notices_in(resources: Iterable[Artifact], release: Release, base: str) -> tuple[str, ...]:
    """What the owners want to be told whose codes are in any of the resources, once each."""
    used: set[str | None] = set()
    for one in resources:
        if isinstance(one, ValueSet) and one.compose is not None:
            used.update(include.system for include in one.compose.include)
        elif isinstance(one, ConceptMap):
            used.update(uri for group in one.group for uri in (group.source, group.target))
    texts = (
        facts.notice_on(release.effective)
        for name, facts in FACTS.items()
        if published_uri(name, base) in used
    )
    return tuple(text for text in texts if text is not None)
