"""A timeline in text: what happened, which days are excluded, and the first eligible day."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from defib_coverage.explaining.timeline import days, start_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from defib_coverage.coverage.determination import Determination, WaitingPeriodResult
    from defib_coverage.coverage.policy import EventName, WaitingEvent

_LABEL = 9
_DATE = 12
# Days of the scale before the first event and after the last eligible day, so that both are seen.
_MARGIN = 1
_NARROWEST = 20


def timeline(
    determination: Determination,
    rules: Mapping[EventName, WaitingEvent],
    width: int,
) -> list[str]:
    """The lines of the timeline; none where no waiting period is open.

    One bar an event: ``*`` its day, ``#`` days that are surely excluded, ``?`` days that may be,
    ``>`` the first eligible day; below them the service date, then the days as a list.

    Args:
        determination: the determination of one order.
        rules: the waiting periods of its policy, for their names and lengths.
        width: the number of columns to fit in.
    """
    windows = determination.waiting_periods
    if not windows:
        return []
    service_date = determination.order.service_date
    scale = _Scale(windows, service_date, width - _LABEL)
    lines = [f"{w.event:<{_LABEL}}{scale.bar(w)}" for w in windows]
    lines.append(f"{'service':<{_LABEL}}{scale.mark(service_date)}")
    lines += ["", "* event  # excluded  ? perhaps excluded  ^ service date  > first eligible", ""]
    for day in days(determination, rules):
        lines += wrap(
            day.text,
            width,
            initial_indent=f"{day.written:<{_DATE}}",
            subsequent_indent=" " * _DATE,
            break_on_hyphens=False,
        )
    return lines


class _Scale:
    """Columns of a bar, from before the first event to after the last eligible day."""

    def __init__(
        self,
        windows: Sequence[WaitingPeriodResult],
        service_date: date,
        columns: int,
    ) -> None:
        starts = [start for w in windows if (start := start_of(w)) is not None]
        self._first = min([*starts, service_date]).toordinal() - _MARGIN
        last = max([*(w.first_eligible_day for w in windows), service_date])
        self._days = last.toordinal() + _MARGIN - self._first
        self._columns = max(columns, _NARROWEST)

    def _column(self, day: date) -> int:
        return (day.toordinal() - self._first) * (self._columns - 1) // self._days

    def bar(self, window: WaitingPeriodResult) -> str:
        """An event and its excluded days; ``<`` where it may lie before the scale."""
        start = start_of(window)
        begin = 0 if start is None else self._column(start)
        end = self._column(window.first_eligible_day)
        fill = "#" if window.certainty == "definite" else "?"
        return " " * begin + ("<" if start is None else "*") + fill * (end - begin - 1) + ">"

    def mark(self, day: date) -> str:
        """A day on a line of its own."""
        return " " * self._column(day) + "^"
