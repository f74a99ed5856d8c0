"""A package of resources as a FHIR ImplementationGuide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.terminology.artifacts import (
    GuideDefinition,
    GuideDependency,
    GuideResource,
    ImplementationGuide,
)
from defib_coverage.terminology.catalogue import names_cpt
from defib_coverage.terminology.describing import CRMI, artifact_extensions, citation_of, describe
from defib_coverage.terminology.elements import Meta, Reference
from defib_coverage.terminology.systems import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.terminology.elements import Artifact
    from defib_coverage.terminology.releases import Release

FHIR_VERSION = "4.0.1"
PACKAGE_ID = "defib-coverage.ncd20-4"
FREE_ID = f"{PACKAGE_ID}.without-cpt"
# A package that names CPT codes is not free to pass on.
LICENSED, FREE = "not-open-source", "Apache-2.0"


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
    is_licensed = any(names_cpt(one) for one in resources)
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
        copyright=FACTS["cpt"].notice_on(release.effective) if is_licensed else None,
        package_id=package_id,
        license=LICENSED if is_licensed else FREE,
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
