"""From FHIR resources to the chart of the core.

A resource whose codes are in no value set costs one look-up and is gone. One that belongs to
another patient is dropped and counted. What remains becomes a fact with the dates, standing and
values that the rules ask for (rule 3).
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from defib_coverage.coverage.chart import Chart, Clinician, Fact, Hit, Kind, Payer
from defib_coverage.coverage.dates import DateSpan, add_months, read_date
from defib_coverage.fhir.read_values import (
    read_classes,
    read_ejection_fraction,
    read_rate,
)
from defib_coverage.fhir.references import PatientCheck, tail
from defib_coverage.fhir.resources import (
    CodeableConcept,
    Coding,
    CoverageClass,
    Performer,
    Period,
    Qualification,
    Reference,
    Resource,
    Value,
    concepts,
)
from defib_coverage.fhir.systems import ALIASES, alias_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from defib_coverage.coverage.codes import CodeIndex, Match
    from defib_coverage.fhir.answers import Answers

_NEVER = frozenset({"entered-in-error"})
_CURRENT = frozenset({"active", "recurrence", "relapse"})
_POSSIBLE_DIAGNOSIS = frozenset({"provisional", "differential", "unconfirmed"})
_DONE = frozenset({"completed", "in-progress"})
_POSSIBLY_DONE = frozenset({"stopped", "on-hold", "unknown"})
_FINAL = frozenset({"final", "amended", "corrected"})
_TAKEN = frozenset({"active", "completed"})
_ORDER_INTENTS = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order"},
)
_HELD = frozenset({"finished", "in-progress"})
_POSSIBLY_HELD = frozenset({"arrived", "triaged"})
_WANTED = frozenset({"draft", "active", "on-hold"})
_BOOKED = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})
_SDM = "shared-decision-making"


class ChartReader:
    """Reads charts with one set of value sets; holds no patient data between calls."""

    def __init__(self, index: CodeIndex) -> None:
        """Read by ``index``."""
        self._index = index
        visits = index.value_sets[_SDM]
        phrases = [re.escape(w) for w in visits.words]
        abbreviations = [rf"\b{re.escape(w)}\b" for w in visits.abbreviations]
        self._words = re.compile("|".join(phrases), re.IGNORECASE)
        self._abbreviations = re.compile("|".join(abbreviations))
        self._visit_entry = visits.codes[0]

    def matches(self, concept: CodeableConcept) -> list[Match]:
        """The value sets that any coding of a concept belongs to."""
        found: list[Match] = []
        for coding in concept.coding:
            system, code = coding.system, coding.code
            if system is not None and code is not None:
                found += self._index.find(ALIASES.get(system) or alias_of(system) or system, code)
        return found

    def read(
        self,
        answers: Answers,
        patient_id: str,
        also: Sequence[Resource] = (),
    ) -> Chart:
        """Read the chart of one patient.

        Args:
            answers: the resources that came.
            patient_id: id of the patient whose chart it is.
            also: further resources of the call: orders beside ours.
        """
        reading = _Reading(self, answers, patient_id)
        for resource, _ in answers.resources:
            reading.take(resource)
        for resource in also:
            reading.take(resource)
        return reading.chart()

    def speaks_of_visit(self, text: str) -> bool:
        """Whether a text names a shared decision: a hint, never proof (decision 10)."""
        return bool(self._words.search(text) or self._abbreviations.search(text))


class _Reading:
    """One chart while it is read."""

    def __init__(self, reader: ChartReader, answers: Answers, patient_id: str) -> None:
        self._reader = reader
        self._index = reader._index  # noqa: SLF001 - the reading is part of its reader
        self._answers = answers
        self._hits: defaultdict[str, list[Hit]] = defaultdict(list)
        self._other_patient = 0
        self._payers: set[Payer] = set()
        self._appointments: dict[str, DateSpan] = {}
        self._is_patient = PatientCheck(patient_id)
        self._birth: DateSpan | None = None
        self._linked: dict[str, Resource] = {}
        self._roles: defaultdict[str, list[Resource]] = defaultdict(list)
        for resource, full_url in answers.resources:
            if resource.resource_type == "Patient":
                if resource.id == patient_id:
                    self._birth = read_date(resource.birth_date)
                    if full_url is not None:
                        self._is_patient.also(full_url)
            elif resource.resource_type in _LINKED:
                self._link(resource, full_url)

    def _link(self, resource: Resource, full_url: str | None) -> None:
        """Keep what other resources point at: visits, people, drugs."""
        if resource.id is not None:
            self._linked[f"{resource.resource_type}/{resource.id}"] = resource
        if full_url is not None:
            self._linked[full_url] = resource
        practitioner = resource.practitioner
        if resource.resource_type == "PractitionerRole" and isinstance(practitioner, Reference):
            self._roles[tail(practitioner.reference or "")].append(resource)

    def take(self, resource: Resource) -> None:
        """Read one resource."""
        read = _READERS.get(resource.resource_type)
        if read is None:
            return
        subject = resource.subject or resource.patient or resource.beneficiary
        if resource.resource_type == "Appointment":
            subject = [p.actor for p in _listed(resource.participant) if p.actor is not None]
        if not self._is_patient(subject):
            self._other_patient += 1
            return
        read(self, resource)

    def chart(self) -> Chart:
        """The chart as read."""
        payer: Payer = "none"
        for kind in ("medicare", "unrecognised", "other"):
            if kind in self._payers:
                payer = kind
                break
        return Chart(
            hits={name: tuple(hits) for name, hits in self._hits.items()},
            missing=self._answers.missing,
            other_patient=self._other_patient,
            payer=payer,
            appointments=self._appointments,
        )

    def _file(self, matches: Iterable[Match], fact: Fact) -> None:
        for match in matches:
            self._hits[match.value_set].append(Hit(fact, match.entry))

    # ------------------------------------------------------------------------- one resource type each

    def _condition(self, resource: Resource) -> None:
        matches = self._matches(resource.code)
        if not matches:
            return
        verification = _status_code(resource.verification_status)
        if verification in {"refuted", "entered-in-error"}:
            return
        status = _status_code(resource.clinical_status)
        classes = tuple({m.entry.nyha for m in matches if m.entry.nyha is not None})
        self._file(
            matches,
            Fact(
                reference=_reference(resource),
                kind=Kind.CONDITION,
                confirmed=verification not in _POSSIBLE_DIAGNOSIS,
                current=(status is None and not _ended(resource)) or status in _CURRENT,
                when=self._onset(resource),
                recorded=read_date(resource.recorded_date),
                encountered=self._encounter_start(resource),
                ended=read_date(resource.abatement_date_time)
                or _period_end(resource.abatement_period),
                classes=classes,
            ),
        )

    def _onset(self, resource: Resource) -> DateSpan | None:
        onset = read_date(resource.onset_date_time)
        if onset is None and resource.onset_period is not None:
            onset = read_date(resource.onset_period.start)
        if onset is None and resource.onset_age is not None:
            onset = self._at_age(resource.onset_age.value, resource.onset_age.code)
        return onset

    def _at_age(self, age: float | None, unit: str | None) -> DateSpan | None:
        """The days on which the patient was of that age in years."""
        if age is None or unit not in {"a", None} or self._birth is None or not 0 <= age <= 150:  # noqa: PLR2004 - no patient is older
            return None
        low = add_months(self._birth.low, 12 * int(age))
        high = add_months(self._birth.high, 12 * (int(age) + 1)) - timedelta(days=1)
        return DateSpan(low, high)

    def _encounter_start(self, resource: Resource) -> DateSpan | None:
        encounter = resource.encounter
        if not isinstance(encounter, Reference) or encounter.reference is None:
            return None
        linked = self._find_linked(encounter.reference)
        if linked is None or not isinstance(linked.period, Period):
            return None
        return read_date(linked.period.start)

    def _procedure(self, resource: Resource) -> None:
        matches = self._matches(resource.code)
        if not matches:
            if isinstance(resource.code, CodeableConcept):
                self._visit_in_words(resource, Kind.PROCEDURE, [resource.code.text])
            return
        status = resource.status
        planned = status == "preparation"
        if status in {"not-done", "entered-in-error"}:
            return
        when = read_date(resource.performed_date_time)
        if when is None and resource.performed_period is not None:
            when = _period_end(resource.performed_period) or read_date(
                resource.performed_period.start
            )
        self._file(
            matches,
            Fact(
                reference=_reference(resource),
                kind=Kind.PROCEDURE,
                confirmed=status not in _POSSIBLY_DONE,
                planned=planned,
                when=when,
                clinician=self._clinician(resource, _listed(resource.performer)),
            ),
        )

    def _observation(self, resource: Resource) -> None:
        status = resource.status
        if status not in _FINAL and status != "preliminary":
            return
        self._value(resource, resource, status == "preliminary")
        for component in resource.component:
            self._value(resource, component, status == "preliminary")

    def _value(self, resource: Resource, value: Resource | Value, preliminary: bool) -> None:  # noqa: FBT001 - private
        matches = self._matches(value.code)
        if not matches:
            return
        when = read_date(resource.effective_date_time)
        if when is None and resource.effective_period is not None:
            when = _period_end(resource.effective_period) or read_date(
                resource.effective_period.start
            )
        for match in matches:
            quantity = None
            classes: tuple[int, ...] = ()
            if match.value_set == "lvef":
                quantity = read_ejection_fraction(value)
                if quantity is None:
                    continue
            elif match.value_set == "heart-rate":
                quantity = read_rate(value)
            elif match.value_set == "nyha":
                if value.value_boolean is False:
                    continue
                classes = read_classes(value, self._index, ALIASES)
                if not classes and match.entry.nyha is not None:
                    classes = (match.entry.nyha,)
            self._file(
                (match,),
                Fact(
                    reference=_reference(resource),
                    kind=Kind.OBSERVATION,
                    confirmed=not preliminary,
                    when=when,
                    recorded=read_date(resource.issued),
                    quantity=quantity,
                    classes=classes,
                    modality=self._modality(resource) if quantity is not None else None,
                    clinician=self._clinician(resource, _listed(resource.performer)),
                ),
            )

    def _modality(self, resource: Resource) -> str | None:
        """The imaging modality that Observation.method names."""
        for concept in concepts(resource.method):
            for match in self._reader.matches(concept):
                if match.entry.modality is not None:
                    return match.entry.modality
        return None

    def _medication(self, resource: Resource) -> None:
        matches = self._matches(resource.medication_codeable_concept)
        if not matches and resource.medication_reference is not None:
            drug = self._resolve(resource, resource.medication_reference.reference)
            matches = self._matches(drug.code) if drug is not None else []
        if not matches or resource.do_not_perform or resource.status in _NEVER:
            return
        status, when, ended = resource.status, None, None
        if resource.resource_type == "MedicationRequest":
            if resource.intent is not None and resource.intent not in _ORDER_INTENTS:
                return
            when = read_date(resource.authored_on)
        else:
            when = read_date(resource.effective_date_time)
            if resource.effective_period is not None:
                when = read_date(resource.effective_period.start)
                ended = _period_end(resource.effective_period)
        if status in {"draft", "cancelled", "intended", "not-taken"}:
            return
        self._file(
            matches,
            Fact(
                reference=_reference(resource),
                kind=Kind.MEDICATION,
                confirmed=status in _TAKEN,
                current=status != "stopped",
                when=when,
                ended=ended if status in _TAKEN else None,
            ),
        )

    def _encounter(self, resource: Resource) -> None:
        types = concepts(resource.type)
        matches = [m for c in types for m in self._reader.matches(c) if m.value_set == _SDM]
        if resource.status not in _HELD | _POSSIBLY_HELD:
            return
        when = None
        if isinstance(resource.period, Period):
            when = read_date(resource.period.start) or read_date(resource.period.end)
        if not matches:
            texts = [c.text for c in (*types, *concepts(resource.reason_code))]
            self._visit_in_words(resource, Kind.ENCOUNTER, texts, when)
            return
        self._file(
            matches,
            Fact(
                reference=_reference(resource),
                kind=Kind.ENCOUNTER,
                confirmed=resource.status in _HELD,
                when=when,
                clinician=self._clinician(resource, _listed(resource.participant)),
            ),
        )

    def _document(self, resource: Resource) -> None:
        if resource.status in {"superseded", "entered-in-error"}:
            return
        types = concepts(resource.type)
        matches = [m for c in types for m in self._reader.matches(c) if m.value_set == _SDM]
        when = read_date(resource.date)
        if not matches:
            texts = [c.text for c in types]
            if isinstance(resource.description, str):
                texts.append(resource.description)
            self._visit_in_words(resource, Kind.DOCUMENT, texts, when)
            return
        self._file(
            matches,
            Fact(
                reference=_reference(resource),
                kind=Kind.DOCUMENT,
                when=when,
                clinician=self._clinician(resource, _listed(resource.author)),
            ),
        )

    def _device(self, resource: Resource) -> None:
        matches = [m for c in concepts(resource.type) for m in self._reader.matches(c)]
        if matches and resource.status in {None, "active"}:
            self._file(matches, Fact(reference=_reference(resource), kind=Kind.DEVICE))

    def _request(self, resource: Resource) -> None:
        matches = self._matches(resource.code)
        if matches and resource.status in _WANTED and not resource.do_not_perform:
            fact = Fact(
                reference=_reference(resource),
                kind=Kind.REQUEST,
                planned=True,
                when=read_date(resource.occurrence_date_time),
            )
            self._file(matches, fact)

    def _appointment(self, resource: Resource) -> None:
        if resource.status not in _BOOKED:
            return
        when = read_date(resource.start)
        if when is not None and resource.status == "booked":
            for basis in _listed(resource.based_on):
                self._appointments[tail(basis.reference or "")] = when
        planned = [*concepts_of(resource.service_type), *concepts(resource.reason_code)]
        matches = [m for c in planned for m in self._reader.matches(c)]
        if matches:
            fact = Fact(reference=_reference(resource), kind=Kind.REQUEST, planned=True, when=when)
            self._file(matches, fact)

    def _coverage(self, resource: Resource) -> None:
        if resource.status not in {"active", None}:
            return
        found = {m.value_set for c in concepts(resource.type) for m in self._reader.matches(c)}
        names = [c.text for c in concepts(resource.type)]
        for payor in resource.payor or []:
            names.append(payor.display)
            if payor.identifier is not None and payor.identifier.system and payor.identifier.value:
                coding = Coding(payor.identifier.system, payor.identifier.value)
                found |= {m.value_set for m in self._reader.matches(CodeableConcept([coding]))}
        if isinstance(resource.class_, list):
            names += [c.name for c in resource.class_ if isinstance(c, CoverageClass)]
        text = " ".join(name for name in names if name).lower()
        for value_set, payer in (("payer-medicare", "medicare"), ("payer-other", "other")):
            words = self._index.value_sets[value_set].words
            if value_set in found or any(word in text for word in words):
                self._payers.add("medicare" if payer == "medicare" else "other")
                return
        self._payers.add("unrecognised")

    # --------------------------------------------------------------------------------- shared pieces

    def _matches(self, code: CodeableConcept | str | list[CodeableConcept] | None) -> list[Match]:
        return self._reader.matches(code) if isinstance(code, CodeableConcept) else []

    def _visit_in_words(
        self,
        resource: Resource,
        kind: Kind,
        texts: Iterable[str | None],
        when: DateSpan | None = None,
    ) -> None:
        if any(text and self._reader.speaks_of_visit(text) for text in texts):
            fact = Fact(reference=_reference(resource), kind=kind, in_words=True, when=when)
            self._hits[_SDM].append(Hit(fact, self._reader._visit_entry))  # noqa: SLF001 - as above

    def _find_linked(self, reference: str) -> Resource | None:
        return self._linked.get(reference) or self._linked.get(tail(reference))

    def _resolve(self, resource: Resource, reference: str | None) -> Resource | None:
        """The resource that a reference of ``resource`` means: contained, or sent along."""
        if reference is None:
            return None
        if reference.startswith("#"):
            return next((c for c in resource.contained if c.id == reference[1:]), None)
        return self._find_linked(reference)

    def _clinician(self, resource: Resource, people: Sequence[Performer]) -> Clinician:
        """Whether anyone who held the visit may hold it (decision 10)."""
        best = Clinician.UNKNOWN
        for person in people:
            named = person.individual or person.actor
            reference = person.reference if named is None else named.reference
            found = self._resolve(resource, reference)
            known = [] if found is None else [found]
            known += self._roles.get(tail(reference or ""), [])
            for one in known:
                profession = self._profession(one)
                if profession is Clinician.ACCEPTED:
                    return profession
                if profession is Clinician.NOT_ACCEPTED:
                    best = profession
        return best

    def _profession(self, person: Resource) -> Clinician:
        codes = [] if isinstance(person.code, str) else concepts(person.code)
        for qualification in _listed(person.qualification):
            if isinstance(qualification, Qualification) and qualification.code is not None:
                codes.append(qualification.code)
        found = {m.value_set for c in codes for m in self._reader.matches(c)}
        if "shared-decision-practitioners" in found:
            return Clinician.ACCEPTED
        if "shared-decision-other-staff" in found:
            return Clinician.NOT_ACCEPTED
        if isinstance(person.practitioner, Reference):
            linked = self._find_linked(person.practitioner.reference or "")
            if linked is not None and linked.resource_type == "Practitioner":
                return self._profession(linked)
        return Clinician.UNKNOWN


def concepts_of(value: CodeableConcept | list[CodeableConcept] | None) -> list[CodeableConcept]:
    """The concepts of a field that is single in one resource type and a list in another."""
    return concepts(value)


def _listed(value: object) -> list:  # type: ignore[type-arg]
    """A field that is single in one resource type and a list in another, as a list."""
    if value is None or isinstance(value, str):
        return []
    return value if isinstance(value, list) else [value]


def _status_code(status: CodeableConcept | str | None) -> str | None:
    if isinstance(status, CodeableConcept):
        return next((c.code for c in status.coding if c.code), None)
    return status


def _ended(resource: Resource) -> bool:
    return resource.abatement_date_time is not None or resource.abatement_period is not None


def _period_end(period: Period | None) -> DateSpan | None:
    return None if period is None else read_date(period.end)


def _reference(resource: Resource) -> str:
    return f"{resource.resource_type}/{resource.id or 'unknown'}"


_LINKED = frozenset({"Encounter", "Practitioner", "PractitionerRole", "Medication"})
_READERS: Mapping[str, Callable[[_Reading, Resource], None]] = {
    "Condition": _Reading._condition,  # noqa: SLF001 - the table stands after the class it names
    "Procedure": _Reading._procedure,  # noqa: SLF001
    "Observation": _Reading._observation,  # noqa: SLF001
    "MedicationRequest": _Reading._medication,  # noqa: SLF001
    "MedicationStatement": _Reading._medication,  # noqa: SLF001
    "Encounter": _Reading._encounter,  # noqa: SLF001
    "Device": _Reading._device,  # noqa: SLF001
    "ServiceRequest": _Reading._request,  # noqa: SLF001
    "DocumentReference": _Reading._document,  # noqa: SLF001
    "Appointment": _Reading._appointment,  # noqa: SLF001
    "Coverage": _Reading._coverage,  # noqa: SLF001
}
