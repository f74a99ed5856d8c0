"""The days that matter to an order: events, blocked days, the service date, the first free day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage.dates import DAY, parse_span, read_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from defib_coverage.coverage.determination import Determination, WaitingPeriodResult
    from defib_coverage.coverage.policy import EventName, WaitingEvent

DayKind = Literal["event", "last", "service", "first", "free", "today"]


class Day(msgspec.Struct, frozen=True):
    """A day that matters: ``written`` as the chart or the calendar has it, and what it is.

    ``place`` is where it stands in time. ``first`` is the first eligible day, ``free`` the first
    outside every waiting period where none of them binds. ``reference`` is the record of an event.
    """

    place: date
    written: str
    text: str
    kind: DayKind
    reference: str | None = None


class EventDays(msgspec.Struct, frozen=True):
    """The days on which an event may have happened, both included.

    ``is_cut``: it is read as of before the service date, though what was written reaches on to
    ``written_high``.
    """

    low: date
    high: date
    written_high: date
    is_cut: bool

    @property
    def is_day(self) -> bool:
        """Whether its day is known."""
        return self.low == self.written_high


def days(determination: Determination, rules: Mapping[EventName, WaitingEvent]) -> tuple[Day, ...]:
    """The days of a determination with open waiting periods, in the order of time.

    Args:
        determination: the determination of one order.
        rules: the waiting periods of its policy, for their names and lengths.
    """
    return tuple(sorted(_days(determination, rules), key=lambda day: day.place))


def start_of(window: WaitingPeriodResult) -> date | None:
    """The first day on which the event may have happened, None where nothing tells."""
    span = read_date(window.event_date)
    return None if span is None else span.low


def event_days(window: WaitingPeriodResult, service_date: date) -> EventDays | None:
    """When an event may have happened, None where nothing tells.

    Args:
        window: the open waiting period of the event.
        service_date: the day on which it is open.
    """
    written = read_date(window.event_date)
    if written is None:
        return None
    length = parse_span(window.length)
    high = written.high
    # What was recorded before the end of a month happened before it: the window tells by its end.
    while high > written.low and length.after(high) > window.last_excluded_day:
        high -= DAY
    is_cut = high == service_date and high < written.high
    return EventDays(written.low, high, written.high if is_cut else high, is_cut)


def binding(window: WaitingPeriodResult) -> str:
    """What is to be said of a window that may not bind."""
    if window.exception == "replacement":
        return "; does not bind a replacement"
    if not window.applies:
        return "; binds no indication of this patient"
    return "; pacemaker exception possible" if window.exception == "pacemaker" else ""


def _days(determination: Determination, rules: Mapping[EventName, WaitingEvent]) -> Iterator[Day]:
    service_date = determination.order.service_date
    for window in determination.waiting_periods:
        rule = rules[window.event]
        happened = event_days(window, service_date)
        when = "day 0"
        if window.event_date is not None and happened is not None and not happened.is_day:
            when = f"some day in {window.event_date} is day 0"
        yield Day(
            start_of(window) or window.last_excluded_day,
            "unknown" if window.event_date is None else window.event_date[:10],
            f"{window.event}: {rule.label}, {when} ({window.reference})",
            "event",
            window.reference,
        )
        cut = ", if it was before the service date"
        if happened is None or not happened.is_cut:
            cut = ""
        certainty = "last excluded day" if window.certainty == "definite" else "last possible day"
        yield Day(
            window.last_excluded_day,
            window.last_excluded_day.isoformat(),
            f"{window.event}: {certainty}, {rule.length} after{cut}{binding(window)}",
            "last",
        )
    earliest = determination.earliest_eligible_date
    if earliest is None:
        yield Day(service_date, service_date.isoformat(), "service date", "service")
        last = max((w.first_eligible_day for w in determination.waiting_periods), default=None)
        if last is not None:
            text = "first day outside every waiting period"
            yield Day(last, last.isoformat(), text, "free")
        return
    number = (earliest - service_date) // DAY
    early = f", {number} {'day' if number == 1 else 'days'} before the first eligible day"
    yield Day(service_date, service_date.isoformat(), "service date" + early, "service")
    yield Day(earliest, earliest.isoformat(), "first eligible day", "first")
