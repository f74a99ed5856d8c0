"""The texts of a record that may date what it tells of, and which of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.dates import read_date

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.dates import DateSpan
    from defib_coverage.fhir.resources import Period


def days_of(period: Period | None) -> tuple[str | None, str | None]:
    """The days that may date what was done in a period: its first, or else its last."""
    return (None, None) if period is None else (period.start, period.end)


def first_day(texts: Iterable[str | None]) -> tuple[bool, DateSpan | None]:
    """Whether anything is said of a day, and the first text that is a date."""
    said = [text for text in texts if text is not None]
    days = (read_date(text) for text in said)
    return bool(said), next((day for day in days if day is not None), None)
