"""What reading any resource of a chart needs: its value sets, what it points at, whose it is."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from defib_coverage.coverage.chart import Chart, Clinician, Fact, Hit, Kind, Payer
from defib_coverage.coverage.dates import DateSpan, read_date
from defib_coverage.fhir.references import PatientCheck, tail
from defib_coverage.fhir.resources import (
    CodeableConcept,
    Performer,
    Period,
    Qualification,
    Reference,
    Resource,
    concepts,
)
from defib_coverage.fhir.systems import ALIASES, alias_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.coverage.codes import CodeEntry, CodeIndex, Match
    from defib_coverage.fhir.answers import Answers

Item = TypeVar("Item")
VISIT = "shared-decision-making"
_LINKED = frozenset({"Encounter", "Practitioner", "PractitionerRole", "Medication"})


class Vocabulary:
    """The value sets as FHIR speaks of them: codings by system URI, a visit also by its words."""

    def __init__(self, index: CodeIndex) -> None:
        """Look codes up in ``index``."""
        self.index = index
        visits = index.value_sets[VISIT]
        self.visit_entry: CodeEntry = visits.codes[0]
        words = "|".join(re.escape(word) for word in visits.words)
        abbreviations = "|".join(re.escape(word) for word in visits.abbreviations)
        self._visit_words = re.compile(rf"(?i:{words})|\b(?:{abbreviations})\b")

    def matches(self, concept: CodeableConcept) -> list[Match]:
        """The value sets that any coding of a concept belongs to."""
        found: list[Match] = []
        for coding in concept.coding:
            system, code = coding.system, coding.code
            if system is not None and code is not None:
                # A site's own code system is known to the index by its URI.
                found += self.index.find(ALIASES.get(system) or alias_of(system) or system, code)
        return found

    def speaks_of_visit(self, text: str) -> bool:
        """Whether a text names a shared decision: a hint, never proof (decision 10)."""
        return self._visit_words.search(text) is not None


class Reading:
    """One chart while it is read."""

    def __init__(self, vocabulary: Vocabulary, answers: Answers, patient_id: str) -> None:
        """Find the patient, and what other resources point at."""
        self.vocabulary = vocabulary
        self.is_patient = PatientCheck(patient_id)
        self.birth: DateSpan | None = None
        self.payers: set[Payer] = set()
        self.appointments: dict[str, DateSpan] = {}
        self.other_patient = 0
        self._missing = answers.missing
        self._hits: defaultdict[str, list[Hit]] = defaultdict(list)
        self._linked: dict[str, Resource] = {}
        self._roles: defaultdict[str, list[Resource]] = defaultdict(list)
        for resource, full_url in answers.resources:
            resource_type = resource.resource_type
            if resource_type == "Patient":
                if resource.id == patient_id:
                    self.birth = read_date(resource.birth_date)
                    if full_url is not None:
                        self.is_patient.also(full_url)
            elif resource_type in _LINKED:
                self._link(resource, full_url)

    def _link(self, resource: Resource, full_url: str | None) -> None:
        """Keep what other resources point at: visits, people, drugs."""
        self._linked[reference_of(resource)] = resource
        if full_url is not None:
            self._linked[full_url] = resource
        practitioner = resource.practitioner
        if resource.resource_type == "PractitionerRole" and isinstance(practitioner, Reference):
            self._roles[tail(practitioner.reference or "")].append(resource)

    def chart(self) -> Chart:
        """The chart as read; a Medicare coverage wins over any other."""
        payer: Payer = "none"
        for kind in ("medicare", "unrecognised", "other"):
            if kind in self.payers:
                payer = kind
                break
        return Chart(
            hits={name: tuple(hits) for name, hits in self._hits.items()},
            missing=self._missing,
            other_patient=self.other_patient,
            payer=payer,
            appointments=self.appointments,
        )

    def file(self, matches: Iterable[Match], fact: Fact) -> None:
        """File a fact under the value sets of its codes."""
        for match in matches:
            self._hits[match.value_set].append(Hit(fact, match.entry))

    def matches(self, code: CodeableConcept | str | list[CodeableConcept] | None) -> list[Match]:
        """The value sets of a field that holds one concept."""
        return self.vocabulary.matches(code) if isinstance(code, CodeableConcept) else []

    def visit_matches(self, types: Iterable[CodeableConcept]) -> list[Match]:
        """The matches by which a resource is a shared decision-making visit."""
        return [m for c in types for m in self.vocabulary.matches(c) if m.value_set == VISIT]

    def visit_in_words(
        self,
        resource: Resource,
        kind: Kind,
        texts: Iterable[str | None],
        when: DateSpan | None = None,
    ) -> None:
        """File a hint where a text speaks of a shared decision."""
        if any(text and self.vocabulary.speaks_of_visit(text) for text in texts):
            fact = Fact(reference=reference_of(resource), kind=kind, in_words=True, when=when)
            self._hits[VISIT].append(Hit(fact, self.vocabulary.visit_entry))

    def find(self, reference: str | None) -> Resource | None:
        """The resource sent along that a reference means."""
        if reference is None:
            return None
        return self._linked.get(reference) or self._linked.get(tail(reference))

    def resolve(self, resource: Resource, reference: str | None) -> Resource | None:
        """The resource that a reference within ``resource`` means: contained, or sent along."""
        if reference is not None and reference.startswith("#"):
            return next((c for c in resource.contained if c.id == reference[1:]), None)
        return self.find(reference)

    def clinician(self, resource: Resource, people: Sequence[Performer]) -> Clinician:
        """Whether anyone who held a visit may hold it (decision 10)."""
        best = Clinician.UNKNOWN
        for person in people:
            named = person.individual or person.actor
            reference = person.reference if named is None else named.reference
            found = self.resolve(resource, reference)
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
        """What a Practitioner's qualification or a PractitionerRole's code says."""
        codes = concepts(person.code)
        for qualification in listed(person.qualification):
            if isinstance(qualification, Qualification) and qualification.code is not None:
                codes = [*codes, qualification.code]
        found = {m.value_set for c in codes for m in self.vocabulary.matches(c)}
        if "shared-decision-practitioners" in found:
            return Clinician.ACCEPTED
        if "shared-decision-other-staff" in found:
            return Clinician.NOT_ACCEPTED
        if isinstance(person.practitioner, Reference):
            linked = self.find(person.practitioner.reference)
            if linked is not None and linked.resource_type == "Practitioner":
                return self._profession(linked)
        return Clinician.UNKNOWN


def listed(value: list[Item] | Item | None) -> list[Item]:
    """A field that is single in one resource type and a list in another, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def people(value: list[Performer] | Performer | str | None) -> list[Performer]:
    """The performers, participants or authors of a resource."""
    return [one for one in listed(value) if isinstance(one, Performer)]


def period_end(period: Period | None) -> DateSpan | None:
    """The end of a period."""
    return None if period is None else read_date(period.end)


def end_or_start(date_time: str | None, period: Period | None) -> DateSpan | None:
    """The day of something performed or measured: its time, else the end of its period."""
    when = read_date(date_time)
    if when is None and period is not None:
        when = read_date(period.end) or read_date(period.start)
    return when


def reference_of(resource: Resource) -> str:
    """``Type/id`` of a resource."""
    return f"{resource.resource_type}/{resource.id or 'unknown'}"
