"""Dates as FHIR writes them, lengths as the policy writes them, and the ends of the calendar."""

from __future__ import annotations

from datetime import date

import pytest

from defib_coverage.coverage.dates import (
    DateSpan,
    Span,
    add_months,
    parse_span,
    read_date,
)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-08", date(2026, 8, 1), date(2026, 8, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2026-08-19", date(2026, 8, 19), date(2026, 8, 19)),
        ("2026-08-19T22:00:00-05:00", date(2026, 8, 19), date(2026, 8, 19)),
        ("2026-08-19T00:30:00.125+14:00", date(2026, 8, 19), date(2026, 8, 19)),
        ("2026-12-31T23:59:60Z", date(2026, 12, 31), date(2026, 12, 31)),
    ],
)
def test_date_is_an_interval_of_days_in_its_own_offset(text: str, low: date, high: date) -> None:
    assert read_date(text) == DateSpan(low, high, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13",
        "2026-00",
        "2026-02-30",
        "0000",
        "20260819",
        "2026-8-19",
        "2026-08-19 10:00",
        "2026-08-19T",
        "2026-08-19T10",
        " 2026-08-19",
        "2026-08-19\n",
        "0000-13-9x",
        "2026-13-45",
        "1958-xx-14",
    ],
)
def test_what_is_no_fhir_date_is_none(text: str) -> None:
    assert read_date(text) is None


def test_no_date_is_none() -> None:
    assert read_date(None) is None


@pytest.mark.parametrize(
    ("text", "span"),
    [("40 days", Span(40, "days")), ("3 months", Span(3, "months"))],
)
def test_length_is_a_count_of_days_or_months(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["0 days", "3 weeks", "three months", "40days", "-1 days", "40"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length such as"):
        parse_span(text)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2023, 11, 30), 3, date(2024, 2, 29)),
        (date(2024, 2, 29), 3, date(2024, 5, 29)),
        (date(2026, 8, 31), 3, date(2026, 11, 30)),
        (date(2026, 1, 31), -11, date(2025, 2, 28)),
    ],
)
def test_months_end_on_the_same_day_or_the_months_last(
    day: date,
    months: int,
    expected: date,
) -> None:
    assert add_months(day, months) == expected


@pytest.mark.parametrize("span", [Span(40, "days"), Span(3, "months")])
def test_length_stops_at_the_ends_of_the_calendar(span: Span) -> None:
    assert span.after(date(9999, 12, 1)) == date.max
    assert span.before(date(1, 1, 10)) == date.min


def test_months_beyond_the_calendar_are_an_error() -> None:
    with pytest.raises(OverflowError):
        add_months(date(9999, 12, 1), 1)
