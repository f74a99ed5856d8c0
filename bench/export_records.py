"""Texts of the records in a generated export that no rule reads, ready to be filled in.

Each is a resource as the bulk export of a large EHR writes it: profile, categories, codes, our own
words for them, references, times. A text is rendered once as JSON and then filled by ``%``: twelve
million lines in a minute.
"""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from charts import DIAGNOSES, DRUGS, LABORATORY, PROCEDURES, VACCINES, VISITS, VITAL_SIGNS
from export_parts import (
    CPT,
    TERMS,
    US_CORE,
    Json,
    claim,
    claim_line,
    doctor,
    envelope,
    line_of,
    moment,
    site,
    subject,
    term,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
_SNOMED = "http://snomed.info/sct"
_LOINC = "http://loinc.org"
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_UCUM = "http://unitsofmeasure.org"
# Values that an observation's text can be filled with; a power of two, so that bits choose one.
_VALUES = 64
# Visits for which claims are billed.
_BILLED_VISITS = ("99213", "99214", "99232")


class Text(NamedTuple):
    """A resource's line with gaps (``%(id)b``), and the numbers that may stand in ``%(value)b``."""

    line: bytes
    values: tuple[bytes, ...]


def texts(kind: str) -> tuple[Text, ...]:
    """The texts of one resource type that a generated export varies between."""
    random = Random(kind)
    return tuple(random.sample(found := _WRITERS[kind](random), len(found)))


def _text(resource: Json, values: tuple[bytes, ...] = (b"",)) -> Text:
    line = line_of(resource).replace("%", "%%").replace('"<<value>>"', "<<value>>")
    return Text(re.sub(r"<<(\w+)>>", r"%(\1)b", line).encode(), values)


def _concept(text: str, *codings: tuple[str, str]) -> Json:
    """A CodeableConcept in our words."""
    return {"coding": [{"system": name, "code": code} for name, code in codings], "text": text}


def _patients(_random: Random) -> list[Text]:
    def written(gender: str) -> Json:
        return envelope("Patient") | {
            "active": True,
            "name": [{"use": "official", "text": "<<name>>", "family": "<<family>>"}],
            "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}],
            "gender": gender,
            "birthDate": "<<birth>>",
            "address": [
                {
                    "use": "home",
                    "line": ["1 Main St"],
                    "city": "Albany",
                    "state": "NY",
                    "postalCode": "12207",
                    "country": "US",
                }
            ],
            "generalPractitioner": [doctor()],
            "managingOrganization": site(),
        }

    return [_text(written(gender)) for gender in ("female", "male")]


def _coverages(_random: Random) -> list[Text]:
    resource = envelope("Coverage") | {
        "status": "active",
        "type": _concept("Medicare", ("https://nahdo.org/sopt", "121")),
        "subscriberId": "<<number>>",
        "beneficiary": subject(),
        "relationship": term("subscriber-relationship", "self"),
        "period": {"start": "2015-04-01"},
        "payor": [{"display": "Medicare Part B"}],
    }
    return [_text(resource)]


def _encounters(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("Encounter")
            | {
                "status": "finished",
                "class": {"system": TERMS + "v3-ActCode", "code": code},
                "type": [_concept(name, (_SNOMED, snomed))],
                "subject": subject(),
                "participant": [{"individual": doctor()}],
                "period": {"start": moment(), "end": moment()},
                "location": [{"location": {"reference": "Location/room-<<site>>"}}],
                "serviceProvider": site(),
            }
        )
        for code, snomed, name in VISITS
    ]


def _conditions(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("Condition", "condition-problems-health-concerns")
            | {
                "clinicalStatus": term("condition-clinical", "active"),
                "verificationStatus": term("condition-ver-status", "confirmed"),
                "category": [term("condition-category", "problem-list-item")],
                "code": _concept(title, (_ICD10, code), (_SNOMED, snomed)),
                "subject": subject(),
                "encounter": visit(),
                "onsetDateTime": "<<day>>",
                "recordedDate": "<<day>>",
                "recorder": doctor(),
            }
        )
        for code, title, snomed in DIAGNOSES
    ]


def _observations(random: Random) -> list[Text]:
    """Laboratory values three times as often as vital signs."""
    measured = (
        ("laboratory", "observation-lab", LABORATORY, 3),
        ("vital-signs", "vital-signs", VITAL_SIGNS, 2),
    )
    return [
        _observation(random, category, profile, row)
        for category, profile, rows, times in measured
        for row in rows * times
    ]


def _observation(
    random: Random, category: str, profile: str, row: tuple[str, str, str, float, float]
) -> Text:
    code, name, unit, low, high = row
    resource = envelope("Observation", profile) | {
        "status": "final",
        "category": [term("observation-category", category)],
        "code": _concept(name, (_LOINC, code)),
        "subject": subject(),
        "encounter": visit(),
        "effectiveDateTime": moment(),
        "issued": "<<day>>T<<clock>>:59.000-05:00",
        "performer": [doctor()],
        "valueQuantity": {"value": "<<value>>", "unit": unit, "system": _UCUM, "code": unit},
        "referenceRange": [{"low": {"value": low}, "high": {"value": high}}],
    }
    span = range(_VALUES)
    return _text(
        resource, tuple(b"%.1f" % random.uniform(low * 0.9, high * 1.1) for _number in span)
    )


def _prescriptions(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("MedicationRequest")
            | {
                "status": "active",
                "intent": "order",
                "category": [term("medicationrequest-category", "community")],
                "medicationCodeableConcept": _concept(name, (_RXNORM, code)),
                "subject": subject(),
                "encounter": visit(),
                "authoredOn": "<<day>>",
                "requester": doctor(),
                "dosageInstruction": [{"sequence": 1, "text": way}],
            }
        )
        for code, name, way in DRUGS
    ]


def _procedures(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("Procedure")
            | {
                "status": "completed",
                "category": _concept("Diagnostic procedure", (_SNOMED, "103693007")),
                "code": _concept(name, (CPT, cpt), (_SNOMED, snomed)),
                "subject": subject(),
                "encounter": visit(),
                "performedDateTime": moment(),
                "performer": [{"actor": doctor(), "onBehalfOf": site()}],
            }
        )
        for cpt, snomed, name in PROCEDURES
    ]


def _requests(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("ServiceRequest")
            | {
                "status": "completed",
                "intent": "order",
                "code": _concept(name, (CPT, cpt), (_SNOMED, snomed)),
                "subject": subject(),
                "encounter": visit(),
                "occurrenceDateTime": "<<day>>",
                "authoredOn": moment(),
                "requester": doctor(),
                "performer": [site()],
            }
        )
        for cpt, snomed, name in PROCEDURES
    ]


def _reports(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("DiagnosticReport", "diagnosticreport-lab")
            | {
                "status": "final",
                "category": [term("v2-0074", "LAB")],
                "code": _concept(name, (_LOINC, code)),
                "subject": subject(),
                "encounter": visit(),
                "effectiveDateTime": moment(),
                "issued": "<<day>>T<<clock>>:59.000-05:00",
                "performer": [site()],
                "result": [{"reference": "Observation/<<result>>", "display": name}],
            }
        )
        for code, name, *_range in LABORATORY
    ]


def _immunizations(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("Immunization")
            | {
                "status": "completed",
                "vaccineCode": _concept(name, ("http://hl7.org/fhir/sid/cvx", code)),
                "patient": subject(),
                "encounter": visit(),
                "occurrenceDateTime": moment(),
                "primarySource": True,
                "location": {"reference": "Location/room-<<site>>"},
                "lotNumber": "<<number>>",
                "performer": [{"actor": doctor()}],
            }
        )
        for code, name in VACCINES
    ]


def _claims(_random: Random) -> list[Text]:
    def billed(code: str) -> Json:
        return claim_line(1, {"system": CPT, "code": code})

    return [
        _text(claim([billed(code), claim_line(2, {"system": CPT, "code": cpt})]))
        for code in _BILLED_VISITS
        for cpt, _snomed, _name in PROCEDURES
    ]


def _benefits(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("ExplanationOfBenefit")
            | {
                "status": "active",
                "type": term("claim-type", "professional"),
                "use": "claim",
                "patient": subject(),
                "billablePeriod": {"start": "<<day>>", "end": "<<day>>"},
                "created": moment(),
                "insurer": {"display": "Medicare Part B"},
                "provider": doctor(),
                "outcome": "complete",
                "insurance": [{"focal": True, "coverage": {"display": "Medicare Part B"}}],
                "item": [claim_line(1, {"system": CPT, "code": code})],
            }
        )
        for code in _BILLED_VISITS
    ]


def _documents(_random: Random) -> list[Text]:
    resource = envelope("DocumentReference") | {
        "status": "current",
        "type": _concept("Progress note", (_LOINC, "11506-3")),
        "category": [
            {
                "coding": [
                    {"system": US_CORE + "documentreference-category", "code": "clinical-note"}
                ]
            }
        ],
        "subject": subject(),
        "date": moment(),
        "author": [doctor()],
        "custodian": site(),
        "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/<<id>>"}}],
        "context": {"encounter": [visit()], "period": {"start": moment()}},
    }
    return [_text(resource)]


def _allergies(_random: Random) -> list[Text]:
    return [
        _text(
            envelope("AllergyIntolerance")
            | {
                "clinicalStatus": term("allergyintolerance-clinical", "active"),
                "verificationStatus": term("allergyintolerance-verification", "confirmed"),
                "code": _concept(name, (_SNOMED, code)),
                "patient": subject(),
                "onsetDateTime": "<<day>>",
                "recordedDate": "<<day>>",
                "recorder": doctor(),
            }
        )
        for code, name in (
            ("91936005", "Penicillin"),
            ("91935009", "Peanut"),
            ("1003755004", "Latex"),
        )
    ]


_WRITERS: Mapping[str, Callable[[Random], list[Text]]] = {
    "Patient": _patients,
    "Coverage": _coverages,
    "Encounter": _encounters,
    "Condition": _conditions,
    "Observation": _observations,
    "MedicationRequest": _prescriptions,
    "Procedure": _procedures,
    "ServiceRequest": _requests,
    "DiagnosticReport": _reports,
    "Immunization": _immunizations,
    "Claim": _claims,
    "ExplanationOfBenefit": _benefits,
    "DocumentReference": _documents,
    "AllergyIntolerance": _allergies,
}
