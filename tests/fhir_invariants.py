"""Invariants of FHIR R4 for what is published, as FHIRPath, by the element that each is about.

A rule is evaluated on every element that its path leads to. A path is a resource type with the
names below it; ``*`` stands for any way down. Not here: ``dom-6``, which asks for a narrative as
good practice, and rules about elements that no resource of ours has.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fhirpathpy import compile as compile_path
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.models import models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Json = dict[str, Any]
_NAME = "name.matches('^[A-Z][A-Za-z0-9_]{0,254}$')"
# Contained resources: none within one, none with a version of its own or a security label, and
# each referred to.
DOMAIN: Mapping[str, str] = {
    "dom-2": "contained.contained.empty()",
    "dom-3": "contained.all(('#' + id) in %resource.descendants().reference)",
    "dom-4": "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()",
    "dom-5": "contained.meta.security.empty()",
}
RESOURCES: Mapping[str, Mapping[str, str]] = {
    "ValueSet": {"vsd-0": _NAME},
    "CodeSystem": {
        "csd-0": _NAME,
        "csd-1": "concept.code.combine(concept.descendants().code).isDistinct()",
    },
    "ConceptMap": {"cmd-0": _NAME},
    "Library": {"lib-0": _NAME},
    "PlanDefinition": {"pdf-0": _NAME},
    "ImplementationGuide": {
        "ig-0": _NAME,
        "ig-2": "definition.resource.fhirVersion.all(%resource.fhirVersion contains $this)",
    },
}
ELEMENTS: Mapping[str, Mapping[str, str]] = {
    "ValueSet.compose.include": {
        "vsd-1": "valueSet.exists() or system.exists()",
        "vsd-2": "(concept.exists() or filter.exists()) implies system.exists()",
        "vsd-3": "concept.empty() or filter.empty()",
    },
    "ValueSet.expansion.contains": {
        "vsd-6": "code.exists() or display.exists()",
        "vsd-9": "code.exists() or abstract = true",
        "vsd-10": "code.empty() or system.exists()",
    },
    "ConceptMap.group.element.target": {
        "cmd-1": "comment.exists() or equivalence.empty() or "
        "((equivalence != 'narrower') and (equivalence != 'inexact'))",
    },
    "ConceptMap.group.unmapped": {
        "cmd-2": "(mode = 'fixed') implies code.exists()",
        "cmd-3": "(mode = 'other-map') implies url.exists()",
    },
    "ImplementationGuide.definition": {
        "ig-1": "resource.groupingId.all(%context.grouping.id contains $this)",
    },
    "Library.contained.parameter": {
        "inv-1": "(part.exists() and value.empty() and resource.empty()) or "
        "(part.empty() and (value.exists() xor resource.exists()))",
    },
    "PlanDefinition.*.trigger": {
        "trd-1": "data.empty() or timing.empty()",
        "trd-2": "condition.exists() implies data.exists()",
        "trd-3": "(type = 'named-event' implies name.exists()) and "
        "(type = 'periodic' implies timing.exists()) and "
        "(type.startsWith('data-') implies data.exists())",
    },
    "PlanDefinition.*.codeFilter": {"drq-1": "path.exists() xor searchParam.exists()"},
    "PlanDefinition.*.condition.expression": {"exp-1": "expression.exists() or reference.exists()"},
    "*.extension": {"ext-1": "extension.exists() != value.exists()"},
    "*.telecom": {"cpt-2": "value.empty() or system.exists()"},
    "*.effectivePeriod": {"per-1": "start.empty() or end.empty() or start <= end"},
    "*.valuePeriod": {"per-1": "start.empty() or end.empty() or start <= end"},
}
# What an element is, where a rule asks for its value of any type.
TYPES: Mapping[str, str] = {
    "*.extension": "Extension",
    "Library.contained.parameter": "Parameters.parameter",
}


@cache
def compiled(text: str) -> Callable[[Any, Json], list[Any]]:
    """An expression over R4, compiled once."""
    return compile_path(text, models["r4"])


def holds(text: str, element: Json, resource: Json, kind: str | None = None) -> bool:
    """Whether an expression comes out true; empty is not true."""
    node: Any = element
    if kind is not None:
        node = ResourceNode.create_node(element, kind)  # type: ignore[no-untyped-call]
    return compiled(text)(node, {"resource": resource, "context": element}) == [True]


def elements(path: str, resource: Json) -> Iterator[Json]:
    """The elements of a resource that a path leads to."""
    kind, *names = path.split(".")
    if kind == "*":
        yield from below(resource, names[0])
    elif resource["resourceType"] == kind:
        yield from _walk([resource], names)


def _walk(found: list[Json], names: list[str]) -> Iterator[Json]:
    if not names:
        yield from found
    elif names[0] == "*":
        inner = [one for element in found for one in below(element, names[1])]
        yield from _walk(inner, names[2:])
    else:
        yield from _walk([one for e in found for one in _children(e, names[0])], names[1:])


def _children(element: Json, name: str) -> list[Json]:
    value = element.get(name, [])
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def below(element: Json, name: str) -> Iterator[Json]:
    """Every element of a name, however deep."""
    yield from _children(element, name)
    for other in element:
        for child in _children(element, other):
            yield from below(child, name)
