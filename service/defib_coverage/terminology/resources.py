"""The FHIR R4 resources that are published, as structs: the elements that are used, no others."""

from __future__ import annotations

from typing import Literal

import msgspec


class Element(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a resource is made of: written without what is not said."""


class Coding(Element, frozen=True):
    """A code of a system."""

    system: str | None = None
    version: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element, frozen=True):
    """A concept: codes, text, or both."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Period(Element, frozen=True):
    """From a day to a day, both included."""

    start: str | None = None
    end: str | None = None


class Reference(Element, frozen=True):
    """To another resource."""

    reference: str | None = None
    display: str | None = None


class Identifier(Element, frozen=True):
    """A business identifier."""

    system: str
    value: str


class ContactPoint(Element, frozen=True):
    """An address."""

    system: str
    value: str


class ContactDetail(Element, frozen=True):
    """Whom to ask."""

    name: str | None = None
    telecom: tuple[ContactPoint, ...] = ()


class UsageContext(Element, frozen=True):
    """In what setting a resource is meant to be used."""

    code: Coding
    value_codeable_concept: CodeableConcept


class RelatedArtifact(Element, frozen=True):
    """A document or another resource, and what it is to this one."""

    type: str
    extension: tuple[Extension, ...] = ()
    label: str | None = None
    display: str | None = None
    citation: str | None = None
    url: str | None = None
    resource: str | None = None


class Extension(Element, frozen=True):
    """An extension: one value, or extensions of its own."""

    url: str
    extension: tuple[Extension, ...] = ()
    value_boolean: bool | None = None
    value_canonical: str | None = None
    value_code: str | None = None
    value_date: str | None = None
    value_decimal: float | None = None
    value_integer: int | None = None
    value_markdown: str | None = None
    value_string: str | None = None
    value_uri: str | None = None
    value_url: str | None = None
    value_coding: Coding | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_period: Period | None = None
    value_reference: Reference | None = None
    value_related_artifact: RelatedArtifact | None = None


class Meta(Element, frozen=True):
    """What stands above the content: the profiles it follows."""

    profile: tuple[str, ...] = ()
    source: str | None = None
    tag: tuple[Coding, ...] = ()


class Narrative(Element, frozen=True):
    """The content for people, as XHTML."""

    status: str
    div: str


class Designation(Element, frozen=True):
    """Another name of a concept."""

    value: str
    language: str | None = None
    use: Coding | None = None


class Resource(Element, frozen=True, kw_only=True, tag_field="resourceType"):
    """What every published resource carries."""

    id: str | None = None
    meta: Meta | None = None
    language: str | None = None
    text: Narrative | None = None
    contained: tuple[Parameters, ...] = ()
    extension: tuple[Extension, ...] = ()


class Artifact(Resource, frozen=True, kw_only=True):
    """A canonical resource: it has a url and a version, and says who publishes it and what for."""

    url: str | None = None
    identifier: tuple[Identifier, ...] | Identifier = ()
    version: str | None = None
    name: str | None = None
    title: str | None = None
    status: str | None = None
    experimental: bool | None = None
    date: str | None = None
    publisher: str | None = None
    contact: tuple[ContactDetail, ...] = ()
    description: str | None = None
    use_context: tuple[UsageContext, ...] = ()
    jurisdiction: tuple[CodeableConcept, ...] = ()
    purpose: str | None = None
    copyright: str | None = None


# --------------------------------------------------------------------------------------- value sets


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


# ------------------------------------------------------------------------------------- code systems


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


# ------------------------------------------------------------------------------------- concept maps


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


# ------------------------------------------------------------------------- libraries, plans, guides


class ParameterDefinition(Element, frozen=True):
    """A parameter of a library."""

    name: str
    use: str
    type: str


class Attachment(Element, frozen=True):
    """A document within a resource; ``data`` is base64."""

    content_type: str
    data: str


class Library(Artifact, frozen=True, kw_only=True, tag="Library"):
    """A collection of resources, or logic."""

    type: CodeableConcept
    approval_date: str | None = None
    last_review_date: str | None = None
    effective_period: Period | None = None
    related_artifact: tuple[RelatedArtifact, ...] = ()
    content: tuple[Attachment, ...] = ()


class TriggerDefinition(Element, frozen=True):
    """What makes an action be considered."""

    type: str
    name: str


class Expression(Element, frozen=True):
    """A condition in a language."""

    language: str
    expression: str
    description: str | None = None


class Condition(Element, frozen=True):
    """Whether an action applies."""

    kind: str
    expression: Expression


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
    condition: tuple[Condition, ...] = ()
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


class GuidePage(Element, frozen=True):
    """A page of a guide."""

    name_url: str
    title: str
    generation: str


class GuideDefinition(Element, frozen=True):
    """What a guide is made of."""

    resource: tuple[GuideResource, ...]
    page: GuidePage | None = None


class ImplementationGuide(Artifact, frozen=True, kw_only=True, tag="ImplementationGuide"):
    """The package as a resource."""

    package_id: str
    license: str
    fhir_version: tuple[str, ...]
    depends_on: tuple[GuideDependency, ...] = ()
    definition: GuideDefinition | None = None


# ---------------------------------------------------------------------------------------- exchanged


class Issue(Element, frozen=True):
    """One thing that is wrong, or worth knowing."""

    severity: str
    code: str
    details: CodeableConcept | None = None
    diagnostics: str | None = None
    location: tuple[str, ...] = ()
    expression: tuple[str, ...] = ()


class OperationOutcome(Resource, frozen=True, kw_only=True, tag="OperationOutcome"):
    """What is wrong with a request, or worth knowing about an answer."""

    issue: tuple[Issue, ...]


class Parameter(Element, frozen=True):
    """A named value that goes into an operation or comes out of it."""

    name: str
    value_boolean: bool | None = None
    value_canonical: str | None = None
    value_code: str | None = None
    value_date_time: str | None = None
    value_date: str | None = None
    value_decimal: float | None = None
    value_integer: int | None = None
    value_string: str | None = None
    value_uri: str | None = None
    value_url: str | None = None
    value_coding: Coding | None = None
    value_codeable_concept: CodeableConcept | None = None
    resource: msgspec.Raw | None = None
    part: tuple[Parameter, ...] = ()


class Parameters(Resource, frozen=True, kw_only=True, tag="Parameters"):
    """What goes into an operation or comes out of it."""

    parameter: tuple[Parameter, ...] = ()


# --------------------------------------------------------------------------------------- bundles


class BundleLink(Element, frozen=True):
    """Where else to look."""

    relation: str
    url: str


class BundleSearch(Element, frozen=True):
    """Why an entry was found."""

    mode: str


class BundleRequest(Element, frozen=True):
    """What is asked for in a batch or a transaction."""

    method: str
    url: str


class BundleResponse(Element, frozen=True):
    """What came of it: the HTTP status."""

    status: str
    outcome: msgspec.Raw | None = None


class BundleEntry(Element, frozen=True):
    """A resource of a Bundle, or a request and what came of it."""

    full_url: str | None = None
    resource: msgspec.Raw | None = None
    search: BundleSearch | None = None
    request: BundleRequest | None = None
    response: BundleResponse | None = None


class Bundle(Resource, frozen=True, kw_only=True, tag="Bundle"):
    """Several resources, or several requests."""

    type: str
    total: int | None = None
    link: tuple[BundleLink, ...] = ()
    entry: tuple[BundleEntry, ...] = ()


# ---------------------------------------------------------------------------------------- abilities


class Software(Element, frozen=True):
    """What answers."""

    name: str
    version: str
    release_date: str


class Implementation(Element, frozen=True):
    """Where it answers."""

    description: str
    url: str


class Interaction(Element, frozen=True):
    """Something that can be asked."""

    code: str


class SearchParameter(Element, frozen=True):
    """What can be searched by."""

    name: str
    type: str
    documentation: str


class OperationUse(Element, frozen=True):
    """An operation that can be called."""

    name: str
    definition: str


class RestResource(Element, frozen=True):
    """What can be asked of a type."""

    type: str
    profile: str
    interaction: tuple[Interaction, ...]
    versioning: str
    search_param: tuple[SearchParameter, ...] = ()
    operation: tuple[OperationUse, ...] = ()


class RestSecurity(Element, frozen=True):
    """Who may ask."""

    cors: bool
    service: tuple[CodeableConcept, ...]


class RestServer(Element, frozen=True):
    """What can be asked."""

    mode: str
    documentation: str
    security: RestSecurity
    resource: tuple[RestResource, ...]
    interaction: tuple[Interaction, ...]
    operation: tuple[OperationUse, ...]


class CapabilityStatement(Artifact, frozen=True, kw_only=True, tag="CapabilityStatement"):
    """What a server can do."""

    kind: str
    instantiates: tuple[str, ...]
    software: Software
    implementation: Implementation
    fhir_version: str
    format: tuple[str, ...]
    rest: tuple[RestServer, ...]


class TerminologyVersion(Element, frozen=True):
    """A release of a code system."""

    code: str
    is_default: bool | None = None


class TerminologySystem(Element, frozen=True):
    """A code system that is known."""

    uri: str
    extension: tuple[Extension, ...] = ()
    version: tuple[TerminologyVersion, ...] = ()


class TerminologyName(Element, frozen=True):
    """The name of a parameter."""

    name: str


class TerminologyExpansion(Element, frozen=True):
    """How value sets are expanded."""

    hierarchical: bool
    paging: bool
    incomplete: bool
    parameter: tuple[TerminologyName, ...]
    text_filter: str


class ValidateCodeAbility(Element, frozen=True):
    """How codes are validated."""

    translations: bool


class TranslationAbility(Element, frozen=True):
    """How codes are translated."""

    needs_map: bool


class TerminologyCapabilities(Artifact, frozen=True, kw_only=True, tag="TerminologyCapabilities"):
    """What a terminology server knows."""

    kind: str
    software: Software
    implementation: Implementation
    code_system: tuple[TerminologySystem, ...]
    expansion: TerminologyExpansion
    code_search: str
    validate_code: ValidateCodeAbility
    translation: TranslationAbility


Published = ValueSet | CodeSystem | ConceptMap | Library | PlanDefinition | ImplementationGuide
