"""The timeline as a picture: where each day, window and record stands, in per cent of the width."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage.dates import read_date
from defib_coverage.explaining.reasons import VERDICTS
from defib_coverage.explaining.timeline import Day, binding, days, start_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from defib_coverage.coverage.determination import Determination, WaitingPeriodResult
    from defib_coverage.coverage.policy import EventName, WaitingEvent

# How far the picture reaches around the days that matter: room to move the service date.
_BEFORE = 20
_AFTER = 45
# Records from long before would press all else into a corner.
_MEMORY = 120
_LONGEST = 3 * 366
_MOST_TICKS = 6
_HALF, _NEAR_END = 50, 85
_MOST_LANES = 8
# So that a page stays light whatever a chart holds.
_MOST_DOTS, _MOST_ROWS = 100, 60
_EVENTS = {"MI": "Infarction", "CABG": "Bypass surgery", "PCI": "Stent or angioplasty"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Mark(msgspec.Struct, frozen=True):
    """A day: where it stands, and how it is written; ``side`` is where its words have room."""

    x: str
    text: str
    side: Literal["start", "end"]


class Lane(msgspec.Struct, frozen=True):
    """An event with the days that it blocks.

    ``kind``: the days are surely blocked, perhaps, or ``over``: they do not count on the service
    date. ``event`` is where the event stands, None where its day is not known.
    """

    label: str
    note: str
    kind: Literal["definite", "possible", "over"]
    x: str
    width: str
    event: str | None
    last: str


class Dot(msgspec.Struct, frozen=True):
    """A day on which something was recorded."""

    x: str
    title: str


class Picture(msgspec.Struct, frozen=True):
    """The picture, and the same in words: ``days`` are the rows of its table.

    The service date is day number ``position`` of ``span`` days from ``first``.
    """

    first: date
    span: int
    position: int
    service: Mark
    today: Mark
    eligible: Mark | None
    lanes: tuple[Lane, ...]
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
    windows = _windows(found, before)
    scale = _Scale(found, before, windows, today)
    day = found.order.service_date
    eligible = found.earliest_eligible_date
    return Picture(
        first=scale.first,
        span=scale.span,
        position=(day - scale.first).days,
        service=scale.mark(day, f"service date {day}"),
        today=scale.mark(today, f"today {today}"),
        eligible=None if eligible is None else scale.mark(eligible, f"first eligible {eligible}"),
        lanes=tuple(_lane(window, is_open, scale) for window, is_open in windows[:_MOST_LANES]),
        dots=tuple(islice(_dots(found, scale), _MOST_DOTS)),
        ticks=scale.ticks(),
        days=_rows(found, windows, rules, today),
        spoken=_spoken(found),
    )


def _windows(
    found: Determination, before: Determination | None
) -> list[tuple[WaitingPeriodResult, bool]]:
    """The windows that are open, then those that were open on the order's own day."""
    windows = [(one, True) for one in found.waiting_periods]
    known = {(one.event, one.last_excluded_day) for one in found.waiting_periods}
    windows += [
        (one, False)
        for one in (() if before is None else before.waiting_periods)
        if (one.event, one.last_excluded_day) not in known
    ]
    return sorted(windows, key=lambda pair: (pair[0].event, pair[0].last_excluded_day))


class _Scale:
    """Days along the width of the picture."""

    def __init__(
        self,
        found: Determination,
        before: Determination | None,
        windows: Sequence[tuple[WaitingPeriodResult, bool]],
        today: date,
    ) -> None:
        service = found.order.service_date
        own = service if before is None else before.order.service_date
        starts = [start for window, _ in windows if (start := start_of(window)) is not None]
        ends = [window.first_eligible_day for window, _ in windows]
        oldest = _shifted(own, -_LONGEST)
        near = [day for day, _ in _recorded(found) if _shifted(own, -_MEMORY) <= day <= own]
        early = [*(day for day in starts if day > oldest), *near, _shifted(own, -_BEFORE), service]
        late = [*ends, _shifted(own, _AFTER - _BEFORE), service]
        if abs((today - own).days) < _LONGEST:
            early.append(_shifted(today, -_BEFORE))
            late.append(_shifted(today, _AFTER - _BEFORE))
        first, last = _shifted(min(early), -2), _shifted(max(late), _BEFORE)
        # A day far away stands at the edge rather than everything else in a corner.
        self.first = max(first, _shifted(service, -_LONGEST))
        self.span = max((min(last, _shifted(service, _LONGEST)) - self.first).days, 1)

    def share(self, day: date) -> float:
        """How far along a day stands, from 0 to 100."""
        return max(0.0, min(100.0, 100 * (day - self.first).days / self.span))

    def x(self, day: date) -> str:
        """The same as the picture writes it."""
        return f"{self.share(day):.2f}%"

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


def _lane(window: WaitingPeriodResult, is_open: bool, scale: _Scale) -> Lane:  # noqa: FBT001
    start = start_of(window)
    begin = scale.first if start is None else start
    left, right = scale.share(begin), scale.share(window.first_eligible_day)
    event = "day unknown" if window.event_date is None else window.event_date[:10]
    possibly = "" if window.certainty == "definite" else "perhaps "
    words = f"{possibly}blocked through {window.last_excluded_day}"
    note = binding(window) if is_open else "; not on this service date"
    kind: Literal["definite", "possible", "over"] = "over"
    if is_open and window.applies:
        kind = window.certainty
    return Lane(
        label=f"{_EVENTS[window.event]}, {event}",
        note=words + note,
        kind=kind,
        x=f"{left:.2f}%",
        width=f"{max(right - left, 0.4):.2f}%",
        event=None if start is None else scale.x(start),
        last=scale.x(window.last_excluded_day),
    )


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
    windows: Iterable[tuple[WaitingPeriodResult, bool]],
    rules: Mapping[EventName, WaitingEvent],
    today: date,
) -> tuple[Day, ...]:
    """The days in words, with today and what is over; of many those nearest to the service date."""
    rows = [*days(found, rules), Day(today, today.isoformat(), "today", "today")]
    for window, is_open in windows:
        if not is_open:
            text = f"{window.event}: last excluded day, does not matter on this service date"
            day = window.last_excluded_day
            rows.append(Day(day, day.isoformat(), text, "last", window.reference))
    service = found.order.service_date
    nearest = sorted(rows, key=lambda row: abs((row.place - service).days))[:_MOST_ROWS]
    return tuple(sorted(nearest, key=lambda row: row.place))


def _spoken(found: Determination) -> str:
    """What a screen reader says of the service date."""
    words = f"{found.order.service_date}: {VERDICTS[found.status]}"
    if found.earliest_eligible_date is not None:
        words += f", first eligible day {found.earliest_eligible_date}"
    return words
