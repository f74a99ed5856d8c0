"""FHIR R4 libraries, plans and guides, as structs."""

from __future__ import annotations

from defib_coverage.terminology.elements import (
    Artifact,
    CodeableConcept,
    Element,
    Period,
    Reference,
    RelatedArtifact,
)


class Library(Artifact, frozen=True, kw_only=True, tag="Library"):
    """A collection of resources, or logic."""

    type: CodeableConcept
    approval_date: str | None = None
    last_review_date: str | None = None
    effective_period: Period | None = None
    related_artifact: tuple[RelatedArtifact, ...] = ()


class TriggerDefinition(Element, frozen=True):
    """What makes an action be considered."""

    type: str
    name: str


class CodeFilter(Element, frozen=True):
    """Which codes of an element are meant."""

    path: str
    value_set: str


class DataRequirement(Element, frozen=True):
    """Which records of a chart are read."""

    type: str
    code_filter: tuple[CodeFilter, ...] = ()


class Action(Element, frozen=True):
    """One step of a plan, with steps of its own."""

    prefix: str | None = None
    title: str | None = None
    description: str | None = None
    code: tuple[CodeableConcept, ...] = ()
    documentation: tuple[RelatedArtifact, ...] = ()
    trigger: tuple[TriggerDefinition, ...] = ()
    input: tuple[DataRequirement, ...] = ()
    grouping_behavior: str | None = None
    selection_behavior: str | None = None
    action: tuple[Action, ...] = ()


class PlanDefinition(Artifact, frozen=True, kw_only=True, tag="PlanDefinition"):
    """A plan: what is to be considered when something happens."""

    type: CodeableConcept
    approval_date: str | None = None
    last_review_date: str | None = None
    effective_period: Period | None = None
    related_artifact: tuple[RelatedArtifact, ...] = ()
    library: tuple[str, ...] = ()
    action: tuple[Action, ...] = ()


class GuideDependency(Element, frozen=True):
    """Another package that is needed."""

    uri: str
    package_id: str
    version: str


class GuideResource(Element, frozen=True):
    """A resource of a guide."""

    reference: Reference
    name: str | None = None
    description: str | None = None
    example_boolean: bool | None = None


class GuideDefinition(Element, frozen=True):
    """What a guide is made of."""

    resource: tuple[GuideResource, ...]


class ImplementationGuide(Artifact, frozen=True, kw_only=True, tag="ImplementationGuide"):
    """The package as a resource."""

    package_id: str
    license: str
    fhir_version: tuple[str, ...]
    depends_on: tuple[GuideDependency, ...] = ()
    definition: GuideDefinition | None = None
