"""Waiting periods: when an infarction, bypass or stent took place, and which days it excludes.

Day 0 is the day of the event; the window is closed at its far end (rule 6). Every date is an
interval: outside the window of its latest day is clear, inside that of its earliest day definite,
anything between possible.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

from defib_coverage.coverage.case import codes_of
from defib_coverage.coverage.chart import Hit, Kind
from defib_coverage.coverage.dates import DateSpan, day_after, parse_span
from defib_coverage.coverage.determination import WaitingPeriodResult, evidence_of_all
from defib_coverage.coverage.events import NO_EVENTS, Event, Waiting, Window
from defib_coverage.coverage.results import Result
from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from defib_coverage.coverage.case import Case
    from defib_coverage.coverage.policy import EventName, WaitingEvent, WaitingPeriod
    from defib_coverage.coverage.results import Draft

# The records that may speak of an event itself, whatever their codes say.
_DONE = frozenset({Kind.PROCEDURE, Kind.CONDITION})
_KINDS: Mapping[EventName, frozenset[Kind]] = {
    "MI": frozenset(Kind) - {Kind.REQUEST, Kind.ORDER_REASON},
    "CABG": _DONE,
    "PCI": _DONE,
}


def waiting_of(name: EventName, case: Case) -> Waiting:
    """Find the events of one kind and the windows that are open on the service date."""
    rule = case.policy.waiting[name]
    view = case.view
    if view.names.isdisjoint(rule.records) and view.names.isdisjoint(rule.past_records):
        return NO_EVENTS
    records = _happened(name, view.find_all(rule.records))
    past = _happened(name, view.find_all(rule.past_records))
    later = _happened(name, view.later((*rule.records, *rule.past_records)))
    if not records and not past:
        return Waiting(later=tuple(later)) if later else NO_EVENTS
    dated = [(h, _span(rule, h, case.day, past=False)) for h in records]
    if past:
        dated += [(h, _span(rule, h, case.day, past=True)) for h in _telling(name, past, dated)]
    direct = {h.fact.reference for h in records}
    events = _merged([Event(h, span) for h, span in dated if span is not None], direct)
    windows = [w for event in events if (w := _window(rule, event, case)) is not None]
    undated = [h for h, span in dated if span is None]
    return Waiting(events, tuple(windows), tuple(undated), tuple(later))


def _happened(name: EventName, hits: Sequence[Hit]) -> Sequence[Hit]:
    """The records that speak of the event itself: not planned, no order, the right kind."""
    if not hits:
        return ()
    kinds = _KINDS[name]
    return [hit for hit in hits if hit.fact.kind in kinds and not hit.fact.planned]


def _telling(
    name: EventName,
    past: Sequence[Hit],
    dated: Sequence[tuple[Hit, DateSpan | None]],
) -> Iterable[Hit]:
    """The records of the past that count beside those of the event itself.

    A record that only says "once" adds nothing where one says when: an undated I25.2 beside a dated
    infarction, Z95.1 beside the procedure itself (rule 3). Only a certain record says when: a
    doubtful one may turn out never to have happened.
    """
    if name != "MI":
        return () if any(_certain(h) for h, _ in dated) else past
    with_onset = [h for h in past if h.fact.when is not None]
    known = any(span is not None and _certain(h) for h, span in dated)
    if known or any(_certain(h) for h in with_onset):
        return with_onset
    return (*with_onset, *(h for h in past if h.fact.when is None))


def _window(rule: WaitingEvent, event: Event, case: Case) -> Window | None:
    """The window that an event opened, if the service date lies in it."""
    span = event.span
    length = rule.length
    last = length.after(span.high)
    longer = None
    if case.longer_reading and rule.also_show is not None:
        # The later end counts: three months are 89 to 92 days.
        longer = parse_span(rule.also_show)
        if longer.after(span.high) > last:
            length, last = longer, longer.after(span.high)
    if case.day > last:
        return None
    first = rule.length.after(span.low)
    if longer is not None:
        first = max(first, longer.after(span.low))
    definite = case.day <= first and _certain(event.hit)
    return Window(event, last, str(length), definite=definite)


def _certain(hit: Hit) -> bool:
    return hit.fact.confirmed and hit.entry.strength == "decide"


def _span(rule: WaitingEvent, hit: Hit, day: date, *, past: bool) -> DateSpan | None:
    """The days on which the event may have happened; None if nothing tells (rule 3)."""
    fact = hit.fact
    recorded = fact.recorded
    if past and fact.when is not None and fact.kind is Kind.CONDITION and rule.past_after is None:
        # "Presence of a graft since ..." bounds the surgery from above only.
        return DateSpan(date.min, fact.when.high).capped(day)
    when = fact.when or (None if past else fact.encountered)
    if when is not None and when.low > day:  # a visit of after the service date tells nothing
        when = None
    if when is not None:
        # What was written down on a day cannot have happened after it.
        if recorded is not None and when.low <= recorded.high:
            when = when.capped(recorded.high)
        return when.capped(day)
    noted = recorded or fact.encountered
    if noted is None:
        return None
    claim_code = hit.entry.system == "icd10cm"
    if past and claim_code and rule.past_after is not None:
        return DateSpan(date.min, parse_span(rule.past_after).before(noted.high)).capped(day)
    low = date.min
    if not past and claim_code and rule.recorded_within is not None:
        low = parse_span(rule.recorded_within).before(noted.low)
    return DateSpan(low, noted.high).capped(day)


def _merged(events: Sequence[Event], direct: Collection[str]) -> tuple[Event, ...]:
    """One event for all records of the same days: a confirmed record, and one of the event itself.

    ``direct`` names the records of the event itself; the others say that it happened once.
    """
    if len(events) == 1:
        return (events[0],)
    best: dict[tuple[date, date], tuple[tuple[bool, bool, str], Event]] = {}
    for event in events:
        reference = event.hit.fact.reference
        rank = (not _certain(event.hit), reference not in direct, reference)
        key = (event.span.low, event.span.high)
        if key not in best or rank < best[key][0]:
            best[key] = (rank, event)
    return tuple(
        sorted(
            (event for _, event in best.values()),
            key=lambda e: (e.span.high, e.span.low, e.hit.fact.reference),
        ),
    )


def judge_waiting_period(criterion: WaitingPeriod, case: Case) -> Result:
    """Not met while a definite window is open, unknown while a possible one is (rules 6 and 7)."""
    waiting = case.windows[criterion.event]
    if waiting is NO_EVENTS:
        return case.silent(criterion, "event-date")
    rule = case.policy.waiting[criterion.event]
    if not waiting.open and not waiting.undated:
        # Whatever happened is out of its window: it bars no more than silence does.
        silent = case.silent(criterion, "event-date")
        return Result(
            truth=silent.truth,
            gaps=silent.gaps,
            attest=silent.attest,
            evidence=evidence_of_all([e.hit for e in waiting.events]),
            drafts=tuple(_notes_of_past(criterion, case, waiting, rule)),
        )
    drafts = (
        *_notes(criterion, case, waiting, rule),
        *_notes_of_past(criterion, case, waiting, rule),
    )
    shown = evidence_of_all([w.event.hit for w in waiting.open])
    hints = case.paced
    definite = any(w.definite for w in waiting.open)
    if definite and not hints:
        return Result(truth=Truth.NOT_MET, evidence=shown, drafts=drafts)
    gaps = [
        case.gap(
            "too-imprecise",
            "event-date",
            event=rule.label,
            last_excluded=w.last.isoformat(),
            codes=w.event.hit.entry.code,
        )
        for w in waiting.open
        if not w.definite
    ]
    if definite:
        gaps.append(case.gap("judgement", "pacemaker-exception-possible", codes=codes_of(hints)))
    gaps += [
        case.gap("not-found", rule.unknown_date_finding, codes=h.entry.code, event=rule.label)
        for h in waiting.undated
    ]
    return Result(
        truth=Truth.UNKNOWN,
        evidence=shown + evidence_of_all(waiting.undated),
        gaps=tuple(gaps),
        drafts=drafts,
    )


def pacemaker_hints(case: Case) -> tuple[Hit, ...]:
    """Active reasons for a pacemaker: they turn a closed door into a question, never open it."""
    hints = case.policy.exceptions["pacemaker"].hints
    return tuple(h for h in case.view.find_all(hints) if h.fact.current)


def _notes(
    criterion: WaitingPeriod,
    case: Case,
    waiting: Waiting,
    rule: WaitingEvent,
) -> Iterable[Draft]:
    """What is to be told of open windows, and of events that may have been on any day."""
    for window in waiting.open:
        hit = window.event.hit
        facts = {
            "event": rule.label,
            # Every type of infarction counts; the clinician is told which it is.
            "codes": f"{hit.entry.code}, {hit.entry.display or hit.entry.label or rule.label}",
            "last_excluded": window.last.isoformat(),
            "first_eligible": window.first_eligible.isoformat(),
            "length": window.length,
            "date": hit.fact.when.text[:10] if hit.fact.when and hit.fact.when.text else "unknown",
        }
        yield case.draft("waiting-period-open", criterion.cite, (hit,), **facts)
        if not window.definite:
            finding = "event-date-imprecise" if _certain(hit) else "dx-unconfirmed"
            yield case.draft(finding, criterion.cite, (hit,), **facts)
    hints = case.paced
    if hints and any(w.definite for w in waiting.open):
        exception = case.policy.exceptions["pacemaker"]
        yield case.draft(
            "pacemaker-exception-possible",
            exception.cite,
            hints,
            codes=codes_of(hints),
        )
    if waiting.undated:
        yield case.draft(
            rule.unknown_date_finding,
            criterion.cite,
            waiting.undated,
            codes=codes_of(waiting.undated),
            event=rule.label,
        )


def _notes_of_past(
    criterion: WaitingPeriod,
    case: Case,
    waiting: Waiting,
    rule: WaitingEvent,
) -> list[Draft]:
    """What is to be told of events after the service date, and of those that some count longer."""
    drafts: list[Draft] = []
    if waiting.later:
        later = waiting.later
        facts = {"codes": codes_of(later), "event": rule.label}
        drafts.append(case.draft("event-after-dos", criterion.cite, later, **facts))
    if rule.also_show is None or case.longer_reading:
        return drafts
    # The service date is past the months but within the 90 days that some read instead.
    still_open = {window.event for window in waiting.open}
    longer = parse_span(rule.also_show)
    for event in waiting.events:
        if event in still_open or event.span.low == date.min:
            continue
        last = longer.after(event.span.high)
        if case.day <= last:
            facts = {"event": rule.label, "safe_date": day_after(last).isoformat()}
            code = "between-month-and-90-day-readings"
            drafts.append(case.draft(code, criterion.cite, (event.hit,), **facts))
    return drafts


def waiting_results(
    case: Case,
    *,
    binding: Collection[EventName],
    replacement: bool,
) -> tuple[WaitingPeriodResult, ...]:
    """Every open window; ``binding`` names the events whose windows bind the patient today."""
    paced = bool(case.paced)
    results: list[WaitingPeriodResult] = []
    for name, waiting in case.windows.items():
        applies = name in binding
        exception: Literal["pacemaker", "replacement"] | None = None
        if replacement:
            exception = "replacement"
        elif paced and applies:
            exception = "pacemaker"
        for window in waiting.open:
            first = window.first_eligible
            results.append(
                WaitingPeriodResult(
                    event=name,
                    event_date=window.event.span.text,
                    reference=window.event.hit.fact.reference,
                    last_excluded_day=window.last,
                    first_eligible_day=first,
                    days_remaining=(first - case.day).days,
                    length=window.length,
                    certainty="definite" if window.definite else "possible",
                    applies=applies,
                    exception=exception,
                    citation=case.policy.waiting[name].cite,
                ),
            )
    return tuple(results)
