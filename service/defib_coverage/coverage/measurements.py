"""Criteria about measured values: LVEF with its modality, and the NYHA class."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.case import latest_of
from defib_coverage.coverage.chart import Hit
from defib_coverage.coverage.determination import Evidence, Gap, evidence_of_all
from defib_coverage.coverage.results import Draft, Result
from defib_coverage.coverage.truth import Truth, all_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from defib_coverage.coverage.case import Case
    from defib_coverage.coverage.chart import Quantity
    from defib_coverage.coverage.policy import FunctionalClass, Measurement


class _Readings(msgspec.Struct, frozen=True):
    """The readings that may be the latest, with what is to be told of them.

    ``refused`` are readings by a modality that does not count, where no other is on file.
    """

    latest: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]
    drafts: tuple[Draft, ...]
    refused: tuple[Hit, ...] = ()


def judge_measurement(criterion: Measurement, case: Case) -> Result:
    """The latest reading by an approved or unstated modality against the limit (rule 5)."""
    key = (
        criterion.readings,
        criterion.modality_procedures,
        criterion.approved,
        criterion.after_events,
        criterion.after_therapies,
    )
    read = case.remember(key, lambda: _read(criterion, case))
    if not read.latest:
        drafts = [case.draft("lvef-missing", criterion.cite)]
        if read.refused:
            drafts.append(case.draft("lvef-modality-not-approved", criterion.cite, read.refused))
        silent = case.silent(criterion, "lvef-missing")
        return Result(truth=silent.truth, gaps=silent.gaps, drafts=tuple(drafts))
    missing = case.missing_gaps(criterion)
    if missing:
        # A later reading may stand in the part that could not be had.
        return Result(
            truth=Truth.UNKNOWN,
            evidence=read.evidence,
            gaps=missing,
            drafts=read.drafts,
        )
    limit = criterion.limit
    truth = _agreed(read.latest, lambda h: _judge_reading(limit, h))
    drafts = list(read.drafts)
    if truth is Truth.NOT_MET:
        facts = {"value": read.evidence[0].value or "", "limit": criterion.at_most or ""}
        drafts.append(case.draft("lvef-too-high", criterion.cite, read.latest, **facts))
    gaps: tuple[Gap, ...] = ()
    if truth is Truth.UNKNOWN:
        ask = criterion.at_most or criterion.label
        gaps = (case.gap("too-imprecise", "lvef-imprecise", limit=ask),)
    return Result(truth=truth, evidence=read.evidence, gaps=gaps, drafts=tuple(drafts))


def _read(criterion: Measurement, case: Case) -> _Readings:
    """Choose the readings that count."""
    # Only what states a value is a reading: an ordered measurement is none.
    found = case.view.find(criterion.readings)
    readings = tuple([h for h in found if h.fact.quantity is not None])
    if not readings:
        return _Readings((), (), ())
    imaged = _imaged(criterion, case)
    usable: list[Hit] = []
    unstated: set[int] = set()
    for hit in readings:
        modality = _modality(imaged, hit)
        if modality is None:
            unstated.add(id(hit))
        if modality is None or modality in criterion.approved:
            usable.append(hit)
    if not usable:
        return _Readings((), (), (), readings)
    latest = latest_of(usable)
    drafts = _reading_notes(criterion, case, latest, unstated)
    return _Readings(latest, evidence_of_all(latest), drafts)


def _imaged(criterion: Measurement, case: Case) -> Mapping[date, str]:
    """The days of imaging procedures, with the approved modality of each day's first."""
    days: dict[date, str] = {}
    for hit in case.view.find(criterion.modality_procedures):
        when, modality = hit.fact.when, hit.entry.modality
        if when is None or not when.is_day or hit.fact.planned:
            continue
        if modality is not None and modality in criterion.approved:
            days.setdefault(when.low, modality)
    return days


def _modality(imaged: Mapping[date, str], hit: Hit) -> str | None:
    """How a reading was taken: by its code, its method, or an imaging procedure of that day."""
    stated = hit.fact.modality or hit.entry.modality
    if stated is not None or hit.fact.when is None or not hit.fact.when.is_day:
        return stated
    return imaged.get(hit.fact.when.low)


def _reading_notes(
    criterion: Measurement,
    case: Case,
    latest: Sequence[Hit],
    unstated: Collection[int],
) -> tuple[Draft, ...]:
    """What is to be told of the latest readings; of those in ``unstated`` no modality is known."""
    changed = _changed(criterion, case)
    noted: dict[str, list[Hit]] = {
        "lvef-modality-not-stated": [],
        "lvef-unit-suspect": [],
        "lvef-predates-event": [],
        "lvef-preliminary": [],
    }
    for hit in latest:
        fact = hit.fact
        dated = fact.dated
        if id(hit) in unstated:
            noted["lvef-modality-not-stated"].append(hit)
        if fact.quantity is not None and fact.quantity.suspect:
            noted["lvef-unit-suspect"].append(hit)
        if dated is not None and dated.high < changed:
            noted["lvef-predates-event"].append(hit)
        if not fact.confirmed:
            noted["lvef-preliminary"].append(hit)
    return tuple([case.draft(code, criterion.cite, hits) for code, hits in noted.items() if hits])


def _changed(criterion: Measurement, case: Case) -> date:
    """The day of the latest event or start of a therapy; ``date.min`` where there is none."""
    last = date.min
    for hit in case.view.find_all(criterion.after_events):
        if hit.fact.when is not None and not hit.fact.planned:
            last = max(last, hit.fact.when.low)
    for therapy in criterion.after_therapies:
        starts = [h.fact.when.low for h in case.view.find(therapy) if h.fact.when is not None]
        if starts:
            last = max(last, min(starts))
    return last


def _judge_reading(limit: float | None, hit: Hit) -> Truth:
    """One reading: favourable only if its upper bound passes; no rounding (rule 5)."""
    quantity = hit.fact.quantity
    if quantity is None or not hit.fact.confirmed:
        return Truth.UNKNOWN
    if limit is None:
        return Truth.MET
    if quantity.suspect:
        return Truth.UNKNOWN
    return _compare(quantity, limit)


def _compare(quantity: Quantity, limit: float) -> Truth:
    if quantity.high is not None and quantity.high <= limit:
        return Truth.MET
    low = quantity.low
    if low is not None and (low > limit or (low == limit and quantity.low_open)):
        return Truth.NOT_MET
    return Truth.UNKNOWN


def judge_class(criterion: FunctionalClass, case: Case) -> Result:
    """The latest functional class; a range passes only if all of it does (rule 5)."""
    readings = [h for h in case.view.find(criterion.readings) if h.fact.classes]
    if not readings:
        silent = case.silent(criterion, "nyha-missing")
        draft = case.draft("nyha-missing", criterion.cite)
        return Result(truth=silent.truth, gaps=silent.gaps, drafts=(draft,))
    latest = case.remember((criterion.readings,), lambda: latest_of(readings))
    evidence = evidence_of_all(latest)
    missing = case.missing_gaps(criterion)
    if missing:
        return Result(truth=Truth.UNKNOWN, evidence=evidence, gaps=missing)
    truth = _agreed(latest, lambda h: _judge_class(criterion.allowed, h))
    if truth is Truth.NOT_MET:
        draft = case.draft("nyha-not-allowed", criterion.cite, latest, label=criterion.label)
        return Result(truth=truth, evidence=evidence, drafts=(draft,))
    if truth is Truth.UNKNOWN:
        gap = case.gap("too-imprecise", "nyha-imprecise", label=criterion.label)
        return Result(truth=truth, evidence=evidence, gaps=(gap,))
    return Result(truth=truth, evidence=evidence)


def _judge_class(allowed: Sequence[int], hit: Hit) -> Truth:
    if not hit.fact.confirmed:
        return Truth.UNKNOWN
    within = [c in allowed for c in hit.fact.classes]
    if all(within):
        return Truth.MET
    return Truth.UNKNOWN if any(within) else Truth.NOT_MET


def _agreed(latest: Sequence[Hit], judge: Callable[[Hit], Truth]) -> Truth:
    """The truth of the latest readings: on one day the least favourable, else what all say."""
    if len(latest) == 1:
        return judge(latest[0])
    truths = [judge(h) for h in latest]
    days = {(d.low, d.high) for h in latest if (d := h.fact.dated) is not None}
    if len(days) == 1 and all(low == high for low, high in days):
        return all_of(truths)
    return truths[0] if len(set(truths)) == 1 else Truth.UNKNOWN
