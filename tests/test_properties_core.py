"""Laws of three-valued logic, and of dates as intervals of days."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta, timezone
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.coverage.dates import (
    DateSpan,
    DateSpans,
    Span,
    add_months,
    parse_span,
    read_date,
)
from defib_coverage.coverage.truth import Truth, all_of

if TYPE_CHECKING:
    from random import Random

truths = st.sampled_from(Truth)
days = st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 12, 31))
spans = st.one_of(
    st.builds(Span, st.integers(1, 200), st.just("days")),
    st.builds(Span, st.integers(1, 24), st.just("months")),
)
# From false to true, and from knowing nothing to knowing.
RANK = {Truth.NOT_MET: 0, Truth.UNKNOWN: 1, Truth.MET: 2}


def resolutions(known: list[Truth]) -> list[tuple[Truth, ...]]:
    """Every way in which the unknown ones may turn out."""
    either = (Truth.MET, Truth.NOT_MET)
    return list(product(*[either if t is Truth.UNKNOWN else (t,) for t in known]))


@given(st.lists(truths, max_size=6))
def test_conjunction_is_the_least_true_of_all(known: list[Truth]) -> None:
    assert all_of(known) is min(known, key=lambda t: RANK[t], default=Truth.MET)


@given(st.lists(truths, max_size=6), st.randoms(use_true_random=False))
def test_conjunction_does_not_ask_for_order_or_repetition(
    known: list[Truth],
    random: Random,
) -> None:
    shuffled = known * 2
    random.shuffle(shuffled)
    assert all_of(shuffled) is all_of(known)


@given(st.lists(truths, max_size=4), st.lists(truths, max_size=4))
def test_conjunction_may_be_taken_in_parts(some: list[Truth], others: list[Truth]) -> None:
    assert all_of([*some, *others]) is all_of([all_of(some), all_of(others)])


@given(st.lists(truths, max_size=6))
def test_conjunction_is_unknown_exactly_when_it_may_turn_out_either_way(
    known: list[Truth],
) -> None:
    outcomes = {all_of(resolved) for resolved in resolutions(known)}
    if len(outcomes) == 1:
        assert all_of(known) in outcomes
    else:
        assert all_of(known) is Truth.UNKNOWN


@given(truths)
def test_truth_has_no_boolean_value(truth: Truth) -> None:
    with pytest.raises(TypeError, match="compare it with `is`"):
        bool(truth)


@given(days, st.sampled_from((4, 7, 10)))
def test_interval_of_a_date_holds_exactly_the_days_it_may_mean(day: date, length: int) -> None:
    text = day.isoformat()[:length]
    span = read_date(text)
    assert span is not None
    assert span.low <= day <= span.high
    assert span.text == text
    for edge in (span.low, span.high):
        assert edge.isoformat()[:length] == text
    for outside in (span.low - timedelta(days=1), span.high + timedelta(days=1)):
        assert outside.isoformat()[:length] != text
    assert span.is_day is (length == 10)


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001 - the zone is added below
    st.integers(-14 * 60, 14 * 60),
)
def test_date_time_is_the_day_of_its_own_offset(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert read_date(zoned.isoformat()) == DateSpan(
        moment.date(),
        moment.date(),
        zoned.isoformat(),
    )


@given(st.one_of(st.text(max_size=30), st.from_regex(r"\d{4}-\d\d-\d\d", fullmatch=True)))
def test_any_text_is_a_date_or_none(text: str) -> None:
    span = read_date(text)
    assert span is None or (span.low <= span.high and span.text == text)


@given(days, st.integers(-240, 240))
def test_months_later_is_the_same_day_or_the_months_last(day: date, months: int) -> None:
    later = add_months(day, months)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day == min(day.day, monthrange(later.year, later.month)[1])


@given(days, days, spans)
def test_later_event_never_ends_sooner(one: date, other: date, span: Span) -> None:
    first, second = sorted((one, other))
    assert span.after(first) <= span.after(second)
    assert span.before(first) <= span.before(second)


@given(days, st.integers(0, 40), spans)
def test_window_of_an_interval_ends_with_that_of_its_latest_day(
    low: date,
    width: int,
    span: Span,
) -> None:
    ends = [span.after(low + timedelta(days=n)) for n in range(width + 1)]
    assert span.after(low + timedelta(days=width)) == max(ends)
    assert span.after(low) == min(ends)


@given(days, st.integers(1, 400))
def test_days_before_and_after_undo_each_other(day: date, count: int) -> None:
    span = Span(count, "days")
    assert span.before(span.after(day)) == day


@given(days, days, days, days)
def test_intervals_overlap_exactly_when_they_share_a_day(
    a: date,
    b: date,
    c: date,
    d: date,
) -> None:
    one, other = DateSpan(min(a, b), max(a, b)), DateSpan(min(c, d), max(c, d))
    shared = max(one.low, other.low) <= min(one.high, other.high)
    assert DateSpans([one]).overlap(other) is DateSpans([other]).overlap(one) is shared


@given(days, days, days)
def test_capped_interval_ends_by_the_day_and_keeps_the_rest(a: date, b: date, last: date) -> None:
    span = DateSpan(min(a, b), max(a, b), "text")
    capped = span.capped(max(last, span.low))
    assert (capped.low, capped.text) == (span.low, "text")
    assert capped.high == min(span.high, max(last, span.low))


@given(spans)
def test_length_reads_back_from_its_words(span: Span) -> None:
    assert parse_span(str(span)) == span
