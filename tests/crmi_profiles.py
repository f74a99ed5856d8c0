"""What the CRMI profiles that are claimed ask of a resource, as data.

Taken from the profiles on R4 of CRMI 2: elements that must be there or must not, fixed values,
extensions that must be there, constraints. What a profile asks a receiver to support is no duty of
a resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

CRMI = "http://hl7.org/fhir/uv/crmi/StructureDefinition/"
_CORE = "http://hl7.org/fhir/StructureDefinition"


class Profile(msgspec.Struct, frozen=True):
    """A profile: ``required`` and ``absent`` are elements, ``fixed`` their values by FHIRPath.

    ``base`` is the profile that it is built on. ``extensions`` are the urls of extensions that
    stand exactly once, ``single`` of those that stand at most once; ``constraints`` are FHIRPath by
    their keys.
    """

    type: str
    base: str | None = None
    required: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = {}
    extensions: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    constraints: Mapping[str, str] = {}


_NAMED = ("url", "version", "title", "description", "name", "status")
_VERSIONED = (f"{_CORE}/artifact-versionAlgorithm", f"{_CORE}/artifact-versionPolicy")
_USAGE_WARNING = (
    "This value set contains a point-in-time expansion enumerating the codes that meet the value "
    "set intent. As new versions of the code systems used by the value set are released, the "
    "contents of this expansion will need to be updated to incorporate newly defined codes that "
    "meet the value set intent. Before, and periodically during production use, the value set "
    "expansion contents SHOULD be updated."
)
_WARNING = f"{_CORE}/valueset-warning"
_ONE_TARGET = (
    "(resource.exists() xor extension.where(url = "
    "'http://hl7.org/fhir/5.0/StructureDefinition/extension-RelatedArtifact.resourceReference')"
    ".exists())"
)
PROFILES: Mapping[str, Profile] = {
    "crmi-shareablevalueset": Profile(
        "ValueSet", required=(*_NAMED, "experimental"), single=_VERSIONED
    ),
    "crmi-publishablevalueset": Profile(
        "ValueSet",
        required=("date",),
        single=(f"{_CORE}/resource-effectivePeriod", f"{_CORE}/valueset-trusted-expansion"),
    ),
    "crmi-computablevalueset": Profile(
        "ValueSet",
        base="crmi-shareablevalueset",
        absent=("compose.lockedDate",),
        constraints={
            "cvs-1": f"extension.where(url = '{_CORE}/valueset-rules-text').exists() xor "
            f"extension.where(url = '{_CORE}/valueset-expression').exists() xor compose.exists()",
        },
    ),
    "crmi-expandedvalueset": Profile(
        "ValueSet",
        required=("expansion", "expansion.timestamp"),
        extensions=(_WARNING,),
        fixed={f"extension.where(url = '{_WARNING}').value": _USAGE_WARNING},
        constraints={
            "evs-1": "expansion.contains.version.exists() xor "
            "expansion.parameter.where(name = 'system-version').exists()",
            "evs-1 in each": "expansion.contains.all(version.exists())",
            "contains.code": "expansion.contains.all(code.exists())",
        },
    ),
    "crmi-shareablecodesystem": Profile(
        "CodeSystem",
        required=(*_NAMED, "experimental", "caseSensitive", "content"),
        single=_VERSIONED,
        constraints={
            "scs-1": "concept.concept.exists() implies hierarchyMeaning.exists()",
            "scs-2": "(content in ('example' | 'fragment' | 'complete')) implies concept.exists()",
        },
    ),
    "crmi-publishablecodesystem": Profile(
        "CodeSystem", base="crmi-shareablecodesystem", required=("date",)
    ),
    "crmi-shareableconceptmap": Profile(
        "ConceptMap", required=(*_NAMED, "experimental"), single=_VERSIONED
    ),
    "crmi-publishableconceptmap": Profile(
        "ConceptMap", required=("date",), single=(f"{_CORE}/resource-effectivePeriod",)
    ),
    "crmi-shareablelibrary": Profile("Library", required=_NAMED, single=_VERSIONED),
    "crmi-publishablelibrary": Profile("Library", required=("type", "date")),
    "crmi-manifestlibrary": Profile(
        "Library",
        required=("type",),
        absent=("content",),
        fixed={
            "type.coding.system": "http://terminology.hl7.org/CodeSystem/library-type",
            "type.coding.code": "asset-collection",
        },
        single=(f"{_CORE}/cqf-expansionParameters", f"{_CORE}/cqf-cqlOptions"),
        constraints={
            "component": "relatedArtifact.where(type = 'composed-of').all(resource.exists())",
            "dependency": "relatedArtifact.where(type = 'depends-on').all(resource.exists())",
            "mnf-1": f"relatedArtifact.where(type = 'composed-of').all({_ONE_TARGET})",
            "mnf-2": f"relatedArtifact.where(type = 'depends-on').all({_ONE_TARGET})",
            "isOwned": "relatedArtifact.all(extension.where(url = "
            f"'{_CORE}/artifact-isOwned').count() <= 1)",
        },
    ),
    "crmi-shareableplandefinition": Profile("PlanDefinition", required=_NAMED, single=_VERSIONED),
    "crmi-publishableplandefinition": Profile("PlanDefinition", required=("date",)),
    "crmi-shareableimplementationguide": Profile(
        "ImplementationGuide", required=(*_NAMED, "experimental"), single=_VERSIONED
    ),
    "crmi-publishableimplementationguide": Profile(
        "ImplementationGuide",
        required=("date",),
        single=(f"{_CORE}/resource-effectivePeriod",),
    ),
}
# crmi-manifestparameters: the element of a parameter's value, by its name.
MANIFEST_PARAMETERS: Mapping[str, str] = {
    "activeOnly": "valueBoolean",
    "includeDefinition": "valueBoolean",
    "includeDraft": "valueBoolean",
    "system-version": "valueCanonical",
    "default-system-version": "valueCanonical",
    "default-valueset-version": "valueCanonical",
    "default-canonical-version": "valueCanonical",
}


def profiles_of(name: str) -> list[Profile]:
    """A profile and those that it is built on."""
    profile = PROFILES[name]
    return [profile, *([] if profile.base is None else profiles_of(profile.base))]
