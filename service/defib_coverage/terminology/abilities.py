"""What a FHIR R4 server says of itself, as structs."""

from __future__ import annotations

from defib_coverage.terminology.elements import Artifact, CodeableConcept, Element, Extension


class Software(Element, frozen=True):
    """What answers."""

    name: str
    version: str
    release_date: str | None = None


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
