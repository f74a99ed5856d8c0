"""FHIR dates as intervals of days, and spans of days or calendar months.

A date keeps its precision: ``2026-08`` is the interval 1 to 31 August. A date-time is read in the
offset it was written with and never shifted. Months are calendar months, clamped to the end of a
shorter month, and never converted to days.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import monthrange
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY = timedelta(days=1)
_FULL_DATE = 10
_IN_EVERY_MONTH = 28
_is_time = re.compile(
    r"T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?",
    re.ASCII,
).fullmatch
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)


class DateSpan(msgspec.Struct, frozen=True, gc=False):
    """The days on which something may have happened.

    ``low`` is ``date.min`` where nothing bounds it from below; ``text`` is the date as the chart
    wrote it, or None where the interval was inferred.
    """

    low: date
    high: date
    text: str | None = None

    @property
    def is_day(self) -> bool:
        """Whether the interval is one single day."""
        return self.low == self.high

    def capped(self, last: date) -> DateSpan:
        """The part of the interval that is not after ``last`` (which must not precede ``low``)."""
        return self if self.high <= last else DateSpan(self.low, last, self.text)


class DateSpans:
    """Many intervals in order, so that one look tells whether any of them shares a day."""

    def __init__(self, spans: Iterable[DateSpan]) -> None:
        """Order the intervals; beside each first day stands the last day of all so far."""
        ordered = sorted({(span.low, span.high) for span in spans})
        self._lows = [low for low, _ in ordered]
        self._highs = list(accumulate((high for _, high in ordered), max))

    def overlap(self, other: DateSpan) -> bool:
        """Whether any of the intervals shares a day with another one."""
        begun = bisect_right(self._lows, other.high)
        return begun > 0 and other.low <= self._highs[begun - 1]


class Span(msgspec.Struct, frozen=True, gc=False):
    """A length of time: a count of days or of calendar months, as in ``40 days``, ``3 months``."""

    count: int
    unit: Literal["days", "months"]

    def __str__(self) -> str:
        """The length in words."""
        return f"{self.count} {self.unit}"

    def after(self, day: date) -> date:
        """The last day of the span that begins on ``day`` (day 0)."""
        try:
            if self.unit == "days":
                return day + timedelta(days=self.count)
            return add_months(day, self.count)
        except OverflowError:
            return date.max

    def before(self, day: date) -> date:
        """The first day of the span that ends on ``day``."""
        try:
            if self.unit == "days":
                return day - timedelta(days=self.count)
            return add_months(day, -self.count)
        except (OverflowError, ValueError):
            return date.min


@cache
def parse_span(text: str) -> Span:
    """Read a length such as ``40 days``.

    Raises:
        ValueError: the text is not a count followed by ``days`` or ``months``.
    """
    match = re.fullmatch(r"([1-9]\d*) (days|months)", text)
    if match is None:
        message = f"{text!r} is not a length such as '40 days' or '3 months'"
        raise ValueError(message)
    return Span(int(match[1]), "days" if match[2] == "days" else "months")


def add_months(day: date, months: int) -> date:
    """The same day of the month, ``months`` calendar months later, or that month's last day.

    Raises:
        OverflowError: the result lies after year 9999.
    """
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > date.max.year:
        message = "date after year 9999"
        raise OverflowError(message)
    month += 1
    if day.day <= _IN_EVERY_MONTH:
        return date(year, month, day.day)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def day_after(day: date) -> date:
    """The next day; the last day there is stays."""
    return day if day == date.max else day + DAY


def read_date(text: str | None) -> DateSpan | None:
    """A FHIR date, dateTime or instant of any precision; None for what is none."""
    if text is None:
        return None
    try:
        if len(text) < _FULL_DATE or text[4] != "-" or text[7] != "-":
            return _partial(text)
        # Nearly every date of a chart is a whole one; what follows it must be a time.
        if len(text) > _FULL_DATE and _is_time(text, _FULL_DATE) is None:
            return None
        day = date.fromisoformat(text[:_FULL_DATE])
    except ValueError:
        return None
    return DateSpan(day, day, text)


def _partial(text: str) -> DateSpan | None:
    """The days of a year or of a month.

    Raises:
        ValueError: the calendar has no such year or month.
    """
    match = _PARTIAL.fullmatch(text)
    if match is None:
        return None
    year = int(match[1])
    if match[2] is None:
        return DateSpan(date(year, 1, 1), date(year, 12, 31), text)
    low = date(year, int(match[2]), 1)
    return DateSpan(low, low.replace(day=monthrange(year, low.month)[1]), text)
