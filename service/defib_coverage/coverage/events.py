"""Dated events and the waiting periods that they open, as they are found in a chart."""

from __future__ import annotations

from datetime import date

import msgspec

from defib_coverage.coverage.chart import Hit
from defib_coverage.coverage.dates import DateSpan, day_after


class Event(msgspec.Struct, frozen=True, gc=False):
    """A dated event: the days on which it may have happened."""

    hit: Hit
    span: DateSpan


class Window(msgspec.Struct, frozen=True, gc=False):
    """An open window of an event; ``last`` is the last excluded day for its latest possible day.

    ``length`` is the length of the window in words.
    """

    event: Event
    last: date
    length: str
    definite: bool

    @property
    def first_eligible(self) -> date:
        """The day after ``last``, where the calendar has one."""
        return day_after(self.last)


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """All that the chart says of one kind of event on the service date.

    ``undated`` records may have happened on any day; ``later`` ones are dated after the service
    date and do not count.
    """

    events: tuple[Event, ...] = ()
    open: tuple[Window, ...] = ()
    undated: tuple[Hit, ...] = ()
    later: tuple[Hit, ...] = ()


NO_EVENTS = Waiting()
