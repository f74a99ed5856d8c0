"""What the rules need of a chart, with the prefetch template that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.chart import Need
from defib_coverage.fhir.systems import SYSTEM_URIS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.coverage.codes import CodeIndex

# Observations that the rules read; their codes fill the template.
OBSERVATION_SETS = ("lvef", "nyha", "heart-rate")


class PrefetchKey(msgspec.Struct, frozen=True):
    """One key of the discovery document.

    ``types`` are the resource types that answer the need. ``required``: without it the answer
    names the gap; the others widen what can be found, and their absence alone says nothing.
    """

    name: str
    need: Need
    types: tuple[str, ...]
    template: str
    required: bool = True


PREFETCH: tuple[PrefetchKey, ...] = (
    PrefetchKey(
        "patient", "patient", ("Patient",), "Patient/{{context.patientId}}", required=False
    ),
    PrefetchKey(
        "coverage",
        "coverage",
        ("Coverage",),
        "Coverage?patient={{context.patientId}}&status=active",
        required=False,
    ),
    PrefetchKey(
        "conditions",
        "conditions",
        ("Condition",),
        "Condition?patient={{context.patientId}}",
    ),
    PrefetchKey(
        "procedures",
        "procedures",
        ("Procedure",),
        "Procedure?patient={{context.patientId}}",
    ),
    PrefetchKey(
        "observations",
        "observations",
        ("Observation",),
        # LVEF, NYHA class and heart rate only: a whole laboratory record is never asked for.
        "Observation?patient={{context.patientId}}&code={codes}",
    ),
    PrefetchKey(
        "medicationRequests",
        "medications",
        ("MedicationRequest",),
        "MedicationRequest?patient={{context.patientId}}",
    ),
    PrefetchKey(
        "medicationStatements",
        "medications",
        ("MedicationStatement",),
        "MedicationStatement?patient={{context.patientId}}",
        required=False,
    ),
    PrefetchKey(
        "encounters",
        "encounters",
        ("Encounter",),
        "Encounter?patient={{context.patientId}}",
    ),
    PrefetchKey("devices", "devices", ("Device",), "Device?patient={{context.patientId}}"),
    PrefetchKey(
        "serviceRequests",
        "requests",
        ("ServiceRequest", "Appointment"),
        "ServiceRequest?patient={{context.patientId}}&status=active",
        required=False,
    ),
    PrefetchKey(
        "documents",
        "documents",
        ("DocumentReference",),
        "DocumentReference?patient={{context.patientId}}",
        required=False,
    ),
)
KEYS: Mapping[str, PrefetchKey] = {key.name: key for key in PREFETCH}
NEED_OF_TYPE: Mapping[str, Need] = {t: key.need for key in PREFETCH for t in key.types}
KEYS_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    t: tuple(key.name for key in PREFETCH if t in key.types) for t in NEED_OF_TYPE
}
REQUIRED: frozenset[str] = frozenset(key.name for key in PREFETCH if key.required)
# What other records point at: who held a visit, what a drug is, who pays.
READ_TYPES = (
    *dict.fromkeys(t for key in PREFETCH for t in key.types if t != "Appointment"),
    "DeviceRequest",
    "Practitioner",
    "PractitionerRole",
    "Medication",
    "Organization",
)


def templates(index: CodeIndex) -> dict[str, str]:
    """The template of every key; they keep to tokens and queries that CDS Hooks 2.0 knows."""
    codes = ",".join(
        f"{SYSTEM_URIS[entry.system][0]}|{entry.code}"
        for value_set in OBSERVATION_SETS
        for entry in index.value_sets[value_set].codes
        if entry.system in {"loinc", "snomed"} and not entry.code.startswith("LA")
    )
    return {key.name: key.template.replace("{codes}", codes) for key in PREFETCH}
