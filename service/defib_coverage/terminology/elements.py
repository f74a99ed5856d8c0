"""What FHIR R4 resources are made of, as structs: the elements that are used, no others."""

from __future__ import annotations

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


# Nothing, as text: what is kept as it came cannot be told from nothing otherwise.
_NO_RESOURCE = msgspec.Raw()


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
    resource: msgspec.Raw = _NO_RESOURCE
    part: tuple[Parameter, ...] = ()


class Parameters(Resource, frozen=True, kw_only=True, tag="Parameters"):
    """What goes into an operation or comes out of it."""

    parameter: tuple[Parameter, ...] = ()
