"""An order-sign call with an invented patient, to try a registration out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from defib_coverage.fhir.needs import PREFETCH

_PATIENT = "invented-patient"
_IN_DAYS = 7


def invented_order(now: float) -> bytes:
    """The body of a call that every rule can answer: ischemic, but no diagnosis of heart failure.

    Args:
        now: seconds since 1970; the order is for a week later.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    order = {
        "resourceType": "ServiceRequest",
        "id": "invented-order",
        "status": "draft",
        "intent": "order",
        "code": _concept("http://www.ama-assn.org/go/cpt", "33249"),
        "subject": {"reference": f"Patient/{_PATIENT}"},
        "requester": {"reference": "Practitioner/invented-practitioner"},
        "authoredOn": today.isoformat(),
        "occurrenceDateTime": (today + timedelta(_IN_DAYS)).isoformat(),
    }
    condition = {
        "resourceType": "Condition",
        "id": "invented-condition",
        "subject": {"reference": f"Patient/{_PATIENT}"},
        "code": _concept("http://hl7.org/fhir/sid/icd-10-cm", "I25.5"),
        "clinicalStatus": _concept(
            "http://terminology.hl7.org/CodeSystem/condition-clinical", "active"
        ),
        "verificationStatus": _concept(
            "http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"
        ),
        "onsetDateTime": (today - timedelta(365)).isoformat(),
    }
    prefetch: dict[str, Any] = {key.name: _bundle("searchset") for key in PREFETCH}
    prefetch["patient"] = {"resourceType": "Patient", "id": _PATIENT, "birthDate": "1958-05-14"}
    prefetch["conditions"] = _bundle("searchset", condition)
    context = {
        "userId": "Practitioner/invented-practitioner",
        "patientId": _PATIENT,
        "draftOrders": _bundle("collection", order),
    }
    call = {
        "hook": "order-sign",
        "hookInstance": str(uuid4()),
        "context": context,
        "prefetch": prefetch,
    }
    return json.dumps(call).encode()


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _bundle(kind: str, *resources: dict[str, Any]) -> dict[str, Any]:
    """A Bundle; without entry where there is none, for FHIR's JSON has no empty lists."""
    entries = [{"resource": resource} for resource in resources]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    return bundle | ({"entry": entries} if entries else {})
