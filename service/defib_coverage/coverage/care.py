"""Criteria about care: drug therapy, the shared decision, the device in place, judgement."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.case import codes_of
from defib_coverage.coverage.chart import Clinician, Kind
from defib_coverage.coverage.determination import evidence_of_all
from defib_coverage.coverage.results import Result
from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.case import Case
    from defib_coverage.coverage.chart import Hit
    from defib_coverage.coverage.policy import ExistingDevice, Judgement, Therapy, Visit


class _Course(msgspec.Struct, frozen=True):
    """The prescriptions of one drug class that are still taken, and whether long enough."""

    hits: tuple[Hit, ...]
    truth: Truth
    complete: str | None


def judge_therapy(criterion: Therapy, case: Case) -> Result:
    """Every class taken long enough is met; anything less is unknown, never a denial (rule 4.4)."""
    courses = [_best_course(criterion, case, drug_class) for drug_class in criterion.classes]
    evidence = evidence_of_all(h for course in courses for h in course.hits)
    if all(course.truth is Truth.MET for course in courses):
        return Result(truth=Truth.MET, evidence=evidence)
    if all(course.complete is not None for course in courses):
        complete = max(course.complete for course in courses if course.complete is not None)
        facts = {"date": complete, "length": criterion.at_least}
        return Result(
            truth=Truth.UNKNOWN,
            evidence=evidence,
            gaps=(case.gap("judgement", "omt-less-than-3-months", **facts),),
            drafts=(
                case.draft(
                    "omt-less-than-3-months",
                    criterion.cite,
                    (h for course in courses for h in course.hits),
                    **facts,
                ),
            ),
        )
    silent = case.silent(criterion, "omt-not-shown")
    return Result(
        truth=silent.truth,
        evidence=evidence,
        gaps=silent.gaps,
        drafts=(
            case.draft(
                "omt-not-shown",
                criterion.cite,
                (h for course in courses for h in course.hits),
            ),
        ),
    )


def _best_course(criterion: Therapy, case: Case, drug_class: str) -> _Course:
    """The course of a class, or of the classes that together stand in for it."""
    course = _course(criterion, case, drug_class)
    others = [_course(criterion, case, c) for c in criterion.instead.get(drug_class, ())]
    if course.truth is Truth.MET or not others or any(o.complete is None for o in others):
        return course
    complete = max(o.complete for o in others if o.complete is not None)
    if course.complete is not None and course.complete <= complete:
        return course
    met = all(o.truth is Truth.MET for o in others)
    return _Course(
        tuple(h for o in others for h in o.hits),
        Truth.MET if met else Truth.UNKNOWN,
        complete,
    )


def _course(criterion: Therapy, case: Case, drug_class: str) -> _Course:
    """The earliest start counts: a renewal restarts a prescription, not the therapy."""
    taken = tuple(
        h
        for h in case.view.find(drug_class)
        if h.fact.kind is Kind.MEDICATION
        and h.fact.current
        and h.fact.confirmed
        and h.entry.strength == "decide"
    )
    starts = [h.fact.when for h in taken if h.fact.when is not None]
    if not starts:
        return _Course(taken, Truth.UNKNOWN, None)
    complete = min(criterion.span.after(start.high) for start in starts)
    truth = Truth.MET if complete <= case.day else Truth.UNKNOWN
    return _Course(taken, truth, complete.isoformat())


def judge_visit(criterion: Visit, case: Case) -> Result:
    """A visit on or before the service date, held by an accepted profession (decision 10)."""
    hits = case.view.find(criterion.visits)
    visits = tuple(h for h in hits if not h.fact.planned)
    held = tuple(
        h
        for h in visits
        if h.fact.clinician is Clinician.ACCEPTED and h.fact.confirmed and not h.fact.in_words
    )
    if held:
        return Result(truth=Truth.MET, evidence=evidence_of_all(held))
    ordered = tuple(h for h in hits if h.fact.planned)
    finding = "sdm-ordered" if ordered else "sdm-missing"
    gaps = case.silent(criterion, finding).gaps
    if visits:
        # Who held it may stand in a record that could not be had.
        doubt = case.gap("judgement", _visit_doubt(visits))
        gaps = (doubt, *case.missing_gaps(criterion)) if not ordered else (doubt, *gaps)
    return Result(
        truth=Truth.UNKNOWN,
        evidence=evidence_of_all(visits + ordered),
        gaps=gaps,
        drafts=(case.draft(finding, criterion.cite, ordered or visits),),
    )


def _visit_doubt(visits: tuple[Hit, ...]) -> str:
    """Which question a visit leaves open: whether it was one, who held it, or who may hold it."""
    coded = [h for h in visits if not h.fact.in_words]
    if not coded:
        return "sdm-words-only"
    if all(h.fact.clinician is Clinician.NOT_ACCEPTED for h in coded):
        return "sdm-other-staff"
    return "sdm-profession-unknown"


def judge_device(criterion: ExistingDevice, case: Case) -> Result:
    """A record that a defibrillator is in place, or its removal in the same call (rule 4.7)."""
    shown = [h for h in case.view.find_all(criterion.evidence) if h.fact.confirmed]
    shown += _implants_still_in(criterion, case)
    evidence = evidence_of_all(shown) + case.removals_in_call
    if evidence:
        return Result(truth=Truth.MET, evidence=evidence, candidate=True)
    hints = case.view.find_all(criterion.hints)
    unconfirmed = [h for h in case.view.find_all(criterion.evidence) if not h.fact.confirmed]
    doubtful = (*unconfirmed, *hints)
    silent = case.silent(criterion, "existing-icd-not-evidenced")
    gaps = silent.gaps
    if doubtful:
        gaps = (case.gap("judgement", "existing-device-hint", codes=codes_of(doubtful)),)
    drafts = [case.draft("existing-icd-not-evidenced", criterion.cite, doubtful)]
    near = case.view.find_all(criterion.near_miss)
    if near:
        drafts.append(case.near_miss(criterion.cite, near, criterion.near_miss))
    return Result(
        truth=Truth.UNKNOWN,
        evidence=evidence_of_all(doubtful),
        gaps=gaps,
        drafts=tuple(drafts),
    )


def _implants_still_in(criterion: ExistingDevice, case: Case) -> Iterable[Hit]:
    """Completed implants that no later removal took out again."""

    def done(hit: Hit) -> bool:
        fact = hit.fact
        return fact.kind is Kind.PROCEDURE and fact.confirmed and not fact.planned

    # An interrupted or undated removal may have been the end of the device.
    removals = (
        date.max if h.fact.when is None else h.fact.when.high
        for h in case.view.find_all(criterion.removals)
        if h.fact.kind is Kind.PROCEDURE and not h.fact.planned
    )
    last_removed = max(removals, default=None)
    for hit in case.view.find_all(criterion.implants):
        if done(hit):
            when = hit.fact.when
            if last_removed is None or (when is not None and last_removed <= when.low):
                yield hit


def judge_judgement(criterion: Judgement, case: Case) -> Result:
    """A person's word: attested where silence is clear, open where the policy always asks."""
    if criterion.if_not_documented == "clear":
        return Result(truth=Truth.MET, attest=True)
    ask = criterion.finding or "attest"
    drafts = () if criterion.finding is None else (case.draft(criterion.finding, criterion.cite),)
    return Result(
        truth=Truth.UNKNOWN,
        gaps=(case.gap("judgement", ask, label=criterion.label),),
        drafts=drafts,
    )
