"""Parts that the resources of a generated export share, with gaps (``<<id>>``) for what varies."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

SITES = tuple(f"Example Health {name}" for name in ("North", "South", "Harbor", "Lakeside", "Hill"))
DOCTORS = 40
DOCTOR_NAMES = (
    "Okafor",
    "Lindqvist",
    "Marchetti",
    "Haddad",
    "Novak",
    "Castellano",
    "Iyer",
    "Brandt",
)
FAMILIES = ("Rivers", "Hale", "Moreno", "Adeyemi", "Kowalski", "Nguyen", "Abrams", "Silva", "Tran")
GIVEN = ("Alex", "Sam", "Robin", "Jo", "Kim", "Chris", "Pat", "Lee", "Max", "Dana", "Noor")

TERMS = "http://terminology.hl7.org/CodeSystem/"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
CPT = "http://www.ama-assn.org/go/cpt"
_IDENTIFIERS = "urn:oid:2.16.840.1.113883.19.5"
# Types whose resources carry a number of the business.
_IDENTIFIED = ("Patient", "Coverage", "Encounter", "ServiceRequest", "Claim", "DocumentReference")
# Types that US Core has no profile for.
_WITHOUT_PROFILE = ("Claim", "DeviceRequest", "ExplanationOfBenefit", "FamilyMemberHistory")


def line_of(resource: Json) -> str:
    """A resource as one line of NDJSON."""
    return json.dumps(resource, separators=(",", ":")) + "\n"


def envelope(kind: str, profile: str = "") -> Json:
    """What every resource begins with; the profile is the type's own if none is named."""
    meta: Json = {"versionId": "2", "lastUpdated": "<<day>>T<<clock>>:21.000-05:00"}
    if kind not in _WITHOUT_PROFILE:
        meta["profile"] = [US_CORE + (profile or kind.lower())]
    found: Json = {"resourceType": kind, "id": "<<id>>", "meta": meta}
    if kind in _IDENTIFIED:
        found["identifier"] = [{"system": _IDENTIFIERS, "value": "<<number>>"}]
    return found


def term(system: str, code: str) -> Json:
    """A concept of HL7's own terminology."""
    name = code.replace("-", " ").capitalize()
    return {"coding": [{"system": TERMS + system, "code": code, "display": name}]}


def doctor() -> Json:
    """Reference to who did it."""
    return {"reference": "Practitioner/doctor-<<doctor>>"}


def site() -> Json:
    """Reference to the organisation where it was done."""
    return {"reference": "Organization/site-<<site>>"}


def subject() -> Json:
    """Reference to the patient."""
    return {"reference": "Patient/<<patient>>", "display": "<<name>>"}


def visit() -> Json:
    """Reference to one of the patient's visits."""
    return {"reference": "Encounter/<<visit>>"}


def moment() -> str:
    """A time of the day that the record is of."""
    return "<<day>>T<<clock>>:00-05:00"


def claim(items: list[Json]) -> Json:
    """A bill of one visit, with the lines ``items``."""
    return envelope("Claim") | {
        "status": "active",
        "type": term("claim-type", "professional"),
        "use": "claim",
        "patient": subject(),
        "billablePeriod": {"start": "<<day>>", "end": "<<day>>"},
        "created": moment(),
        "provider": doctor(),
        "facility": {"reference": "Location/room-<<site>>", "display": "<<sitename>>"},
        "priority": {"coding": [{"system": TERMS + "processpriority", "code": "normal"}]},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "Medicare Part B"}}],
        "item": items,
    }


def claim_line(sequence: int, code: Json) -> Json:
    """One line of a bill."""
    return {"sequence": sequence, "productOrService": {"coding": [code]}, "servicedDate": "<<day>>"}


def visit_line() -> Json:
    """The line that bills the visit itself."""
    return claim_line(1, {"system": CPT, "code": "99214"})
