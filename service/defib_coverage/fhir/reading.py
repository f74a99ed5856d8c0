"""What reading any resource of a chart needs: its value sets, what it points at, whose it is."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from defib_coverage.coverage.chart import Chart, Clinician, Fact, Hit, Insurance, Missing
from defib_coverage.coverage.dates import DateSpan, read_date
from defib_coverage.fhir.needs import NEED_OF_TYPE
from defib_coverage.fhir.payers import Payers
from defib_coverage.fhir.references import PatientCheck, is_id, tail
from defib_coverage.fhir.resources import (
    CodeableConcept,
    Encounter,
    Medication,
    Organization,
    Patient,
    Performer,
    Period,
    Practitioner,
    PractitionerRole,
    Resource,
    type_name,
)
from defib_coverage.fhir.systems import meant_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.coverage.codes import CodeEntry, CodeIndex, Match, ValueSet
    from defib_coverage.fhir.answers import Answers
    from defib_coverage.fhir.plans import Plan

VISIT = "shared-decision-making"
_EPISODES = "vt-vf-arrest"
_NOT_QUALIFYING = "arrhythmia-not-qualifying"
_LONGEST = 256
_MOST = 8192
_READABLE = frozenset({"Medication", "Practitioner", "PractitionerRole"})
_LINKED = frozenset(
    {Patient, Encounter, Medication, Practitioner, PractitionerRole, Organization},
)


class Vocabulary:
    """Codes, visits and payers as FHIR speaks of them: by system URI, some also by their words."""

    def __init__(self, index: CodeIndex, plans: Iterable[Plan]) -> None:
        """Look codes up in ``index``, payers among ``plans``."""
        self.index = index
        self.payers = Payers(plans)
        visits = index.value_sets[VISIT]
        self.visit_entry: CodeEntry = visits.codes[0]
        self._visit_words = _words_of(visits)
        self._not_qualifying = _words_of(index.value_sets[_NOT_QUALIFYING])
        # Charts repeat few codes many times: remember what each is in, within bounds.
        self._known: dict[tuple[str | None, str | None], tuple[Match, ...]] = {}

    def matches(self, concept: CodeableConcept | None) -> tuple[Match, ...]:
        """The value sets that any coding of a concept belongs to."""
        found: tuple[Match, ...] = ()
        if concept is not None:
            for coding in concept.coding:
                known = self._known.get((coding.system, coding.code))
                found += self._look_up(coding.system, coding.code) if known is None else known
        return found

    def matches_any(self, concepts: Iterable[CodeableConcept]) -> tuple[Match, ...]:
        """The value sets that any coding of several concepts belongs to."""
        found: tuple[Match, ...] = ()
        for concept in concepts:
            found += self.matches(concept)
        return found

    def _look_up(self, system: str | None, code: str | None) -> tuple[Match, ...]:
        # What is remembered is bounded in number and in length.
        if system is None or code is None or len(system) + len(code) > _LONGEST:
            return ()
        if len(self._known) >= _MOST:
            self._known.clear()
        # A site's own code system is known to the index by its URI.
        found = self.index.find(meant_by(system, code) or system, code)
        self._known[system, code] = found
        return found

    def speaks_of_visit(self, text: str | None) -> bool:
        """Whether a text names a shared decision: a hint, never proof (decision 10)."""
        return text is not None and self._visit_words.search(text) is not None

    def diagnoses(self, concept: CodeableConcept | None) -> tuple[Match, ...]:
        """The value sets of a diagnosis; no episode of VT where its own words deny one (rule 4.1).

        The ICD-10-CM codes of VT name no duration: non-sustained VT is coded there too.
        """
        found = self.matches(concept)
        for match in found:
            if match.value_set == _EPISODES and concept is not None and concept.text:
                if self._not_qualifying.search(concept.text) is not None:
                    return tuple(m for m in found if m.value_set != _EPISODES)
                break
        return found


def _words_of(value_set: ValueSet) -> re.Pattern[str]:
    """What finds the words of a value set in a text, abbreviations as whole words."""
    words = [f"(?i:{re.escape(word)})" for word in value_set.words]
    words += [rf"\b{re.escape(word)}\b" for word in value_set.abbreviations]
    # Of a set without words nothing speaks: an empty choice would stand in every text.
    return re.compile("|".join(words) or r"(?!)")


class Reading:
    """One chart while it is read."""

    def __init__(self, vocabulary: Vocabulary, answers: Answers, patient_id: str) -> None:
        """Find the patient, and what other resources point at."""
        self.vocabulary = vocabulary
        self.is_patient = PatientCheck(patient_id)
        self.birth: DateSpan | None = None
        self.insurances: dict[str, Insurance] = {}
        self.appointments: dict[str, DateSpan] = {}
        self.other_patient = 0
        # What is pointed at and did not come along, in the order of its mention.
        self.unresolved: dict[str, None] = {}
        self._missing = answers.missing
        self._hits: defaultdict[str, list[Hit]] = defaultdict(list)
        self._linked: dict[str, Resource] = {}
        self._roles: defaultdict[str, list[PractitionerRole]] = defaultdict(list)
        # What was found out already, of a person and of all roles of one: charts repeat both.
        self._professions: dict[int, Clinician] = {}
        self._in_roles: dict[str, Clinician] = {}
        for entry in answers.entries:
            if type(entry.resource) in _LINKED:
                self._link(entry.resource, entry.full_url, patient_id)

    def _link(self, resource: Resource | None, full_url: str | None, patient_id: str) -> None:
        """Keep what other resources point at: the patient, visits, people, drugs, payors."""
        if resource is None:
            return
        if isinstance(resource, Patient):
            if resource.id == patient_id:
                self.birth = read_date(resource.birth_date)
                if full_url is not None:
                    self.is_patient.also(full_url)
            return
        self._linked[reference_of(resource)] = resource
        if full_url is not None:
            self._linked[full_url] = resource
        if isinstance(resource, PractitionerRole) and resource.practitioner is not None:
            self._roles[tail(resource.practitioner.reference or "")].append(resource)

    def disown(self, resource: Resource) -> None:
        """A record that does not say whose it is: it is not read, and where it matters is a gap."""
        code = getattr(resource, "code", None)
        if isinstance(code, CodeableConcept) and self.vocabulary.matches(code):
            need = NEED_OF_TYPE[type_name(type(resource))]
            reference = reference_of(resource)
            missing = Missing(need, "unreadable", "it does not say whose it is", reference)
            self._missing = (*self._missing, missing)
        else:
            self.other_patient += 1

    def chart(self) -> Chart:
        """The chart as read."""
        return Chart(
            hits={
                name: (hits[0],) if len(hits) == 1 else _in_order(hits)
                for name, hits in self._hits.items()
            },
            missing=self._missing,
            other_patient=self.other_patient,
            insurances=tuple([self.insurances[key] for key in sorted(self.insurances)]),
            appointments=self.appointments,
        )

    def file(self, matches: Iterable[Match], fact: Fact) -> None:
        """File a fact under the value sets of its codes."""
        for match in matches:
            self._hits[match.value_set].append(Hit(fact, match.entry))

    def visit_matches(self, concepts: Iterable[CodeableConcept]) -> tuple[Match, ...]:
        """The matches by which a resource is a shared decision-making visit."""
        matches = self.vocabulary.matches_any(concepts)
        return tuple(m for m in matches if m.value_set == VISIT) if matches else ()

    def file_visit(self, matches: Iterable[Match], fact: Fact) -> None:
        """File a visit by its codes, or as a hint where it was recognised by its words only."""
        if fact.in_words:
            self._hits[VISIT].append(Hit(fact, self.vocabulary.visit_entry))
        else:
            self.file(matches, fact)

    def find(self, contained: list[Resource] | None, reference: str | None) -> Resource | None:
        """The resource that a reference means: one contained beside it, or one sent along."""
        if reference is None:
            return None
        if reference.startswith("#"):
            return next((c for c in contained or () if c.id == reference[1:]), None)
        return self._linked.get(reference) or self._linked.get(tail(reference))

    def resolve(self, contained: list[Resource] | None, reference: str | None) -> Resource | None:
        """The same; what did not come along is noted, to be read."""
        found = self.find(contained, reference)
        if found is None:
            self._miss(reference)
        return found

    def _miss(self, reference: str | None) -> None:
        name = tail(reference or "")
        kind, _, identifier = name.partition("/")
        if kind in _READABLE and is_id(identifier):
            self.unresolved[name] = None

    def holder(
        self,
        matches: Sequence[Match],
        contained: list[Resource] | None,
        people: Sequence[Performer] | None,
    ) -> Clinician:
        """Whether anyone who held a visit may hold it (decision 10); of other records unknown.

        ``matches`` are the record's own; a record that has none is a visit by its words.
        """
        if not people or (matches and VISIT not in {match.value_set for match in matches}):
            return Clinician.UNKNOWN
        inside = {f"#{one.id}": one for one in reversed(contained or ())}
        best = Clinician.UNKNOWN
        for person in people:
            named = person.individual or person.actor
            reference = person.reference if named is None else named.reference
            found = inside.get(reference or "") or self.resolve(None, reference)
            profession = _better(
                Clinician.UNKNOWN if found is None else self._profession(found),
                self._by_roles(tail(reference or "")),
            )
            if profession is Clinician.ACCEPTED:
                return profession
            best = _better(best, profession)
            if best is Clinician.UNKNOWN:
                # Known by name only: the profession may stand in a role that did not come along.
                self._miss(reference)
        return best

    def _by_roles(self, reference: str) -> Clinician:
        """What the roles of a practitioner say."""
        known = self._in_roles.get(reference)
        if known is None:
            known = Clinician.UNKNOWN
            for role in self._roles.get(reference, ()):
                known = _better(known, self._profession(role))
            self._in_roles[reference] = known
        return known

    def _profession(self, person: Resource) -> Clinician:
        """What a Practitioner's qualification or a PractitionerRole's code says."""
        known = self._professions.get(id(person))
        if known is None:
            known = self._professions[id(person)] = self._read_profession(person)
        return known

    def _read_profession(self, person: Resource) -> Clinician:
        match person:
            case Practitioner():
                codes = [q.code for q in person.qualification if q.code is not None]
            case PractitionerRole():
                codes = person.code
            case _:
                return Clinician.UNKNOWN
        found = {match.value_set for match in self.vocabulary.matches_any(codes)}
        if "shared-decision-practitioners" in found:
            return Clinician.ACCEPTED
        if "shared-decision-other-staff" in found:
            return Clinician.NOT_ACCEPTED
        if isinstance(person, PractitionerRole) and person.practitioner is not None:
            linked = self.find(None, person.practitioner.reference)
            if isinstance(linked, Practitioner):
                return self._profession(linked)
        return Clinician.UNKNOWN


def _better(one: Clinician, other: Clinician) -> Clinician:
    """What is better known, and of that what is better for the visit."""
    for better in (Clinician.ACCEPTED, Clinician.NOT_ACCEPTED):
        if better in {one, other}:
            return better
    return Clinician.UNKNOWN


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
    """``Type/id`` of a resource; ``Type/unknown`` of one that has none which may be repeated."""
    return f"{type_name(type(resource))}/{resource.id if is_id(resource.id) else 'unknown'}"


def _in_order(hits: list[Hit]) -> tuple[Hit, ...]:
    """The hits by reference and code, each once: neither place nor repetition says anything."""
    by_name = {(h.fact.reference, h.entry.code): h for h in hits}
    if len(by_name) == len(hits):
        return tuple([by_name[name] for name in sorted(by_name)])
    hits.sort(key=lambda h: (h.fact.reference, h.entry.code))
    return tuple(dict.fromkeys(hits))
