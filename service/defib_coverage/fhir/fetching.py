"""What is asked of a FHIR server, and what came of it: no network here.

The rules say what they need; the client of this folder goes and gets it. Between them stand a
``Query`` and its ``Fetched``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from defib_coverage.fhir.raw import RawEntry, Unreadable
from defib_coverage.fhir.resources import Entry
from defib_coverage.network.transfer import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

# Large enough that most charts are one page, small enough that no page is a burden.
_PAGE = 100
_ROLES = "roles of "


class Shortfall(StrEnum):
    """Why a FHIR server's answer does not bring all."""

    TOKEN_REFUSED = "token-refused"  # noqa: S105 - a cause, no secret
    NOT_OFFERED = "not-offered"
    NOT_PERMITTED = "not-permitted"
    ERROR_STATUS = "error-status"
    OUTCOME = "outcome"
    FOREIGN_LINK = "foreign-link"
    ENDLESS = "endless"
    OTHER_PATIENTS = "other-patients"
    FEWER = "fewer"
    NOT_ASKED = "not-asked"


Cause = Reason | Shortfall
"""Why a query did not bring all: the exchange over HTTP failed, or its answer falls short."""
WORDS: Mapping[Cause, str] = {
    Reason.ADDRESS_REFUSED: "the FHIR server stands at an address that is not allowed",
    Reason.NAME_UNKNOWN: "the FHIR server's name is not known",
    Reason.NOT_REACHABLE: "the FHIR server could not be reached",
    Reason.CERTIFICATE_REFUSED: "the FHIR server's certificate is not trusted",
    Reason.TOO_LATE: "the FHIR server did not answer in time",
    Reason.TOO_LARGE: "the FHIR server sent more than is read",
    Reason.REDIRECTED: "the FHIR server sent us elsewhere",
    Reason.BROKEN: "the FHIR server's answer could not be read",
    Shortfall.TOKEN_REFUSED: "the FHIR server did not accept the token",
    Shortfall.NOT_OFFERED: "the FHIR server does not let this be asked",
    Shortfall.NOT_PERMITTED: "the token does not permit it",
    Shortfall.ERROR_STATUS: "the FHIR server answered with an error",
    Shortfall.OUTCOME: "the FHIR server could not answer in full",
    Shortfall.FOREIGN_LINK: "the FHIR server's next page stands elsewhere",
    Shortfall.ENDLESS: "the FHIR server's pages have no end",
    Shortfall.OTHER_PATIENTS: "the FHIR server answered with other patients' records",
    Shortfall.FEWER: "the FHIR server sent fewer records than it counted",
    Shortfall.NOT_ASKED: "the FHIR server was not asked for it",
}
"""Each cause as a card says it."""


class Query(msgspec.Struct, frozen=True):
    """One read or search.

    ``name`` is the prefetch key that it answers, or the reference that it reads; ``path`` stands
    below the base URL, or is the link to a next page. ``keep_text``: what comes is kept as it came,
    for orders. ``kind`` is the resource type that a read must bring; a search brings a Bundle.
    ``came`` counts the matches on pages before this one.
    """

    name: str
    path: str
    keep_text: bool = False
    kind: str | None = None
    came: int = 0

    @property
    def about(self) -> str:
        """The reference that is read, or whose roles are searched; else the prefetch key."""
        return self.name.removeprefix(_ROLES)


class Fetched(msgspec.Struct, frozen=True):
    """What came of a query.

    ``cause`` is why it is not all, None if it is.
    """

    entries: list[Entry] = []
    unreadable: tuple[Unreadable, ...] = ()
    texts: list[RawEntry] = []
    cause: Cause | None = None


def search(name: str, template: str, patient_id: str) -> Query:
    """The search or read of a prefetch template."""
    path = template.replace("{{context.patientId}}", quote(patient_id, safe=""))
    if "?" in path:
        return Query(name, f"{path}&_count={_PAGE}")
    return Query(name, path, kind=path.partition("/")[0])


def read(reference: str, *, keep_text: bool = False) -> Query:
    """The read of ``Type/id``."""
    resource_type, _, identifier = reference.partition("/")
    path = f"{resource_type}/{quote(identifier, safe='')}"
    return Query(reference, path, keep_text, resource_type)


def roles_of(reference: str) -> Query:
    """The search for what a practitioner is employed as."""
    path = f"PractitionerRole?practitioner={quote(reference, safe='/')}&_count={_PAGE}"
    return Query(f"{_ROLES}{reference}", path)
