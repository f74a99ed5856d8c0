"""From FHIR resources to the chart of the core.

A resource whose codes are in no value set costs one look-up and is gone. One that belongs to
another patient is dropped and counted. What remains becomes a fact with the dates, standing and
values that the rules ask for (rule 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defib_coverage.fhir.read_care import (
    read_appointment,
    read_device,
    read_document,
    read_encounter,
    read_medication,
    read_request,
)
from defib_coverage.fhir.read_clinical import read_condition, read_observation, read_procedure
from defib_coverage.fhir.read_coverage import read_coverage
from defib_coverage.fhir.reading import Reading, Vocabulary
from defib_coverage.fhir.references import names_nobody
from defib_coverage.fhir.resources import (
    Appointment,
    Condition,
    Coverage,
    Device,
    DocumentReference,
    Encounter,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Procedure,
    Reference,
    ServiceRequest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from defib_coverage.coverage.chart import Chart
    from defib_coverage.coverage.codes import CodeIndex, Match
    from defib_coverage.fhir.answers import Answers
    from defib_coverage.fhir.plans import Plan
    from defib_coverage.fhir.resources import CodeableConcept, Resource

# Each reader takes the resource type it stands beside.
_READERS: Mapping[type, Callable[[Reading, Any], None]] = {
    Condition: read_condition,
    Procedure: read_procedure,
    Observation: read_observation,
    MedicationRequest: read_medication,
    MedicationStatement: read_medication,
    Encounter: read_encounter,
    DocumentReference: read_document,
    Device: read_device,
    ServiceRequest: read_request,
    Appointment: read_appointment,
    Coverage: read_coverage,
}


class ChartReader:
    """Reads charts by one set of value sets; holds no patient data between calls."""

    def __init__(self, index: CodeIndex, plans: Sequence[Plan] = ()) -> None:
        """Read by ``index``, and tell Coverages of the configured payers ``plans``."""
        self._vocabulary = Vocabulary(index, plans)

    def matches(self, concept: CodeableConcept | None) -> tuple[Match, ...]:
        """The value sets that any code of a concept is in."""
        return self._vocabulary.matches(concept)

    def read(
        self,
        answers: Answers,
        patient_id: str,
        also: Sequence[Resource] = (),
    ) -> tuple[Chart, tuple[str, ...]]:
        """Read the chart of one patient; also what it points at and did not come along.

        Args:
            answers: the resources that came.
            patient_id: id of the patient whose chart it is.
            also: further resources of the call: what else is being ordered.
        """
        reading = Reading(self._vocabulary, answers, patient_id)
        is_patient = reading.is_patient
        own = is_patient.names
        reader_of = _READERS.get
        for entry in answers.entries:
            resource = entry.resource
            read = reader_of(type(resource))
            if resource is None or read is None:
                continue
            subject = resource.subject  # type: ignore[union-attr]
            # Nearly all name the patient as the call does.
            if (type(subject) is Reference and subject.reference in own) or is_patient(subject):
                read(reading, resource)
            elif names_nobody(subject):
                reading.disown(resource)
            else:
                reading.other_patient += 1
        for resource in also:
            read = _READERS.get(type(resource))
            if read is None:
                continue
            subject = resource.subject  # type: ignore[union-attr]
            # Draft orders are often poor: one without a subject belongs to the call's patient.
            if names_nobody(subject) or is_patient(subject):
                read(reading, resource)
        return reading.chart(), tuple(reading.unresolved)
