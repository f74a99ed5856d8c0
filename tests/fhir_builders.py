"""Small builders for FHIR R4 JSON: orders, charts, and the hook calls that carry them."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

from defib_coverage.fhir.needs import NEED_OF_TYPE, PREFETCH
from defib_coverage.fhir.systems import SYSTEM_URIS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Json = dict[str, Any]

DOS = "2026-11-20"
PATIENT = "p1"
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
EVIDENCE = "https://defib-coverage.example/fhir/CodeSystem/defib-evidence"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
# Resources that only stand beside others are answers to the key of those that name them.
_BESIDE = {"Practitioner": "encounters", "PractitionerRole": "encounters", "Medication": None}
_numbers = count(1)


def coding(code: str, system: str) -> Json:
    """A coding by the short name of its system, or by a URI."""
    return {"system": SYSTEM_URIS[system][0] if system in SYSTEM_URIS else system, "code": code}


def concept(code: str, system: str, **more: object) -> Json:
    """A CodeableConcept of one coding."""
    return {"coding": [coding(code, system)], **more}


def resource(resource_type: str, **fields: object) -> Json:
    """A resource of the patient, with an id of its own; a field given as None is left out."""
    made: Json = {
        "resourceType": resource_type,
        "id": f"r{next(_numbers)}",
        "subject": {"reference": f"Patient/{PATIENT}"},
        **fields,
    }
    return {name: value for name, value in made.items() if value is not None}


def order(
    code: str = "33249",
    system: str = "cpt",
    /,
    day: str | None = DOS,
    **fields: object,
) -> Json:
    """A draft ServiceRequest with its service date."""
    made: Json = {
        "id": "order-1",
        "status": "draft",
        "intent": "order",
        "code": concept(code, system),
        "occurrenceDateTime": day,
        **fields,
    }
    return resource("ServiceRequest", **made)


def device_request(code: str, day: str | None = DOS, **fields: object) -> Json:
    """A draft DeviceRequest for a HCPCS device code."""
    made: Json = {
        "id": "order-1",
        "status": "draft",
        "intent": "order",
        "codeCodeableConcept": concept(code, "hcpcs"),
        "occurrenceDateTime": day,
        **fields,
    }
    return resource("DeviceRequest", **made)


def patient(**fields: object) -> Json:
    """The patient."""
    return {"resourceType": "Patient", "id": PATIENT, "birthDate": "1958-05-14", **fields}


def condition(
    code: str,
    onset: str | None = None,
    /,
    *,
    system: str = "icd10cm",
    clinical: str | None = "active",
    verification: str | None = "confirmed",
    **fields: object,
) -> Json:
    """A Condition, active and confirmed unless said otherwise."""
    made: Json = {
        "code": concept(code, system),
        "clinicalStatus": None if clinical is None else concept(clinical, _CLINICAL),
        "verificationStatus": None
        if verification is None
        else concept(verification, _VERIFICATION),
        "onsetDateTime": onset,
        **fields,
    }
    return resource("Condition", **made)


def lvef(
    value: float | None,
    day: str | None = "2026-11-01",
    *,
    code: str = "8806-2",
    unit: str | None = "%",
    **fields: object,
) -> Json:
    """An LVEF reading, by echocardiography unless said otherwise."""
    quantity: Json | None = None
    if value is not None:
        quantity = {"value": value}
        if unit is not None:
            quantity |= {"unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}
    made: Json = {
        "status": "final",
        "code": concept(code, "loinc"),
        "effectiveDateTime": day,
        "valueQuantity": quantity,
        **fields,
    }
    return resource("Observation", **made)


_NYHA = {1: "LA28404-4", 2: "LA28405-1", 3: "LA28406-9", 4: "LA28407-7"}


def nyha(grade: int | str, day: str | None = "2026-11-01", **fields: object) -> Json:
    """A NYHA class, as an answer code or as text."""
    value = {"text": grade} if isinstance(grade, str) else concept(_NYHA[grade], "loinc")
    made: Json = {
        "status": "final",
        "code": concept("88020-3", "loinc"),
        "effectiveDateTime": day,
        "valueCodeableConcept": value,
        **fields,
    }
    return resource("Observation", **made)


def heart_rate(value: float, day: str | None = "2026-11-15") -> Json:
    """A resting heart rate."""
    return resource(
        "Observation",
        status="final",
        code=concept("8867-4", "loinc"),
        effectiveDateTime=day,
        valueQuantity={"value": value, "unit": "/min", "code": "/min"},
    )


def visit(day: str | None = "2026-11-05", profession: str | None = "MD", **fields: object) -> Json:
    """A shared decision-making visit, held by a contained Practitioner of a v2-0360 profession."""
    made: Json = {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [concept("shared-decision-making", EVIDENCE)],
        "period": None if day is None else {"start": day, "end": day},
    }
    if profession is not None:
        made["contained"] = [practitioner("who", profession)]
        made["participant"] = [{"individual": {"reference": "#who"}}]
    return resource("Encounter", **(made | fields))


def practitioner(identifier: str, profession: str | None) -> Json:
    """A Practitioner with a qualification."""
    made: Json = {"resourceType": "Practitioner", "id": identifier}
    if profession is not None:
        made["qualification"] = [{"code": concept(profession, "v2-0360")}]
    return made


def procedure(
    code: str,
    day: str | None,
    *,
    system: str = "cpt",
    status: str = "completed",
    **fields: object,
) -> Json:
    """A Procedure."""
    made: Json = {
        "status": status,
        "code": concept(code, system),
        "performedDateTime": day,
        **fields,
    }
    return resource("Procedure", **made)


def medication(code: str, authored: str | None, status: str = "active", **fields: object) -> Json:
    """A MedicationRequest for an RxNorm code."""
    made: Json = {
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": concept(code, "rxnorm"),
        "authoredOn": authored,
        **fields,
    }
    return resource("MedicationRequest", **made)


def statement(code: str, start: str, end: str | None = None, status: str = "active") -> Json:
    """A MedicationStatement with its period."""
    period = {"start": start} if end is None else {"start": start, "end": end}
    return resource(
        "MedicationStatement",
        status=status,
        medicationCodeableConcept=concept(code, "rxnorm"),
        effectivePeriod=period,
    )


def device(code: str = "72506001", system: str = "snomed", status: str = "active") -> Json:
    """An implanted Device."""
    made = resource("Device", status=status, type=concept(code, system))
    made["patient"] = made.pop("subject")
    return made


def payer(code: str, system: str = "payer-typology", **fields: object) -> Json:
    """An active Coverage of a payer type."""
    made = resource("Coverage", **({"status": "active", "type": concept(code, system)} | fields))
    made["beneficiary"] = made.pop("subject")
    return made


def b1_chart() -> list[Json]:
    """A complete chart for B1: an arrest in the history, LVEF measured."""
    return [patient(), condition("I46.2", "2026-06-01"), lvef(45)]


def b2_chart() -> list[Json]:
    """A complete chart for B2: an infarction years ago."""
    return [patient(), condition("I25.2", "2019-03-01"), *weak_heart(28)]


def b3_chart() -> list[Json]:
    """A complete chart for B3."""
    return [patient(), condition("I25.5", "2024-01-10"), *weak_heart(30)]


def b4_chart() -> list[Json]:
    """A complete chart for B4: ten months of a beta-blocker and an ACE inhibitor."""
    return [
        patient(),
        condition("I42.0", "2024-01-10"),
        *weak_heart(30),
        medication("20352", "2026-01-15"),
        medication("29046", "2026-01-15"),
    ]


def b5_chart() -> list[Json]:
    """A complete chart for B5."""
    return [patient(), condition("I42.2", "2020-02-02"), lvef(60), visit()]


def b6_chart() -> list[Json]:
    """A complete chart for B6: a defibrillator at its elective replacement indicator."""
    return [patient(), condition("Z95.810"), condition("Z45.02")]


def weak_heart(value: float) -> list[Json]:
    """What B2, B3 and B4 ask for alike: partner code, LVEF, NYHA class, shared decision."""
    return [condition("I50.22", "2024-01-10"), lvef(value), nyha(2), visit()]


def bundle(resources: Iterable[Json]) -> Json:
    """A searchset Bundle."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": one} for one in resources],
    }


def by_keys(resources: Iterable[Json]) -> Json:
    """The prefetch of a chart: every key that the service names, empty where nothing is."""
    found: dict[str, list[Json]] = {key.name: [] for key in PREFETCH if key.name != "patient"}
    first = {t: key.name for key in PREFETCH for t in key.types}
    prefetch: Json = {}
    for one in resources:
        kind = one["resourceType"]
        if kind == "Patient":
            prefetch["patient"] = one
            continue
        key = first.get(kind) or _BESIDE.get(kind) or "medicationRequests"
        found[key].append(one)
    return prefetch | {name: bundle(listed) for name, listed in found.items()}


def everything(resources: Iterable[Json]) -> Json:
    """The prefetch of a client that sends Patient/$everything under a key of its own."""
    return {"chart": bundle(resources)}


def clinical_types(resources: Iterable[Json]) -> set[str]:
    """The resource types of a chart that answer a need, without the Patient."""
    return {one["resourceType"] for one in resources} & (NEED_OF_TYPE.keys() - {"Patient"})


def sign(orders: Sequence[Json], prefetch: Json, **more: object) -> bytes:
    """The body of an order-sign call."""
    return json.dumps(
        {
            "hook": "order-sign",
            "hookInstance": INSTANCE,
            "context": {
                "userId": "Practitioner/dr-1",
                "patientId": PATIENT,
                "draftOrders": bundle(orders),
            },
            "prefetch": prefetch,
            **more,
        },
    ).encode()
