"""Days counted backwards from a service date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.dates import DAY

if TYPE_CHECKING:
    from datetime import date

    from defib_coverage.coverage.dates import Span


def last_day_before(length: Span, day: date, *, touching: bool) -> date:
    """The latest day from which ``length`` is over before ``day``, or on it where ``touching``."""
    last = day if touching else day - DAY
    start = length.before(last)
    # Months have unequal lengths: the last days of a long one and of a short one end alike.
    while length.after(start + DAY) <= last:
        start += DAY
    return start
