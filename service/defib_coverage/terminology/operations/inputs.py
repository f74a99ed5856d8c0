"""The closed tables of what each operation takes: names, types, repeats, what is not offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

# ``uri`` stands for uri, canonical and url, which clients mix; ``date`` for date and dateTime.
Kind = Literal[
    "uri", "code", "string", "boolean", "integer", "date", "coding", "concept", "resource", "parts"
]


class Input(msgspec.Struct, frozen=True):
    """An input of an operation; ``refused`` is why it is not offered."""

    kind: Kind
    repeats: bool = False
    refused: str | None = None


_CONTEXT = Input("uri", refused="contexts are not known here: name the value set by its url")
_SHARED: Mapping[str, Input] = {
    "date": Input("date"),
    "displayLanguage": Input("code"),
    "tx-resource": Input("resource", repeats=True),
    "useSupplement": Input("uri", repeats=True, refused="there are no supplements here"),
    "manifestParameters": Input("resource", refused="name the manifest by its canonical"),
}
# How the versions of code systems and value sets are settled.
_VERSIONS: Mapping[str, Input] = {
    "system-version": Input("uri", repeats=True),
    "default-system-version": Input("uri", repeats=True),
    "check-system-version": Input("uri", repeats=True),
    "force-system-version": Input("uri", repeats=True),
    "default-valueset-version": Input("uri", repeats=True),
    "check-valueset-version": Input("uri", repeats=True),
    "force-valueset-version": Input("uri", repeats=True),
    "manifest": Input("uri"),
}
_DISPLAYS: Mapping[str, Input] = {
    "lenient-display-validation": Input("boolean"),
    "valueset-membership-only": Input("boolean"),
}
_EXPAND: Mapping[str, Input] = {
    "url": Input("uri"),
    "valueSet": Input("resource"),
    "valueSetVersion": Input("string"),
    "context": _CONTEXT,
    "contextDirection": Input("code", refused=_CONTEXT.refused),
    "filter": Input("string"),
    "offset": Input("integer"),
    "count": Input("integer"),
    "includeDesignations": Input("boolean"),
    "designation": Input(
        "string", repeats=True, refused="all designations are English: use includeDesignations"
    ),
    "includeDefinition": Input("boolean"),
    "activeOnly": Input("boolean"),
    "excludeNested": Input("boolean"),
    "excludeNotForUI": Input("boolean"),
    "excludePostCoordinated": Input("boolean"),
    "exclude-system": Input("uri", repeats=True),
    "property": Input("string", repeats=True),
    "includeDraft": Input("boolean"),
    **_VERSIONS,
    **_SHARED,
}
_VALIDATE: Mapping[str, Input] = {
    "url": Input("uri"),
    "context": _CONTEXT,
    "valueSet": Input("resource"),
    "valueSetVersion": Input("string"),
    "code": Input("code"),
    "system": Input("uri"),
    "systemVersion": Input("string"),
    "display": Input("string"),
    "coding": Input("coding"),
    "codeableConcept": Input("concept"),
    "abstract": Input("boolean"),
    "inferSystem": Input("boolean"),
    "activeOnly": Input("boolean"),
    "includeDraft": Input("boolean"),
    **_DISPLAYS,
    **_VERSIONS,
    **_SHARED,
}
_VALIDATE_SYSTEM: Mapping[str, Input] = {
    "url": Input("uri"),
    "codeSystem": Input("resource"),
    "code": Input("code"),
    "version": Input("string"),
    "display": Input("string"),
    "coding": Input("coding"),
    "codeableConcept": Input("concept"),
    "abstract": Input("boolean"),
    **_DISPLAYS,
    **_SHARED,
}
_LOOKUP: Mapping[str, Input] = {
    "code": Input("code"),
    "system": Input("uri"),
    "version": Input("string"),
    "coding": Input("coding"),
    "property": Input("code", repeats=True),
    **_SHARED,
}
_SUBSUMES: Mapping[str, Input] = {
    "codeA": Input("code"),
    "codeB": Input("code"),
    "system": Input("uri"),
    "version": Input("string"),
    "codingA": Input("coding"),
    "codingB": Input("coding"),
    "tx-resource": _SHARED["tx-resource"],
}
_TRANSLATE: Mapping[str, Input] = {
    "url": Input("uri"),
    "conceptMap": Input("resource"),
    "conceptMapVersion": Input("string"),
    "code": Input("code"),
    "system": Input("uri"),
    "version": Input("string"),
    "source": Input("uri"),
    "coding": Input("coding"),
    "codeableConcept": Input("concept"),
    "target": Input("uri"),
    "targetsystem": Input("uri"),
    "dependency": Input("parts", repeats=True, refused="the maps here depend on nothing else"),
    "reverse": Input("boolean"),
    # The names of later releases of FHIR.
    "sourceCode": Input("code"),
    "sourceSystem": Input("uri"),
    "sourceVersion": Input("string"),
    "sourceScope": Input("uri"),
    "sourceCoding": Input("coding"),
    "sourceCodeableConcept": Input("concept"),
    "targetCode": Input("code"),
    "targetCoding": Input("coding"),
    "targetCodeableConcept": Input("concept"),
    "targetScope": Input("uri"),
    "targetSystem": Input("uri"),
    "date": _SHARED["date"],
    "tx-resource": _SHARED["tx-resource"],
}
INPUTS: Mapping[tuple[str, str], Mapping[str, Input]] = {
    ("ValueSet", "expand"): _EXPAND,
    ("ValueSet", "validate-code"): _VALIDATE,
    ("CodeSystem", "validate-code"): _VALIDATE_SYSTEM,
    ("CodeSystem", "lookup"): _LOOKUP,
    ("CodeSystem", "subsumes"): _SUBSUMES,
    ("ConceptMap", "translate"): _TRANSLATE,
}
"""By resource type and operation, without the dollar sign."""
