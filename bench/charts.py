"""Synthetic charts of any size, the same for the same seed: one cardiac patient among much else.

A handful of records bears on the policy; the rest is what an EHR holds besides: laboratory values,
vital signs, other diagnoses, drugs, visits. Every resource carries what the servers of large EHRs
send and the rules never read: meta, several identifiers, extensions, a narrative table, categories
and codes in local systems beside the standard ones, display texts, reference ranges. Dates are
fixed relative to the order's own day, so the answer does not depend on the clock.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Json = dict[str, Any]

SEED = 204
SERVICE_DAY = date(2026, 11, 20)
# Topics of the cards that this patient must get: verdict, visit, checklist and sources.
EXPECTED_TOPICS = ("appropriate-use", "clinical-reminder", "clinical-reminder", "guideline")

_ORGANISATION = "urn:oid:1.2.840.114350.1.13.861.1.7"
_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
_TERMS = "http://terminology.hl7.org/CodeSystem/"
_ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
_SNOMED = "http://snomed.info/sct"
_LOINC = "http://loinc.org"
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_CPT = "http://www.ama-assn.org/go/cpt"
_UCUM = "http://unitsofmeasure.org"
_SITE = "Example Health, heart and vascular centre"
_IDENTIFIER_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_IDENTIFIER_LENGTH = 22

# ICD-10-CM code with its title, SNOMED CT code: common diagnoses that no rule reads.
DIAGNOSES = (
    ("E11.9", "Type 2 diabetes mellitus without complications", "44054006"),
    ("I10", "Essential (primary) hypertension", "59621000"),
    ("E78.5", "Hyperlipidemia, unspecified", "55822004"),
    ("M54.50", "Low back pain, unspecified", "279039007"),
    ("J44.9", "Chronic obstructive pulmonary disease, unspecified", "13645005"),
    ("K21.9", "Gastro-esophageal reflux disease without esophagitis", "235595009"),
    ("F41.1", "Generalized anxiety disorder", "21897009"),
    ("G47.33", "Obstructive sleep apnea (adult) (pediatric)", "78275009"),
    ("M17.11", "Unilateral primary osteoarthritis, right knee", "239873007"),
    ("E03.9", "Hypothyroidism, unspecified", "40930008"),
    ("N40.0", "Benign prostatic hyperplasia without lower urinary tract symptoms", "266569009"),
    ("H25.13", "Age-related nuclear cataract, bilateral", "193576003"),
    ("L57.0", "Actinic keratosis", "201101007"),
    ("D64.9", "Anemia, unspecified", "271737000"),
)
# LOINC code, our name, unit, low and high end of the reference range.
LABORATORY = (
    ("2345-7", "Glucose", "mg/dL", 70.0, 99.0),
    ("2160-0", "Creatinine", "mg/dL", 0.7, 1.3),
    ("2823-3", "Potassium", "mmol/L", 3.5, 5.1),
    ("2951-2", "Sodium", "mmol/L", 136.0, 145.0),
    ("718-7", "Hemoglobin", "g/dL", 13.2, 17.1),
    ("6690-2", "Leukocytes", "10*3/uL", 3.8, 10.8),
    ("777-3", "Platelets", "10*3/uL", 140.0, 400.0),
    ("4548-4", "Hemoglobin A1c", "%", 4.0, 5.6),
    ("13457-7", "LDL cholesterol", "mg/dL", 0.0, 100.0),
    ("3016-3", "TSH", "m[IU]/L", 0.4, 4.5),
    ("1742-6", "ALT", "U/L", 9.0, 46.0),
    ("33762-6", "NT-proBNP", "pg/mL", 0.0, 450.0),
)
# LOINC code, our name, unit, low and high end of what is usual. The heart rate is read by a rule.
VITAL_SIGNS = (
    ("8310-5", "Body temperature", "Cel", 36.1, 37.4),
    ("9279-1", "Respiratory rate", "/min", 12.0, 20.0),
    ("8867-4", "Heart rate", "/min", 58.0, 92.0),
    ("29463-7", "Body weight", "kg", 84.0, 91.0),
    ("59408-5", "Oxygen saturation", "%", 93.0, 100.0),
)
# RxNorm code and its name, the way it is taken.
DRUGS = (
    ("617314", "atorvastatin 20 MG Oral Tablet", "1 tablet by mouth at bedtime"),
    (
        "860975",
        "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet",
        "1 with supper",
    ),
    ("198211", "simvastatin 40 MG Oral Tablet", "1 tablet by mouth at bedtime"),
    ("243670", "aspirin 81 MG Oral Tablet", "1 tablet by mouth every day"),
    ("309362", "clopidogrel 75 MG Oral Tablet", "1 tablet by mouth every day"),
    ("198051", "omeprazole 20 MG Delayed Release Oral Capsule", "1 capsule before breakfast"),
    ("966224", "levothyroxine sodium 0.05 MG Oral Tablet", "1 tablet on an empty stomach"),
    ("313782", "acetaminophen 325 MG Oral Tablet", "2 tablets every 6 hours as needed"),
)
# CPT and SNOMED CT code, our name.
PROCEDURES = (
    ("45378", "73761001", "Look into the large bowel"),
    ("93000", "29303009", "Electrocardiogram"),
    ("71046", "399208008", "Chest film, two views"),
    ("66984", "415089008", "Lens exchange for cataract"),
    ("20610", "38481006", "Joint injection"),
    ("94010", "127783003", "Breathing test"),
)
VACCINES = (("140", "influenza"), ("208", "COVID-19"), ("133", "pneumococcal"), ("115", "Tdap"))
VISITS = (
    ("AMB", "185345009", "Office visit"),
    ("VR", "448337001", "Video visit"),
    ("EMER", "50849002", "Emergency visit"),
    ("AMB", "390906007", "Follow-up visit"),
)
# Under which prefetch key a resource type comes. What our template does not ask for stands under a
# key of another service, as clients that prefetch once for several services send it.
_KEY_OF_TYPE: Mapping[str, str] = {
    "Coverage": "coverage",
    "Condition": "conditions",
    "Procedure": "procedures",
    "Observation": "observations",
    "MedicationRequest": "medicationRequests",
    "Encounter": "encounters",
    "Device": "devices",
    "ServiceRequest": "serviceRequests",
    "DocumentReference": "documents",
}
_OTHER_KEY = "otherRecords"
_SECTIONS = (*_KEY_OF_TYPE.values(), _OTHER_KEY)


class Chart(NamedTuple):
    """A request body, and what it holds: resources in the prefetch, bytes in their JSON."""

    body: bytes
    resources: int
    resource_bytes: int


def make_chart(resources: int, seed: int = SEED) -> Chart:
    """An order-sign request whose prefetch holds ``resources`` resources, the patient included."""
    writer = _Writer(Random(seed))
    patient = writer.patient()
    found = [*writer.cardiac_records()]
    found += writer.other_records(resources - 1 - len(found))
    sections: defaultdict[str, list[Json]] = defaultdict(list)
    for resource in found:
        sections[_KEY_OF_TYPE.get(resource["resourceType"], _OTHER_KEY)].append(resource)
    prefetch: Json = {"patient": patient}
    prefetch |= {key: _bundle(key, sections[key]) for key in _SECTIONS}
    request = {
        "hook": "order-sign",
        "hookInstance": "0d1e2c3b-4a59-4687-9786-a5b4c3d2e1f0",
        "fhirServer": "https://ehr.example.org/fhir/r4",
        "context": {
            "userId": "Practitioner/" + writer.doctor,
            "patientId": writer.patient_id,
            "draftOrders": {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": writer.order()}],
            },
        },
        "prefetch": prefetch,
    }
    return Chart(
        body=_text(request),
        resources=1 + len(found),
        resource_bytes=sum(len(_text(resource)) for resource in (patient, *found)),
    )


def _text(value: Json) -> bytes:
    """Compact JSON, as servers send it."""
    return json.dumps(value, separators=(",", ":")).encode()


def _bundle(key: str, resources: Sequence[Json]) -> Json:
    """A searchset as a client's FHIR server answers it."""
    base = "https://ehr.example.org/fhir/r4/"
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "link": [{"relation": "self", "url": f"{base}{key}"}],
        "entry": [
            {
                "fullUrl": f"{base}{resource['resourceType']}/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
            for resource in resources
        ],
    }


def _concept(text: str, *codings: tuple[str, str], titled: bool = False) -> Json:
    """A CodeableConcept; official titles only where they are in the public domain."""
    return {
        "coding": [
            {"system": system, "code": code, "display": text, "userSelected": number == 0}
            if titled and number == 0
            else {"system": system, "code": code}
            for number, (system, code) in enumerate(codings)
        ],
        "text": text,
    }


def _term(system: str, code: str) -> Json:
    """A code of HL7's own terminology, with the display that servers add."""
    name = code.replace("-", " ").title()
    local = {"system": f"{_ORGANISATION}.{len(system)}", "code": code.upper(), "display": name}
    return {
        "coding": [{"system": _TERMS + system, "code": code, "display": name}, local],
        "text": name,
    }


class _Writer:
    """Writes the resources of one patient."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.patient_id = self._id()
        self.doctor = self._id()
        self._visit = self._id()

    # ----------------------------------------------------------------------------- what all share

    def _id(self) -> str:
        return "e" + "".join(self._random.choices(_IDENTIFIER_LETTERS, k=_IDENTIFIER_LENGTH))

    def _moment(self, day: date) -> str:
        random = self._random
        return f"{day}T{random.randrange(7, 19):02}:{random.randrange(60):02}:00-05:00"

    def _any_day(self) -> date:
        """A day of the ten years before the order."""
        return SERVICE_DAY - timedelta(days=self._random.randrange(1, 3650))

    def _resource(self, resource_type: str, day: date, title: str) -> Json:
        """The beginning that every resource has."""
        random = self._random
        rows = (("Recorded", f"{day:%B %d, %Y}"), ("By", "Sam Okafor, MD"), ("Site", _SITE))
        cells = "".join(f"<tr><td><b>{name}</b></td><td>{text}</td></tr>" for name, text in rows)
        table = f'<p><b>{title}</b></p><table class="grid"><tbody>{cells}</tbody></table>'
        return {
            "resourceType": resource_type,
            "id": self._id(),
            "meta": {
                "versionId": str(random.randrange(1, 9)),
                "lastUpdated": self._moment(day),
                "source": f"{_ORGANISATION}.4",
                "profile": [f"http://hl7.org/fhir/us/core/StructureDefinition/{resource_type}"],
                "tag": [{"system": f"{_ORGANISATION}.6", "code": "facility-3", "display": _SITE}],
            },
            "text": {
                "status": "generated",
                "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{table}</div>',
            },
            "extension": [
                {
                    "url": f"http://ehr.example.org/fhir/StructureDefinition/{name}",
                    "valueCodeableConcept": {
                        "coding": [{"system": f"{_ORGANISATION}.{number}", "code": str(number)}],
                        "text": name.replace("-", " "),
                    },
                }
                for number, name in ((72, "record-source"), (88, "workflow-step"))
            ],
            "identifier": [
                {
                    "use": use,
                    "type": {"text": kind},
                    "system": f"{_ORGANISATION}.2.{random.randrange(798268, 798299)}",
                    "value": str(random.randrange(10**8, 10**9)),
                }
                for use, kind in (("usual", "INTERNAL"), ("secondary", "EXTERNAL"))
            ],
        }

    def _subject(self) -> Json:
        return {
            "reference": f"Patient/{self.patient_id}",
            "type": "Patient",
            "display": "Rivers, Alex",
        }

    def _encounter(self) -> Json:
        return {
            "reference": f"Encounter/{self._visit}",
            "type": "Encounter",
            "identifier": {"use": "usual", "system": f"{_ORGANISATION}.3", "value": "10483"},
            "display": "Office visit",
        }

    def _doctor(self) -> Json:
        return {
            "reference": f"Practitioner/{self.doctor}",
            "type": "Practitioner",
            "display": "Sam Okafor, MD",
        }

    # ------------------------------------------------------------------------- one of each type

    def patient(self) -> Json:
        """The patient, as US Core writes one."""
        resource = self._resource("Patient", SERVICE_DAY, "Rivers, Alex")
        return resource | {
            "id": self.patient_id,
            "active": True,
            "name": [{"use": "official", "family": "Rivers", "given": ["Alex", "J."]}],
            "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}],
            "gender": "male",
            "birthDate": "1957-03-09",
            "address": [{"use": "home", "line": ["1 Main St"], "city": "Albany", "state": "NY"}],
        }

    def order(self) -> Json:
        """The draft order that is signed: a complete defibrillator system."""
        resource = self._resource("ServiceRequest", SERVICE_DAY, "Order")
        return resource | {
            "status": "draft",
            "intent": "order",
            "code": {"coding": [{"system": _CPT, "code": "33249"}]},
            "subject": self._subject(),
            "occurrenceDateTime": SERVICE_DAY.isoformat(),
            "authoredOn": self._moment(SERVICE_DAY - timedelta(days=1)),
            "requester": self._doctor(),
        }

    def _coverage(self) -> Json:
        resource = self._resource("Coverage", SERVICE_DAY, "Medicare Part B")
        return resource | {
            "status": "active",
            "type": _concept("Medicare", ("https://nahdo.org/sopt", "121")),
            "beneficiary": self._subject(),
            "subscriberId": "1EG4TE5MK73",
            "relationship": _term("subscriber-relationship", "self"),
            "period": {"start": "2022-04-01"},
            "payor": [{"display": "Medicare Part B"}],
        }

    def _condition(self, code: Json, day: date) -> Json:
        resource = self._resource("Condition", day, "Problem")
        return resource | {
            "clinicalStatus": _term("condition-clinical", "active"),
            "verificationStatus": _term("condition-ver-status", "confirmed"),
            "category": [_term("condition-category", "problem-list-item")],
            "code": code,
            "subject": self._subject(),
            "encounter": self._encounter(),
            "onsetDateTime": day.isoformat(),
            "recordedDate": day.isoformat(),
            "recorder": self._doctor(),
        }

    def _observation(self, category: str, code: Json, day: date, value: Json) -> Json:
        resource = self._resource("Observation", day, code["text"])
        return (
            resource
            | {
                "status": "final",
                "category": [_term("observation-category", category)],
                "code": code,
                "subject": self._subject(),
                "encounter": self._encounter(),
                "effectiveDateTime": self._moment(day),
                "issued": self._moment(day),
                "performer": [self._doctor(), {"display": _SITE, "type": "Organization"}],
                "interpretation": [_term("v3-ObservationInterpretation", "N")],
                "basedOn": [{"reference": f"ServiceRequest/{self._id()}", "display": "Order"}],
                "specimen": {"reference": f"Specimen/{self._id()}", "display": "Specimen"},
            }
            | value
        )

    def _measured(self, low: float, high: float, unit: str) -> Json:
        """A value around its reference range, which is sent along."""
        value = round(self._random.uniform(low * 0.9, high * 1.1), 1)
        shared = {"unit": unit, "system": _UCUM, "code": unit}
        return {
            "valueQuantity": {"value": value, **shared},
            "referenceRange": [
                {
                    "low": {"value": low, **shared},
                    "high": {"value": high, **shared},
                    "text": f"{low} - {high} {unit}",
                },
            ],
        }

    def _procedure(self, code: Json, day: date) -> Json:
        resource = self._resource("Procedure", day, code["text"])
        return resource | {
            "status": "completed",
            "category": _concept("Procedure", (_SNOMED, "387713003")),
            "code": code,
            "subject": self._subject(),
            "encounter": self._encounter(),
            "performedDateTime": self._moment(day),
            "performer": [{"actor": self._doctor()}],
        }

    def _prescription(self, code: str, name: str, sig: str, day: date) -> Json:
        resource = self._resource("MedicationRequest", day, name)
        return resource | {
            "status": "active",
            "intent": "order",
            "category": [_term("medicationrequest-category", "community")],
            "medicationCodeableConcept": _concept(
                name,
                (_RXNORM, code),
                (_ORGANISATION + ".2.698288", str(self._random.randrange(1000, 99999))),
                titled=True,
            ),
            "subject": self._subject(),
            "encounter": self._encounter(),
            "authoredOn": day.isoformat(),
            "requester": self._doctor(),
            "dosageInstruction": [
                {
                    "text": sig,
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "route": _concept("Oral", (_SNOMED, "26643006")),
                    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
                },
            ],
            "dispenseRequest": {
                "numberOfRepeatsAllowed": 3,
                "quantity": {"value": 90, "unit": "tablet"},
            },
        }

    def _visit_on(self, day: date) -> Json:
        setting, code, name = self._random.choice(VISITS)
        resource = self._resource("Encounter", day, name)
        self._visit = resource["id"]
        return resource | {
            "status": "finished",
            "class": {"system": _TERMS + "v3-ActCode", "code": setting, "display": name},
            "type": [_concept(name, (_SNOMED, code), (_CPT, "99214"))],
            "subject": self._subject(),
            "participant": [
                {"type": [_term("v3-ParticipationType", "ATND")], "individual": self._doctor()},
            ],
            "period": {"start": self._moment(day), "end": self._moment(day)},
            "location": [{"location": {"display": "Cardiology and internal medicine, floor 3"}}],
            "serviceProvider": {"display": "Example Health"},
        }

    def _immunization(self, day: date) -> Json:
        code, name = self._random.choice(VACCINES)
        resource = self._resource("Immunization", day, name)
        return resource | {
            "status": "completed",
            "vaccineCode": _concept(name, ("http://hl7.org/fhir/sid/cvx", code)),
            "patient": self._subject(),
            "encounter": self._encounter(),
            "occurrenceDateTime": day.isoformat(),
            "primarySource": True,
            "lotNumber": str(self._random.randrange(10**6)),
            "site": _concept("Left arm", (_TERMS + "v3-ActSite", "LA")),
            "performer": [{"actor": self._doctor()}],
        }

    def _report(self, day: date) -> Json:
        resource = self._resource("DiagnosticReport", day, "Panel")
        return resource | {
            "status": "final",
            "category": [_term("v2-0074", "LAB")],
            "code": _concept("Basic metabolic panel", (_LOINC, "51990-0")),
            "subject": self._subject(),
            "encounter": self._encounter(),
            "effectiveDateTime": self._moment(day),
            "issued": self._moment(day),
            "performer": [self._doctor()],
            "result": [{"reference": f"Observation/{self._id()}"} for _ in range(6)],
        }

    def _allergy(self, day: date) -> Json:
        resource = self._resource("AllergyIntolerance", day, "Allergy")
        return resource | {
            "clinicalStatus": _term("allergyintolerance-clinical", "active"),
            "verificationStatus": _term("allergyintolerance-verification", "confirmed"),
            "type": "allergy",
            "category": ["medication"],
            "criticality": "low",
            "code": _concept("penicillin", (_RXNORM, "70618"), titled=True),
            "patient": self._subject(),
            "recordedDate": day.isoformat(),
            "reaction": [{"manifestation": [_concept("Hives", (_SNOMED, "126485001"))]}],
        }

    def _document(self, day: date) -> Json:
        resource = self._resource("DocumentReference", day, "Progress note")
        return resource | {
            "status": "current",
            "docStatus": "final",
            "type": _concept("Progress note", (_LOINC, "11506-3")),
            "category": [_concept("Clinical note", (_CATEGORY, "clinical-note"))],
            "subject": self._subject(),
            "date": self._moment(day),
            "author": [self._doctor()],
            "content": [
                {"attachment": {"contentType": "text/html", "url": f"Binary/{self._id()}"}},
            ],
            "context": {"encounter": [self._encounter()], "period": {"start": self._moment(day)}},
        }

    # ------------------------------------------------------------------------------ whole charts

    def cardiac_records(self) -> list[Json]:
        """What bears on the policy: an old infarction and stent, a weak left ventricle.

        Everything but the shared decision is on file, the commonest reason why such an order is not
        ready to be signed.
        """

        def before(days: int) -> date:
            return SERVICE_DAY - timedelta(days=days)

        percent = {"unit": "%", "system": _UCUM, "code": "%"}
        titles = {
            "I25.5": "Ischemic cardiomyopathy",
            "I25.2": "Old myocardial infarction",
            "I50.22": "Chronic systolic (congestive) heart failure",
        }
        conditions = [
            self._condition(_concept(title, (_ICD10, code), titled=True), before(days))
            for (code, title), days in zip(titles.items(), (300, 700, 280), strict=True)
        ]
        return [
            self._coverage(),
            self._visit_on(before(9)),
            *conditions,
            self._procedure(_concept("Coronary stent", (_CPT, "92928")), before(700)),
            self._observation(
                "imaging",
                _concept("Ejection fraction, ultrasound", (_LOINC, "8806-2")),
                before(9),
                {"valueQuantity": {"value": 28, **percent}},
            ),
            self._observation(
                "exam",
                _concept("NYHA class", (_LOINC, "88020-3")),
                before(9),
                {"valueCodeableConcept": _concept("Class II", (_LOINC, "LA28405-1"))},
            ),
            self._prescription("200031", "carvedilol 6.25 MG Oral Tablet", "1 twice", before(380)),
            self._prescription("314077", "lisinopril 20 MG Oral Tablet", "1 a day", before(380)),
        ]

    def other_records(self, count: int) -> list[Json]:
        """``count`` records of everyday care, in the same mix whatever the count."""
        makers: Sequence[tuple[float, Callable[[date], Json]]] = (
            (0.28, self._laboratory_value),
            (0.12, self._vital_sign),
            (0.08, self._blood_pressure),
            (0.12, self._visit_on),
            (0.12, self._other_condition),
            (0.11, self._other_prescription),
            (0.06, self._other_procedure),
            (0.04, self._report),
            (0.03, self._document),
            (0.03, self._immunization),
            (0.01, self._allergy),
        )
        # Whoever is furthest behind its share is next: small charts get the mix of large ones.
        made = [0] * len(makers)
        found: list[Json] = []
        for number in range(1, count + 1):
            behind = [share * number - done for (share, _), done in zip(makers, made, strict=True)]
            chosen = behind.index(max(behind))
            made[chosen] += 1
            found.append(makers[chosen][1](self._any_day()))
        return found

    def _laboratory_value(self, day: date) -> Json:
        code, name, unit, low, high = self._random.choice(LABORATORY)
        concept = _concept(name, (_LOINC, code), (_ORGANISATION + ".5.737384", name.upper()))
        return self._observation("laboratory", concept, day, self._measured(low, high, unit))

    def _vital_sign(self, day: date) -> Json:
        code, name, unit, low, high = self._random.choice(VITAL_SIGNS)
        concept = _concept(name, (_LOINC, code))
        return self._observation("vital-signs", concept, day, self._measured(low, high, unit))

    def _blood_pressure(self, day: date) -> Json:
        components = [
            {
                "code": _concept(name, (_LOINC, code)),
                **self._measured(low, high, "mm[Hg]"),
            }
            for code, name, low, high in (
                ("8480-6", "Systolic", 100.0, 140.0),
                ("8462-4", "Diastolic", 60.0, 90.0),
            )
        ]
        concept = _concept("Blood pressure", (_LOINC, "85354-9"))
        return self._observation("vital-signs", concept, day, {"component": components})

    def _other_condition(self, day: date) -> Json:
        icd10, title, snomed = self._random.choice(DIAGNOSES)
        return self._condition(_concept(title, (_ICD10, icd10), (_SNOMED, snomed)), day)

    def _other_prescription(self, day: date) -> Json:
        return self._prescription(*self._random.choice(DRUGS), day)

    def _other_procedure(self, day: date) -> Json:
        cpt, snomed, name = self._random.choice(PROCEDURES)
        return self._procedure(_concept(name, (_CPT, cpt), (_SNOMED, snomed)), day)
