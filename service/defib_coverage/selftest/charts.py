"""One invented patient: the records that cover a first implant, and the orders for it."""

from __future__ import annotations

from typing import Any

from defib_coverage.fhir.systems import OWN_EVIDENCE, SYSTEM_URIS

Json = dict[str, Any]
"""FHIR and CDS Hooks JSON: what awkward and hostile clients send has no other type."""

PATIENT = "selftest-patient"
SECRET = "Qvistgaard"  # noqa: S105 - a name that no answer may repeat, not a password
ORDERED_ON = "2025-03-10"
BOOKED_FOR = "2025-03-24"
_SUBJECT = {"reference": f"Patient/{PATIENT}"}
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def concept(code: str, system: str) -> Json:
    """A CodeableConcept; ``system`` is our short name of a code system, or a URI."""
    uri = SYSTEM_URIS[system][0] if system in SYSTEM_URIS else system
    return {"coding": [{"system": uri, "code": code}]}


def order(code: str = "33249", identity: str = "selftest-order", **more: object) -> Json:
    """A ServiceRequest by its CPT code; by default for the implant of a defibrillator system."""
    return _draft("ServiceRequest", identity) | {"code": concept(code, "cpt")} | more


def device_order(identity: str = "selftest-device") -> Json:
    """A DeviceRequest for a dual-chamber defibrillator."""
    return _draft("DeviceRequest", identity) | {"codeCodeableConcept": concept("C1721", "hcpcs")}


def _draft(kind: str, identity: str) -> Json:
    return {
        "resourceType": kind,
        "id": identity,
        "status": "draft",
        "intent": "order",
        "subject": _SUBJECT,
        "requester": {"reference": "Practitioner/selftest-doctor"},
        "authoredOn": ORDERED_ON,
        "occurrenceDateTime": ORDERED_ON,
    }


def appointment(of_order: Json) -> Json:
    """A proposed Appointment for an order."""
    return {
        "resourceType": "Appointment",
        "id": "selftest-appointment",
        "status": "proposed",
        "basedOn": [{"reference": f"{of_order['resourceType']}/{of_order['id']}"}],
        "start": f"{BOOKED_FOR}T09:00:00-05:00",
        "end": f"{BOOKED_FOR}T12:00:00-05:00",
        "participant": [{"actor": _SUBJECT, "status": "accepted"}],
    }


def patient() -> Json:
    """The patient, with a name that no answer may repeat."""
    return {
        "resourceType": "Patient",
        "id": PATIENT,
        "name": [{"family": SECRET}],
        "birthDate": "1951-05-14",
    }


def medicare() -> Json:
    """The patient's Coverage, with a member's number that no answer may repeat."""
    return {
        "resourceType": "Coverage",
        "id": "selftest-coverage",
        "status": "active",
        "subscriberId": SECRET,
        "beneficiary": _SUBJECT,
        "payor": [{"display": "Centers for Medicare & Medicaid Services"}],
        "class": [{"type": concept("plan", f"{_TERMINOLOGY}/coverage-class"), "name": "Medicare"}],
    }


def condition(code: str, identity: str, since: str = "2024-06-01") -> Json:
    """A confirmed, active Condition by its ICD-10-CM code."""
    return {
        "resourceType": "Condition",
        "id": identity,
        "subject": _SUBJECT,
        "code": concept(code, "icd10cm"),
        "clinicalStatus": concept("active", f"{_TERMINOLOGY}/condition-clinical"),
        "verificationStatus": concept("confirmed", f"{_TERMINOLOGY}/condition-ver-status"),
        "onsetDateTime": since,
    }


def ejection_fraction(identity: str = "selftest-lvef", unit: str = "%", value: int = 32) -> Json:
    """An echocardiographic ejection fraction."""
    amount = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return _observation("8806-2", identity) | {"valueQuantity": amount}


def _observation(code: str, identity: str) -> Json:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "subject": _SUBJECT,
        "code": concept(code, "loinc"),
        "effectiveDateTime": "2025-02-20",
    }


def functional_class() -> Json:
    """NYHA class II."""
    return _observation("88020-3", "selftest-nyha") | {
        "valueCodeableConcept": concept("LA28406-9", "loinc")
    }


def shared_decision() -> Json:
    """A shared decision-making visit held by a physician."""
    qualification = {"code": concept("MD", "v2-0360")}
    doctor = {"resourceType": "Practitioner", "id": "who", "qualification": [qualification]}
    evidence = f"https://defib-coverage.example/fhir/CodeSystem/{OWN_EVIDENCE}"
    return {
        "resourceType": "Encounter",
        "id": "selftest-visit",
        "status": "finished",
        "type": [concept("shared-decision-making", evidence)],
        "subject": _SUBJECT,
        "period": {"start": "2025-02-25", "end": "2025-02-25"},
        "contained": [doctor],
        "participant": [{"individual": {"reference": "#who"}}],
    }


def covered_chart() -> list[Json]:
    """A chart that covers a first implant, and leaves nothing open."""
    return [*unpaired_chart(), condition("I50.22", "selftest-failure")]


def unpaired_chart() -> list[Json]:
    """The same chart without the heart failure that ischemic cardiomyopathy is billed with."""
    return [
        patient(),
        medicare(),
        condition("I25.5", "selftest-ischemic"),
        ejection_fraction(),
        functional_class(),
        shared_decision(),
    ]
