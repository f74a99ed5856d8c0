"""FHIR R4 value sets, code systems and concept maps, as structs."""

from __future__ import annotations

from typing import Literal

from defib_coverage.terminology.elements import Artifact, Coding, Designation, Element, Extension


class ValueSetConcept(Element, frozen=True):
    """A code that a value set lists."""

    code: str
    extension: tuple[Extension, ...] = ()
    display: str | None = None
    designation: tuple[Designation, ...] = ()


class ValueSetFilter(Element, frozen=True):
    """Codes by a property of theirs."""

    property: str
    op: str
    value: str


class Include(Element, frozen=True):
    """Codes of one release of one system, or of other value sets."""

    system: str | None = None
    version: str | None = None
    concept: tuple[ValueSetConcept, ...] = ()
    filter: tuple[ValueSetFilter, ...] = ()
    value_set: tuple[str, ...] = ()


class Compose(Element, frozen=True):
    """The definition of a value set."""

    locked_date: str | None = None
    inactive: bool | None = None
    include: tuple[Include, ...] = ()
    exclude: tuple[Include, ...] = ()


class Contains(Element, frozen=True):
    """A code of an expansion."""

    extension: tuple[Extension, ...] = ()
    system: str | None = None
    abstract: bool | None = None
    inactive: bool | None = None
    version: str | None = None
    code: str | None = None
    display: str | None = None
    designation: tuple[Designation, ...] = ()
    contains: tuple[Contains, ...] = ()


class ExpansionParameter(Element, frozen=True):
    """What an expansion was made with."""

    name: str
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_decimal: float | None = None
    value_uri: str | None = None
    value_code: str | None = None
    value_date_time: str | None = None


class Expansion(Element, frozen=True):
    """The codes of a value set, one by one."""

    timestamp: str
    identifier: str | None = None
    extension: tuple[Extension, ...] = ()
    total: int | None = None
    offset: int | None = None
    parameter: tuple[ExpansionParameter, ...] = ()
    contains: tuple[Contains, ...] = ()


class ValueSet(Artifact, frozen=True, kw_only=True, tag="ValueSet"):
    """A set of codes."""

    immutable: bool | None = None
    compose: Compose | None = None
    expansion: Expansion | None = None


class CodeSystemProperty(Element, frozen=True):
    """A property that concepts may have."""

    code: str
    type: str
    uri: str | None = None
    description: str | None = None


class ConceptProperty(Element, frozen=True):
    """A property of a concept."""

    code: str
    value_code: str | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_decimal: float | None = None
    value_date_time: str | None = None
    value_coding: Coding | None = None


class Concept(Element, frozen=True):
    """A concept of a code system."""

    code: str
    display: str | None = None
    definition: str | None = None
    designation: tuple[Designation, ...] = ()
    property: tuple[ConceptProperty, ...] = ()
    concept: tuple[Concept, ...] = ()


class CodeSystem(Artifact, frozen=True, kw_only=True, tag="CodeSystem"):
    """A system of codes; ``content`` says how much of it is here."""

    case_sensitive: bool | None = None
    value_set: str | None = None
    hierarchy_meaning: str | None = None
    compositional: bool | None = None
    version_needed: bool | None = None
    content: Literal["not-present", "example", "fragment", "complete", "supplement"]
    supplements: str | None = None
    count: int | None = None
    property: tuple[CodeSystemProperty, ...] = ()
    concept: tuple[Concept, ...] = ()


class MapTarget(Element, frozen=True):
    """What a code is mapped to."""

    equivalence: str
    code: str | None = None
    display: str | None = None
    comment: str | None = None


class MapElement(Element, frozen=True):
    """A code, and what it is mapped to."""

    code: str
    display: str | None = None
    target: tuple[MapTarget, ...] = ()


class MapGroup(Element, frozen=True):
    """Mappings from one system to another."""

    source: str | None = None
    source_version: str | None = None
    target: str | None = None
    target_version: str | None = None
    element: tuple[MapElement, ...] = ()


class ConceptMap(Artifact, frozen=True, kw_only=True, tag="ConceptMap"):
    """Mappings of codes."""

    source_canonical: str | None = None
    source_uri: str | None = None
    target_canonical: str | None = None
    target_uri: str | None = None
    group: tuple[MapGroup, ...] = ()
