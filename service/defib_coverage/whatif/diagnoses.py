"""Which ICD-10-CM codes would settle a criterion, and which of them the chart already bears out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.chart import Kind
from defib_coverage.coverage.dates import add_months, parse_span
from defib_coverage.coverage.policy import Association
from defib_coverage.whatif.changes import DIAGNOSES, AddDiagnosis
from defib_coverage.whatif.days import last_day_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.coverage.chart import Hit
    from defib_coverage.coverage.policy import (
        Diagnosis,
        Episode,
        Pairing,
        WaitingEvent,
    )
    from defib_coverage.whatif.wanted import Situation

_A_YEAR = 12


class Coded(msgspec.Struct, frozen=True):
    """Codes of which any would do, each as the change that puts it on file.

    ``supported``: the chart already says so in other words, and ``options`` are only those codes.
    ``bound`` says what the day of an option is: the chart's own, the latest that will do, or one
    example of many; None where the options have no day.
    """

    options: tuple[AddDiagnosis, ...] = ()
    supported: bool = False
    bound: str | None = None


def claims(criterion: Diagnosis, at: Situation) -> Coded:
    """The claim codes of a list that stand alone and say something of the patient."""
    listed = [
        entry.code
        for entry in at.index.value_sets[criterion.claim].codes
        if entry.strength == "decide"
        and entry.code not in criterion.not_alone
        and entry.in_force(at.day)
    ]
    support = dict(_borne_out(criterion.claim, criterion.evidence, at, listed))
    waiting = _in_chart(criterion.not_yet, at)
    if criterion.not_yet_for is not None and waiting and not support:
        length = parse_span(criterion.not_yet_for)
        ripe = [h for h in waiting if h.fact.dated is None or at.day > length.after(_low(h))]
        if not ripe:
            return Coded()  # the code cannot be reported yet
        support = dict.fromkeys(listed, ripe[0])
    return _coded(listed, support, at)


def first_episodes(criterion: Episode, at: Situation) -> Coded:
    """The claim codes that show an episode too: most do, some say nothing of the patient."""
    for _, diagnosis in at.policy.diagnoses():
        if diagnosis.claim == criterion.weak:
            coded = claims(diagnosis, at)
            shown = _codes_of(criterion.evidence, at)
            options = tuple(option for option in coded.options if option.code in shown)
            return msgspec.structs.replace(coded, options=options)
    return Coded()


def other_episodes(criterion: Association, at: Situation) -> Coded:
    """The claim codes of another episode, on a day that is no cause's."""
    claimed = {
        code
        for _, diagnosis in at.policy.diagnoses()
        for code in at.index.codes_in_force(diagnosis.claim, at.day)
    }
    day = add_months(at.day, -_A_YEAR)
    codes = (code for code in _codes_of(criterion.episodes, at) if code in claimed)
    return Coded(tuple(AddDiagnosis(code, day) for code in codes), bound="example")


def _codes_of(value_sets: Sequence[str], at: Situation) -> dict[str, None]:
    """The ICD-10-CM codes of some sets that settle a criterion, in the order of the files."""
    entries = (e for name in value_sets for e in at.index.value_sets[name].codes)
    return {e.code: None for e in entries if e.system == DIAGNOSES and e.strength == "decide"}


def partners(criterion: Pairing, at: Situation) -> Coded:
    """The partner codes of a pair."""
    listed = at.index.codes_in_force(criterion.partners, at.day)
    support = dict(_borne_out(criterion.partners, criterion.evidence, at, listed))
    return _coded(listed, support, at)


def _low(hit: Hit) -> date:
    dated = hit.fact.dated
    assert dated is not None  # noqa: S101 - asked only of dated records
    return dated.low


def _in_chart(value_sets: Sequence[str], at: Situation) -> list[Hit]:
    """The confirmed records of some sets that are the chart's own."""
    return [
        hit
        for hit in at.view.find_all(value_sets)
        if hit.fact.kind is not Kind.ORDER_REASON and hit.fact.confirmed
    ]


def _borne_out(
    claim: str, evidence: Sequence[str], at: Situation, listed: Sequence[str]
) -> Iterator[tuple[str, Hit]]:
    """The listed codes that records name in other words, or name and leave unconfirmed."""
    for hit in _in_chart(evidence, at):
        for code in hit.entry.suggest if hit.entry.strength == "decide" else ():
            if code in listed and (hit.fact.current or code in at.policy.past_codes):
                yield code, hit
    for hit in at.view.find(claim):
        if hit.entry.code in listed and not hit.fact.confirmed and hit.fact.current:
            yield hit.entry.code, hit
        for code in () if hit.entry.in_force(at.day) else hit.entry.successors:
            if code in listed and hit.fact.current:
                yield code, hit


def _coded(listed: Sequence[str], support: dict[str, Hit], at: Situation) -> Coded:
    """The codes that the chart bears out, all where it bears out none; each with its day."""
    codes = [code for code in listed if code in support] or listed
    days = [_day(code, support.get(code), at) for code in codes]
    options = tuple(AddDiagnosis(code, day) for code, (day, _) in zip(codes, days, strict=True))
    bound = next((bound for day, bound in days if day is not None), None)
    return Coded(options, bool(support), bound)


def _day(code: str, hit: Hit | None, at: Situation) -> tuple[date | None, str | None]:
    """The day that a code needs so that it opens no waiting period and no doubt."""
    event = _event_of(code, at)
    if event is not None:
        when = None if hit is None else hit.fact.when
        if when is None:
            return last_day_before(event.length, at.day, touching=False), "latest"
        return (when.low, "own") if when.is_day else (None, None)
    if _doubtful(code, at):
        return add_months(at.day, -_A_YEAR), "example"
    return None, None


def _event_of(code: str, at: Situation) -> WaitingEvent | None:
    """The event that a code speaks of."""
    sets = {match.value_set for match in at.index.find(DIAGNOSES, code)}
    for event in at.policy.waiting.values():
        if sets & {*event.records, *event.past_records}:
            return event
    return None


def _doubtful(code: str, at: Situation) -> bool:
    """Whether an undated episode would be tied to an event whose waiting period is open."""
    sets = {match.value_set for match in at.index.find(DIAGNOSES, code)}
    open_events = {window.event for window in at.found.waiting_periods}
    return any(
        isinstance(criterion, Association)
        and criterion.cause_window in open_events
        and sets & set(criterion.episodes)
        for criterion in at.policy.criteria.values()
    )
