"""From judged criteria to a verdict: status, what is met, what is missing (rule 8)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.case import sort_claims
from defib_coverage.coverage.determination import (
    CriterionResult,
    Finding,
    IndicationResult,
    MissingSecondary,
    Severity,
    Status,
    WaitingPeriodResult,
    evidence_of_all,
)
from defib_coverage.coverage.findings import severity
from defib_coverage.coverage.results import Draft
from defib_coverage.coverage.truth import Truth, all_of
from defib_coverage.coverage.waiting import waiting_results

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from defib_coverage.coverage.case import Rulebook
    from defib_coverage.coverage.criteria import Judged
    from defib_coverage.coverage.orders import OrderCode
    from defib_coverage.coverage.policy import EventName, OrderRule

_NEAR_MISS = "near-miss-diagnosis"
# What a diagnosis that leads nowhere may still tell: why it does not count.
_TOLD_OF_NO_CANDIDATE = frozenset({_NEAR_MISS, "dx-not-current", "code-not-effective"})
_TOLD_BESIDE_A_CANDIDATE = _TOLD_OF_NO_CANDIDATE - {_NEAR_MISS}

_PAIR_MISSING = "secondary-diagnosis-missing"


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one order comes to, apart from the order itself."""

    status: Status
    met: tuple[str, ...]
    indications: tuple[IndicationResult, ...]
    always: tuple[CriterionResult, ...]
    missing: tuple[MissingSecondary, ...]
    waiting: tuple[WaitingPeriodResult, ...]
    earliest: date | None
    findings: tuple[Finding, ...]


class _Note:
    """A finding of one order, and who raised it."""

    __slots__ = ("draft", "evidence", "info", "origins")

    def __init__(self, draft: Draft, *, info: bool) -> None:
        self.draft = draft
        self.evidence = draft.evidence
        self.info = info
        self.origins: set[str] = set()


class _Notebook:
    """The findings of one order: who raised each, until its severity can be told."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], _Note] = {}

    def add(self, draft: Draft, origin: str | None = None, *, info: bool = False) -> None:
        """Note a finding; one said twice is said once, with all its origins and evidence."""
        key = (draft.code, draft.text)
        note = self._notes.get(key)
        if note is None:
            note = self._notes[key] = _Note(draft, info=info)
        else:
            note.evidence += draft.evidence
            note.info = note.info and info
        if origin is not None:
            note.origins.add(origin)

    def findings(self, met: Collection[str]) -> tuple[Finding, ...]:
        """The findings, warnings first."""
        found = []
        for note in self._notes.values():
            draft = note.draft
            weight: Severity = "info" if note.info else severity(draft.code, note.origins, met)
            found.append(
                Finding(
                    code=draft.code,
                    severity=weight,
                    text=draft.text,
                    citation=draft.cite,
                    evidence=tuple(dict.fromkeys(note.evidence)),
                    codes=draft.codes,
                ),
            )
        found.sort(key=lambda f: f.severity == "info")
        return tuple(found)


def by_criteria(judged: Judged, rule: OrderRule, code: OrderCode) -> Verdict:
    """Judge a first implant or an exchange by every indication that binds it."""
    policy = judged.case.policy
    notebook = _Notebook()
    # An order bound by one indication is a candidate for it by being ordered.
    bound = len(rule.indications) == 1
    indications: list[IndicationResult] = []
    spoken: list[IndicationResult] = []
    led_nowhere = True
    for name in rule.indications:
        indication = None if bound else judged.quiet(name)
        if indication is None:
            leads = judged.leads_to(name)
            led_nowhere = led_nowhere and not leads
            indication = judged.indication(name, candidate=bound or leads)
            spoken.append(indication)
        indications.append(indication)
    standing = [i for i in spoken if i.candidate]
    met = tuple(
        sorted(
            [i.id for i in standing if i.truth is Truth.MET],
            key=lambda name: policy.indications[name].rank,
        ),
    )
    always = [judged.results[c] for c in rule.always]
    overall = all_of([result.truth for result in always])
    status = _status(overall, met, [i.truth for i in standing])
    for indication in spoken:
        _note_indication(notebook, judged, indication, led_nowhere=led_nowhere)
    for result in always:
        for draft in result.drafts:
            notebook.add(draft)
    if led_nowhere:
        notebook.add(judged.case.draft("no-covered-diagnosis-found", "P-GROUP1"))
    missing = _missing(judged, notebook, rule.indications)
    replacement = policy.exceptions["replacement"].indication in met
    waiting = waiting_results(
        judged.case,
        binding=_binding(judged.case.rulebook, standing, met),
        replacement=replacement,
    )
    _note_order(notebook, judged, rule, code)
    _note_hints(notebook, judged, met)
    reported = () if overall is Truth.NOT_MET else met
    applying = [w.first_eligible_day for w in waiting if w.applies]
    return Verdict(
        status=status,
        met=reported,
        indications=tuple(indications),
        always=tuple([judged.shown(c) for c in rule.always]),
        missing=missing,
        waiting=waiting,
        earliest=max(applying) if applying and status != "covered" else None,
        findings=notebook.findings(reported),
    )


def by_diagnosis(judged: Judged, rule: OrderRule, code: OrderCode) -> Verdict:
    """Judge a lead, revision or removal: a listed diagnosis that stands alone, or a complete pair.

    No timing, no shared decision, no LVEF (rule 8, decision 6).
    """
    case = judged.case
    policy = case.policy
    notebook = _Notebook()
    paired = {criterion.primaries for _, criterion in case.rulebook.pairings}
    support = [
        hit
        for _, criterion in case.rulebook.diagnoses
        if criterion.claim not in paired
        for hit in sort_claims(case, criterion.claim).claims
    ]
    for name, criterion in case.rulebook.pairings:
        primaries = sort_claims(case, criterion.primaries).claims
        if primaries and judged.results[name].truth is Truth.MET:
            support += [*primaries, *sort_claims(case, criterion.partners).claims]
    supported = bool(support)
    met = tuple(
        name
        for name in (policy.exceptions["replacement"].indication,)
        if name is not None
        and all(judged.results[c].truth is Truth.MET for c in policy.indications[name].all_of)
    )
    if not supported:
        notebook.add(case.draft("no-group1-diagnosis", "P-GROUP1"))
        for name, _ in case.rulebook.diagnoses:
            for draft in judged.results[name].drafts:
                if draft.code in _TOLD_OF_NO_CANDIDATE:
                    notebook.add(draft)
    missing = _missing(judged, notebook, () if supported else tuple(policy.indications))
    _note_order(notebook, judged, rule, code)
    return Verdict(
        status="covered" if supported else "conditional",
        met=met,
        indications=(),
        always=(
            CriterionResult(
                id="group1-diagnosis",
                label=case.wording.labels["group1-diagnosis"],
                truth=Truth.MET if supported else Truth.UNKNOWN,
                citation="P-GROUP1",
                evidence=tuple(dict.fromkeys(evidence_of_all(support))),
                gaps=() if supported else (case.gap("not-found", "no-group1-diagnosis"),),
            ),
        ),
        missing=missing,
        waiting=(),
        earliest=None,
        findings=notebook.findings(met),
    )


def _status(overall: Truth, met: Sequence[str], candidates: Sequence[Truth]) -> Status:
    """Rule 8: hard failure; else any met; else any unknown; else all failed; else no candidate."""
    if overall is Truth.NOT_MET:
        return "not-covered"
    if met:
        return "covered" if overall is Truth.MET else "conditional"
    if candidates and all(truth is Truth.NOT_MET for truth in candidates):
        return "not-covered"
    return "conditional"


def _note_indication(
    notebook: _Notebook,
    judged: Judged,
    indication: IndicationResult,
    *,
    led_nowhere: bool,
) -> None:
    """Note what an indication has to tell; one without candidate only why its codes do not count.

    Near misses are told where no diagnosis led anywhere: coronary disease beside an infarction is
    no news.
    """
    rule = judged.case.policy.indications[indication.id]
    if indication.candidate:
        for name in rule.all_of:
            for draft in judged.results[name].drafts:
                if draft.code != _PAIR_MISSING:  # told once for all pairs, by _missing
                    notebook.add(draft, indication.id)
        for name in rule.informs:
            for draft in judged.results[name].drafts:
                notebook.add(draft, indication.id, info=True)
        return
    told = _TOLD_OF_NO_CANDIDATE if led_nowhere else _TOLD_BESIDE_A_CANDIDATE
    for name in rule.candidates:
        for draft in judged.results[name].drafts:
            if draft.code in told:
                notebook.add(draft, indication.id)


def _missing(
    judged: Judged,
    notebook: _Notebook,
    depended_on: Sequence[str],
) -> tuple[MissingSecondary, ...]:
    """Every primary without partner, whichever indication the order rests on (tension 6).

    It is a warning only for an indication that the order depends on, and only since contractors
    deny for it (tension 31).
    """
    policy = judged.case.policy
    missing: list[MissingSecondary] = []
    for name, criterion in judged.case.rulebook.pairings:
        if not judged.case.view.find(criterion.primaries):
            continue
        result = judged.results[name]
        if not result.missing:
            continue
        missing.extend(result.missing)
        needed_by = [i for i in depended_on if name in policy.indications[i].all_of]
        notice = criterion.notice_until is not None and judged.case.day <= criterion.notice_until
        for draft in result.drafts:
            if draft.code == _PAIR_MISSING:
                notebook.add(
                    draft,
                    needed_by[0] if needed_by else None,
                    info=notice or not needed_by,
                )
    return tuple(missing)


def _binding(
    rulebook: Rulebook,
    standing: Sequence[IndicationResult],
    met: Sequence[str],
) -> set[EventName]:
    """The events whose windows bind: the candidates' own, unless an exempt indication is met."""
    for name in met:
        if rulebook.policy.indications[name].exempt:
            return set()
    return {event for i in standing for event in rulebook.events_of[i.id]}


def _note_hints(notebook: _Notebook, judged: Judged, met: Sequence[str]) -> None:
    """Note the records that are no evidence, and worth a question."""
    case = judged.case
    for name, hint in case.policy.hints.items():
        found = case.view.find(hint.value_set)
        if found and hint.unless_met not in met:
            hits = [h for h in found if not h.fact.planned]  # an order is no history
            if hits:
                notebook.add(case.draft(name, hint.cite, hits))


def _note_order(notebook: _Notebook, judged: Judged, rule: OrderRule, code: OrderCode) -> None:
    """What holds of the order and the chart as a whole."""
    case = judged.case
    day = case.day.isoformat()
    if not code.entry.in_force(case.day):
        notebook.add(
            case.draft("order-code-not-effective", "P-CPT", codes=code.code, service_date=day),
        )
    if rule.finding is not None:
        notebook.add(case.draft(rule.finding, "P-CPT", codes=code.code))
    chart = case.view.chart
    if chart.other_patient:
        notebook.add(
            case.draft("other-patient-ignored", "P-B-INTRO", count=str(chart.other_patient)),
        )
    if chart.missing:
        parts = dict.fromkeys(f"{m.reference or m.need}: {m.reason}" for m in chart.missing)
        notebook.add(case.draft("record-incomplete", "P-B-INTRO", reason="; ".join(parts)))
