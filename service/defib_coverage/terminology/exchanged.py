"""What FHIR R4 servers and clients send each other, as structs: outcomes and Bundles."""

from __future__ import annotations

import msgspec

from defib_coverage.terminology.elements import CodeableConcept, Element, Resource


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


# Nothing, as text: what is kept as it came cannot be told from nothing otherwise.
_NO_RESOURCE = msgspec.Raw()


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
