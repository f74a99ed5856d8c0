"""Criteria about diagnoses: claim codes, their partners, what must be absent."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from defib_coverage.coverage.case import codes_of, in_chart, latest_of, sort_claims
from defib_coverage.coverage.chart import Kind
from defib_coverage.coverage.dates import DAY, parse_span
from defib_coverage.coverage.determination import Evidence, MissingSecondary, evidence_of_all
from defib_coverage.coverage.results import Draft, Result
from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from defib_coverage.coverage.case import Case
    from defib_coverage.coverage.chart import Hit
    from defib_coverage.coverage.policy import (
        Absence,
        Diagnosis,
        Pairing,
        RateControl,
    )
    from defib_coverage.coverage.results import Question

Item = TypeVar("Item")


def _unique(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))


def _joined(codes: Iterable[str]) -> str:
    return ", ".join(codes)


def judge_diagnosis(criterion: Diagnosis, case: Case) -> Result:
    """A claim code on file is met; the disease without one is unknown; nothing is no candidate."""
    found = sort_claims(case, criterion.claim)
    claims = tuple(h for h in found.claims if h.entry.code not in criterion.not_alone)
    if claims:
        return Result(
            truth=Truth.MET,
            evidence=evidence_of_all(claims),
            candidate=True,
        )
    retired = tuple(h for h in found.not_in_force if h.entry.code not in criterion.not_alone)
    documented = in_chart(case.view.find_all(criterion.evidence))
    evidence = (
        *(h for h in documented if case.counts_still(h)),
        # What will be an old infarction stays one, whatever its status.
        *in_chart(case.view.find_all(criterion.not_yet)),
    )
    shown = tuple(
        h for h in (*retired, *evidence) if h.fact.confirmed and h.entry.strength == "decide"
    )
    doubtful = (
        *found.unconfirmed,
        *(h for h in evidence if not h.fact.confirmed or h.entry.strength == "ask"),
    )
    over = (*found.not_current, *(h for h in documented if not case.counts_still(h)))
    drafts = _not_counting(criterion, case, over)
    if shown:
        questions = list(_documented_only(criterion, case, shown, retired))
    elif doubtful:
        facts = {"codes": codes_of(doubtful)}
        questions = [case.question("dx-unconfirmed", criterion.cite, doubtful, facts)]
    else:
        if retired:
            questions = [_not_in_force(criterion, case, retired, ())]
            drafts.extend(question.draft for question in questions)
        missing = criterion.missing_finding
        if missing is not None:
            drafts.append(case.draft(missing, criterion.cite))
        silent = case.silent(criterion, missing or "diagnosis", criterion.label)
        return Result(truth=silent.truth, gaps=silent.gaps, drafts=tuple(drafts))
    return Result(
        truth=Truth.UNKNOWN,
        evidence=_unique(evidence_of_all(shown or doubtful)),
        gaps=tuple(question.gap for question in questions),
        drafts=(*drafts, *(question.draft for question in questions)),
        candidate=True,
    )


def _not_counting(criterion: Diagnosis, case: Case, over: tuple[Hit, ...]) -> list[Draft]:
    """Records that look like the diagnosis and do not count: it is over, or another one."""
    drafts = []
    if over:
        drafts.append(case.draft("dx-not-current", criterion.cite, over, codes=codes_of(over)))
    near = tuple(h for h in case.view.find_all(criterion.near_miss) if h.fact.confirmed)
    if near:
        drafts.append(case.near_miss(criterion.cite, near, criterion.near_miss))
    return drafts


def _claimable(case: Case, hit: Hit, codes: Iterable[str]) -> Iterable[str]:
    """Of the codes that a record stands for, those that may be claimed: of what is over, few."""
    return (c for c in codes if hit.fact.current or c in case.policy.past_codes)


def _not_in_force(
    criterion: Diagnosis,
    case: Case,
    retired: tuple[Hit, ...],
    shown: tuple[Hit, ...],
) -> Question:
    """A listed code outside its days: evidence, no claim code (decision 4).

    Of its successors, those that other records support settle it; all where none does.
    """
    in_force = case.index.codes_in_force(criterion.claim, case.day)
    successors = _unique(c for h in retired for c in h.entry.successors if c in in_force)
    supported = {c for h in shown for c in _claimable(case, h, h.entry.suggest)}
    settled_by = tuple(c for c in successors if c in supported)
    if not settled_by:
        open_to = {c for h in retired for c in _claimable(case, h, h.entry.successors)}
        settled_by = tuple(c for c in successors if c in open_to)
    facts = {
        "codes": codes_of(retired),
        "service_date": case.day.isoformat(),
        "successors": _joined(successors) or "a code in force on that day",
    }
    return case.question("code-not-effective", criterion.cite, retired, facts, settled_by)


def _documented_only(
    criterion: Diagnosis,
    case: Case,
    shown: tuple[Hit, ...],
    retired: tuple[Hit, ...],
) -> Iterable[Question]:
    """The disease stands in the chart and its claim code does not."""
    if retired:
        yield _not_in_force(criterion, case, retired, shown)
        return
    not_yet = {h.fact.reference for v in criterion.not_yet for h in case.view.find(v)}
    # I21 and I22 belong to the first 28 days, I25.2 to the time after (rule 4.2).
    acute_only = all(h.fact.reference in not_yet for h in shown)
    too_soon = _too_soon(criterion, case, shown, not_yet)
    if acute_only or too_soon:
        facts = {"codes": codes_of(shown)}
        yield case.question("i25.2-not-yet-valid", criterion.cite, shown, facts)
    # An ICD-10-CM code that is no claim code of the list shows the disease without naming it.
    if not too_soon and (not acute_only or all(h.entry.system != "icd10cm" for h in shown)):
        in_force = case.index.codes_in_force(criterion.claim, case.day)
        suggested = _unique(c for h in shown for c in h.entry.suggest if c in in_force)
        facts = {
            "codes": codes_of(shown),
            "supported": _joined(suggested) or _one_of(in_force),
        }
        claimable = {c for h in shown for c in _claimable(case, h, h.entry.suggest)}
        settled_by = tuple(c for c in suggested if c in claimable)
        yield case.question("needs-icd10-code", criterion.cite, shown, facts, settled_by)


def _too_soon(
    criterion: Diagnosis,
    case: Case,
    shown: tuple[Hit, ...],
    not_yet: Collection[str],
) -> bool:
    """Whether all that is shown is one recent event, whose claim code comes only later.

    A record of the past that was written down lately, and does not say since when, tells no day.
    """
    if criterion.not_yet_for is None:
        return False
    length = parse_span(criterion.not_yet_for)
    recent = False
    for hit in shown:
        dated = hit.fact.dated
        if dated is None:
            continue
        if case.day > length.after(dated.low):
            return False
        recent = recent or hit.fact.when is not None or hit.fact.reference in not_yet
    return recent


def _one_of(codes: Sequence[str]) -> str:
    return codes[0] if len(codes) == 1 else "one of " + _joined(codes)


class _Partners(msgspec.Struct, frozen=True):
    """What the chart holds of a partner list: claims, else what comes close (for all primaries)."""

    claims: tuple[Evidence, ...]
    any_of: tuple[str, ...] = ()
    supported: tuple[str, ...] = ()
    drafts: tuple[Draft, ...] = ()


def judge_pairing(criterion: Pairing, case: Case) -> Result:
    """A partner code on file, or the primaries that miss theirs with what the chart supports."""
    key = (criterion.partners, criterion.evidence, criterion.near_miss)
    partners = case.remember(key, lambda: _read_partners(criterion, case))
    if partners.claims:
        return Result(truth=Truth.MET, evidence=partners.claims)
    primaries = _unique(h.entry.code for h in sort_claims(case, criterion.primaries).claims)
    any_of = _joined(partners.any_of)
    drafts = partners.drafts
    if primaries:
        missing = case.draft(
            "secondary-diagnosis-missing",
            criterion.cite,
            primary=_joined(primaries),
            partners=any_of,
        )
        drafts = (missing, *drafts)
    silent = case.silent(criterion, "partner", any_of)
    return Result(
        truth=silent.truth,
        gaps=silent.gaps,
        drafts=drafts,
        missing=tuple(
            MissingSecondary(
                primary=primary,
                any_of=partners.any_of,
                supported=partners.supported,
                citation=criterion.cite,
            )
            for primary in primaries
        ),
    )


def _read_partners(criterion: Pairing, case: Case) -> _Partners:
    found = sort_claims(case, criterion.partners)
    if found.claims:
        return _Partners(evidence_of_all(found.claims))
    cite = criterion.cite
    any_of = case.index.codes_in_force(criterion.partners, case.day)
    evidence = tuple(h for h in case.view.find_all(criterion.evidence) if h.fact.confirmed)
    # Only a record of the chart that names acuity and type supports a code; others are listed as
    # near misses.
    supporting = tuple(h for h in evidence if _supports(h))
    supported = _unique(code for h in supporting for code in h.entry.suggest if code in any_of)
    drafts: list[Draft] = []
    if supported:
        facts = {"codes": codes_of(supporting), "supported": _joined(supported)}
        drafts.append(case.settled("needs-icd10-code", cite, supporting, facts, supported))
    near = (
        *(h for h in case.view.find_all(criterion.near_miss) if h.fact.confirmed),
        *(h for h in evidence if h.fact.current and not _supports(h)),
    )
    over = (*found.not_current, *(h for h in evidence if not h.fact.current))
    for code, hits in (
        ("hf-code-not-qualifying", near),
        ("dx-unconfirmed", found.unconfirmed),
        ("dx-not-current", over),
    ):
        if hits:
            drafts.append(case.draft(code, cite, hits, codes=codes_of(hits)))
    return _Partners((), any_of, supported, tuple(drafts))


def _supports(hit: Hit) -> bool:
    """Whether a record of the chart supports a code of the claim by itself."""
    fact = hit.fact
    return bool(hit.entry.suggest) and fact.current and fact.kind is not Kind.ORDER_REASON


def judge_absence(criterion: Absence, case: Case) -> Result:
    """Not met by what decides against it, unknown by what asks, else what silence means."""
    view = case.view
    failing = tuple(h for h in view.find_all(criterion.fails) if _present(criterion, case, h))
    hard = tuple(h for h in failing if h.fact.confirmed and h.entry.strength == "decide")
    if hard:
        return Result(
            truth=Truth.NOT_MET,
            evidence=evidence_of_all(hard),
            drafts=(case.draft(criterion.finding, criterion.cite, hard, codes=codes_of(hard)),),
        )
    asking = (
        *failing,
        *(h for h in view.find_all(criterion.asks) if _present(criterion, case, h)),
        *(h for h in view.find_all(criterion.asks_on_day) if _on_day(case, h, before=0)),
        *(h for h in view.find_all(criterion.asks_day_before) if _on_day(case, h, before=1)),
        *(h for h in view.find_all(criterion.asks_planned) if h.fact.planned),
    )
    if not asking:
        return case.silent(criterion, criterion.finding)
    return case.asked(criterion.finding, criterion.cite, asking)


def _present(criterion: Absence, case: Case, hit: Hit) -> bool:
    """Whether a record still says that something is there: current, or history by its nature."""
    fact = hit.fact
    if fact.kind is Kind.ORDER_REASON:
        # A reason given on the order is a claim; as history it would bar what it argues for.
        return not any(v in case.policy.history for v in criterion.asks)
    return fact.current or any(v in case.policy.history for v in criterion.asks)


def _on_day(case: Case, hit: Hit, *, before: int) -> bool:
    """Whether a sign is dated on the service date, or up to ``before`` days earlier."""
    fact = hit.fact
    dated = fact.dated
    if dated is None or fact.planned or hit.entry.strength == "ask":
        return False
    return dated.high >= case.day - before * DAY


def judge_rate_control(criterion: RateControl, case: Case) -> Result:
    """A record of a fast ventricular rate asks; so does a rhythm with a latest rate above limit."""
    fast = tuple(h for h in case.view.find(criterion.uncontrolled) if h.fact.current)
    rhythms = tuple(h for h in case.view.find(criterion.rhythms) if h.fact.current)
    asking: tuple[Hit, ...] = fast
    if not fast and rhythms:
        rates = tuple(h for h in case.view.find(criterion.rates) if h.fact.quantity is not None)
        high = tuple(
            h
            for h in latest_of(rates)
            if h.fact.quantity is not None
            and (h.fact.quantity.high is None or h.fact.quantity.high > criterion.limit)
        )
        if high:
            asking = (*rhythms, *high)
    if not asking:
        return case.silent(criterion, criterion.finding)
    return case.asked(criterion.finding, criterion.cite, asking)
