"""The timeline as a picture: where each day, window and record stands, in per cent of the width."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.console.views.lanes import blocked_days
from defib_coverage.coverage.dates import day_after, read_date
from defib_coverage.explaining.reasons import VERDICTS
from defib_coverage.explaining.timeline import Day, days

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from defib_coverage.console.views.lanes import Blocked
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.policy import EventName, WaitingEvent

# How far the picture reaches around the days that matter: room to move the service date.
_BEFORE = 20
_AFTER = 45
# Where the service date leaves the picture, it grows by so many days at a time: at its end the date
# is still in the same picture.
_MORE = 90
# Records from long before would press all else into a corner.
_MEMORY = 120
_LONGEST = 3 * 366
_MOST_TICKS = 6
_HALF, _NEAR_END = 50, 85
_MOST_LANES = 8
# So that a page stays light whatever a chart holds.
_MOST_DOTS, _MOST_ROWS = 100, 60
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Mark(msgspec.Struct, frozen=True):
    """A day: where it stands, and how it is written; ``side`` is where its words have room."""

    x: str
    text: str
    side: Literal["start", "end"]


class Bar(msgspec.Struct, frozen=True):
    """Some days on end."""

    kind: Literal["definite", "possible", "over"]
    x: str
    width: str


class Lane(msgspec.Struct, frozen=True):
    """An event with the days that it blocks.

    Of ``bars`` each is surely blocked, perhaps, or ``over``: it does not count on the service date.
    ``event`` is where the event stands, None where its day is not known; ``event_width`` tells how
    far the days reach on which it may have been, None where it is one day.
    """

    label: str
    notes: tuple[str, ...]
    bars: tuple[Bar, ...]
    event: str | None
    event_width: str | None
    last: str


class Dot(msgspec.Struct, frozen=True):
    """A day on which something was recorded."""

    x: str
    title: str


class Picture(msgspec.Struct, frozen=True):
    """The picture, and the same in words: ``days`` are the rows of its table.

    ``note_lines`` is the most that a lane has. The service date is day number ``position`` of
    ``span`` days from ``first``.
    """

    first: date
    span: int
    position: int
    service: Mark
    today: Mark
    eligible: Mark | None
    lanes: tuple[Lane, ...]
    note_lines: int
    dots: tuple[Dot, ...]
    ticks: tuple[Mark, ...]
    days: tuple[Day, ...]
    spoken: str


def picture(
    found: Determination,
    before: Determination | None,
    rules: Mapping[EventName, WaitingEvent],
    today: date,
) -> Picture:
    """The picture of one determination.

    Args:
        found: the determination.
        before: the one of the same order on its own day: windows that are over stay in the picture.
        rules: the waiting periods of the policy.
        today: the day of the call.
    """
    lanes = blocked_days(found, before)
    scale = _Scale(found, before, lanes, today)
    day = found.order.service_date
    eligible = found.earliest_eligible_date
    shown = tuple(_lane(one, scale) for one in lanes[:_MOST_LANES])
    return Picture(
        first=scale.first,
        span=scale.span,
        position=(day - scale.first).days,
        service=scale.mark(day, f"service date {day}"),
        today=scale.mark(today, f"today {today}"),
        eligible=None if eligible is None else scale.mark(eligible, f"first eligible {eligible}"),
        lanes=shown,
        note_lines=max((len(lane.notes) for lane in shown), default=0),
        dots=tuple(islice(_dots(found, scale), _MOST_DOTS)),
        ticks=scale.ticks(),
        days=_rows(found, lanes, rules, today),
        spoken=_spoken(found),
    )


class _Scale:
    """Days along the width of the picture."""

    def __init__(
        self,
        found: Determination,
        before: Determination | None,
        lanes: Iterable[Blocked],
        today: date,
    ) -> None:
        service = found.order.service_date
        base = found if before is None else before
        own = base.order.service_date
        oldest = _shifted(own, -_LONGEST)
        # Only what was open on the order's own day: the scale stays when the date moves.
        known = {(one.event, one.reference) for one in base.waiting_periods}
        kept = [one for one in lanes if (one.window.event, one.window.reference) in known]
        starts = [one.happened.low for one in kept if one.happened is not None]
        near = [day for day, _ in _recorded(base) if _shifted(own, -_MEMORY) <= day <= own]
        early = [*(day for day in starts if day > oldest), *near, _shifted(own, -_BEFORE)]
        late = [*(day_after(one.last) for one in kept), _shifted(own, _AFTER - _BEFORE)]
        if abs((today - own).days) < _LONGEST:
            early.append(_shifted(today, -_BEFORE))
            late.append(_shifted(today, _AFTER - _BEFORE))
        first, last = _shifted(min(early), -2), _shifted(max(late), _BEFORE)
        first = _shifted(first, -_MORE * max(-((service - first).days // _MORE), 0))
        last = _shifted(last, _MORE * max(-((last - service).days // _MORE), 0))
        # A day far away stands at the edge rather than everything else in a corner.
        self.first = max(first, _shifted(service, -_LONGEST))
        self.span = max((min(last, _shifted(service, _LONGEST)) - self.first).days, 1)

    def share(self, day: date) -> float:
        """How far along a day stands, from 0 to 100."""
        return max(0.0, min(100.0, 100 * (day - self.first).days / self.span))

    def x(self, day: date) -> str:
        """The same as the picture writes it."""
        return f"{self.share(day):.2f}%"

    def width(self, begin: date, end: date) -> str:
        """How wide the days between two are."""
        return f"{max(self.share(end) - self.share(begin), 0.4):.2f}%"

    def mark(self, day: date, text: str) -> Mark:
        """A day with words beside it."""
        share = self.share(day)
        return Mark(f"{share:.2f}%", text, "start" if share < _HALF else "end")

    def ticks(self) -> tuple[Mark, ...]:
        """The first days of months, as many as can be read."""
        year, month = self.first.year, self.first.month
        found: list[date] = []
        while (year, month) < (date.max.year, 12):
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004
            day = date(year, month, 1)
            if (day - self.first).days > self.span:
                break
            found.append(day)
        chosen = found[:: max(1, -(-len(found) // _MOST_TICKS))]
        years = [None, *(day.year for day in chosen)]
        return tuple(
            Mark(
                self.x(day),
                _MONTHS[day.month - 1] + ("" if day.year == year else f" {day.year}"),
                "end" if self.share(day) > _NEAR_END else "start",
            )
            for day, year in zip(chosen, years, strict=False)
        )


def _shifted(day: date, number: int) -> date:
    """A day some days away, as far as the calendar goes."""
    ordinal = min(max(day.toordinal() + number, date.min.toordinal()), date.max.toordinal())
    return date.fromordinal(ordinal)


def _lane(one: Blocked, scale: _Scale) -> Lane:
    happened = one.happened
    begin = scale.first if happened is None else happened.low
    after = day_after(one.last)
    if not one.counts:
        bars = [_bar("over", begin, after, scale)]
    elif one.sure is None:
        bars = [_bar("possible", begin, after, scale)]
    else:
        free = day_after(one.sure)
        bars = [_bar("definite", begin, free, scale)]
        if free < after:
            bars.append(_bar("possible", free, after, scale))
    width = None
    if happened is not None and not happened.is_day:
        width = scale.width(happened.low, happened.written_high)
    return Lane(
        label=one.label,
        notes=one.notes,
        bars=tuple(bars),
        event=None if happened is None else scale.x(happened.low),
        event_width=width,
        last=scale.x(one.last),
    )


def _bar(
    kind: Literal["definite", "possible", "over"], begin: date, after: date, scale: _Scale
) -> Bar:
    return Bar(kind, scale.x(begin), scale.width(begin, after))


def _recorded(found: Determination) -> Iterable[tuple[date, str]]:
    """The days of the records that a determination rests on."""
    criteria = [c for one in found.indications if one.candidate for c in one.criteria]
    for criterion in (*criteria, *found.always):
        for evidence in criterion.evidence:
            span = read_date(evidence.date)
            if span is not None:
                value = "" if evidence.value is None else f" {evidence.value}"
                yield span.low, f"{evidence.reference}, {evidence.code}{value}, {evidence.date}"


def _dots(found: Determination, scale: _Scale) -> Iterable[Dot]:
    for day, title in dict.fromkeys(_recorded(found)):
        if 0 <= (day - scale.first).days <= scale.span:
            yield Dot(scale.x(day), title)


def _rows(
    found: Determination,
    lanes: Iterable[Blocked],
    rules: Mapping[EventName, WaitingEvent],
    today: date,
) -> tuple[Day, ...]:
    """The days in words, with today and what is over; of many those nearest to the service date."""
    rows = [*days(found, rules), Day(today, today.isoformat(), "today", "today")]
    for one in lanes:
        window = one.window
        if not one.is_open:
            text = f"{window.event}: last excluded day, does not matter on this service date"
            rows.append(Day(one.last, one.last.isoformat(), text, "last", window.reference))
        elif one.sure is not None and one.sure < one.last:
            text = f"{window.event}: last day that is excluded whatever the day of the event"
            rows.append(Day(one.sure, one.sure.isoformat(), text, "last", window.reference))
    service = found.order.service_date
    nearest = sorted(rows, key=lambda row: abs((row.place - service).days))[:_MOST_ROWS]
    return tuple(sorted(nearest, key=lambda row: row.place))


def _spoken(found: Determination) -> str:
    """What a screen reader says of the service date."""
    words = f"{found.order.service_date}: {VERDICTS[found.status]}"
    if found.earliest_eligible_date is not None:
        words += f", first eligible day {found.earliest_eligible_date}"
    return words
