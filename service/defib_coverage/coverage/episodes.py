"""Criteria about the episode behind B1: that there was one, and that nothing passing caused it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from defib_coverage.coverage.case import in_chart, sort_claims
from defib_coverage.coverage.dates import DateSpan, DateSpans
from defib_coverage.coverage.determination import evidence_of_all
from defib_coverage.coverage.results import Result
from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.coverage.case import Case
    from defib_coverage.coverage.chart import Hit
    from defib_coverage.coverage.policy import Association, Episode


def judge_episode(criterion: Episode, case: Case) -> Result:
    """Sustained VT or arrest from VF, by a record that says so (rule 4.1)."""
    shown = _episodes(criterion.evidence, case)
    if shown:
        return Result(truth=Truth.MET, evidence=evidence_of_all(shown))
    weak = sort_claims(case, criterion.weak).claims
    if not weak:
        return case.silent(criterion, "episode")
    return case.asked("weak-dx-only", criterion.cite, weak)


def judge_association(criterion: Association, case: Case) -> Result:
    """No cause close to the episode, or another episode without one."""
    episodes = _episodes(criterion.episodes, case)
    causes = tuple(_causes(criterion, case))
    tied = DateSpans(span for span, _ in causes)
    open_window = criterion.cause_window is not None and case.windows[criterion.cause_window].open
    undated = tuple(h for h in episodes if h.fact.when is None)
    dated = [h.fact.when for h in episodes if h.fact.when is not None]
    free = (undated and not open_window) or not all(tied.overlap(when) for when in dated)
    if free or not episodes:
        # One episode free of the cause is enough: a second, later one rescues the first.
        return case.silent(criterion, criterion.finding)
    days = DateSpans(dated)
    close = (hit for span, hit in causes if days.overlap(span))
    return case.asked(criterion.finding, criterion.cite, tuple(dict.fromkeys((*close, *undated))))


def _episodes(value_sets: Sequence[str], case: Case) -> tuple[Hit, ...]:
    """The records of the chart that certainly speak of an episode."""
    return tuple(
        h
        for h in in_chart(case.view.find_all(value_sets))
        if h.fact.confirmed and h.entry.strength == "decide"
    )


def _causes(criterion: Association, case: Case) -> Iterable[tuple[DateSpan, Hit]]:
    """The causes, each with the days on which an episode would count as tied to it."""
    length = criterion.span
    if criterion.cause_window is not None:
        for event in case.windows[criterion.cause_window].events:
            # A record without a lower bound ("some time before") is tied to no day.
            if event.span.low != date.min:
                yield DateSpan(event.span.low, length.after(event.span.high)), event.hit
        return
    for hit in case.view.find_all(criterion.causes):
        dated = hit.fact.dated
        if hit.fact.current and dated is not None:
            yield DateSpan(length.before(dated.low), length.after(dated.high)), hit
