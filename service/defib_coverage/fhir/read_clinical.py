"""Conditions, procedures and observations as facts (the tables and dates of rule 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from defib_coverage.coverage.chart import Fact, Kind
from defib_coverage.coverage.dates import DateSpan, add_months, read_date
from defib_coverage.fhir.read_values import (
    read_classes,
    read_ejection_fraction,
    read_rate,
)
from defib_coverage.fhir.reading import end_or_start, period_end, reference_of
from defib_coverage.fhir.resources import Encounter

if TYPE_CHECKING:
    from defib_coverage.coverage.chart import Quantity
    from defib_coverage.coverage.codes import Match
    from defib_coverage.fhir.reading import Reading
    from defib_coverage.fhir.resources import (
        CodeableConcept,
        Condition,
        Observation,
        Procedure,
        Value,
    )

_CURRENT = frozenset({"active", "recurrence", "relapse"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_POSSIBLE_DIAGNOSIS = frozenset({"provisional", "differential", "unconfirmed"})
_NOT_DONE = frozenset({"not-done", "entered-in-error"})
_POSSIBLY_DONE = frozenset({"stopped", "on-hold", "unknown"})
_FINAL = frozenset({"final", "amended", "corrected"})
_OLDEST_AGE = 150


def read_condition(reading: Reading, resource: Condition) -> None:
    """A Condition; also a NYHA class recorded as one."""
    matches = reading.vocabulary.diagnoses(resource.code)
    if not matches:
        return
    verification = _status_code(resource.verification_status)
    if verification in _REFUTED:
        return
    status = _status_code(resource.clinical_status)
    ended = read_date(resource.abatement_date_time) or period_end(resource.abatement_period)
    reading.file(
        matches,
        Fact(
            reference=reference_of(resource),
            kind=Kind.CONDITION,
            confirmed=verification not in _POSSIBLE_DIAGNOSIS,
            current=status is None or status in _CURRENT,
            when=_onset(reading, resource),
            recorded=read_date(resource.recorded_date),
            encountered=_encounter_start(reading, resource),
            ended=ended,
            classes=tuple({m.entry.nyha for m in matches if m.entry.nyha is not None}),
        ),
    )


def _status_code(status: CodeableConcept | None) -> str | None:
    if status is not None:
        for coding in status.coding:
            if coding.code:
                return coding.code
    return None


def _onset(reading: Reading, resource: Condition) -> DateSpan | None:
    onset = read_date(resource.onset_date_time)
    if onset is None and resource.onset_period is not None:
        onset = read_date(resource.onset_period.start)
    if onset is None and resource.onset_age is not None:
        onset = _at_age(reading.birth, resource.onset_age.value, resource.onset_age.code)
    return onset


def _at_age(birth: DateSpan | None, age: float | None, unit: str | None) -> DateSpan | None:
    """The days on which the patient was of that age in years."""
    if birth is None or age is None or unit not in {"a", None} or not 0 <= age <= _OLDEST_AGE:
        return None
    try:
        low = add_months(birth.low, 12 * int(age))
        high = add_months(birth.high, 12 * (int(age) + 1)) - timedelta(days=1)
    except OverflowError:
        return None
    return DateSpan(low, high)


def _encounter_start(reading: Reading, resource: Condition) -> DateSpan | None:
    """The start of the visit at which a condition was noted."""
    if resource.encounter is None:
        return None
    visit = reading.find(None, resource.encounter.reference)
    if not isinstance(visit, Encounter) or visit.period is None:
        return None
    return read_date(visit.period.start)


def read_procedure(reading: Reading, resource: Procedure) -> None:
    """A Procedure, done, possibly done or planned."""
    matches = reading.vocabulary.matches(resource.code)
    if resource.status in _NOT_DONE:
        return
    text = None if resource.code is None else resource.code.text
    if not matches and not reading.vocabulary.speaks_of_visit(text):
        return
    fact = Fact(
        reference=reference_of(resource),
        kind=Kind.PROCEDURE,
        confirmed=resource.status not in _POSSIBLY_DONE,
        planned=resource.status == "preparation",
        in_words=not matches,
        when=end_or_start(resource.performed_date_time, resource.performed_period),
        clinician=reading.holder(matches, resource.contained, resource.performer),
    )
    reading.file_visit(matches, fact)


def read_observation(reading: Reading, resource: Observation) -> None:
    """An Observation with its components."""
    if resource.status not in _FINAL and resource.status != "preliminary":
        return
    for match in reading.vocabulary.matches(resource.code):
        _read_value(reading, resource, resource, match)
    if resource.component is not None:
        for component in resource.component:
            for match in reading.vocabulary.matches(component.code):
                _read_value(reading, resource, component, match)


def _read_value(
    reading: Reading,
    resource: Observation,
    value: Observation | Value,
    match: Match,
) -> None:
    if value.value_boolean is False:  # asked and answered with no
        return
    quantity: Quantity | None = None
    classes: tuple[int, ...] = ()
    modality = None
    match match.value_set:
        case "lvef":
            quantity = read_ejection_fraction(value)
            if quantity is None:
                return
            modality = _modality(reading, resource)
        case "heart-rate":
            quantity = read_rate(value)
        case "nyha":
            classes = read_classes(value, reading.vocabulary) or tuple(
                c for c in (match.entry.nyha,) if c is not None
            )
        case _:
            pass
    reading.file(
        (match,),
        Fact(
            reference=reference_of(resource),
            kind=Kind.OBSERVATION,
            confirmed=resource.status != "preliminary",
            when=end_or_start(resource.effective_date_time, resource.effective_period),
            recorded=read_date(resource.issued),
            quantity=quantity,
            classes=classes,
            modality=modality,
            clinician=reading.holder((match,), resource.contained, resource.performer),
        ),
    )


def _modality(reading: Reading, resource: Observation) -> str | None:
    """The imaging modality that Observation.method names."""
    for match in reading.vocabulary.matches(resource.method):
        if match.entry.modality is not None:
            return match.entry.modality
    return None
