"""The days that each event blocks, one lane an event, the same on every service date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.dates import parse_span
from defib_coverage.explaining.timeline import EventDays, binding, event_days

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from defib_coverage.coverage.determination import Determination, WaitingPeriodResult

_EVENTS = {"MI": "Infarction", "CABG": "Bypass surgery", "PCI": "Stent or angioplasty"}
_DAY = 10  # characters of a date that names its day


class Blocked(msgspec.Struct, frozen=True):
    """An event, when it may have happened, and what it blocks.

    ``happened`` is None where nothing tells. Days up to ``sure`` are blocked whatever its day,
    those after it, up to ``last``, only if it was late enough; ``sure`` is None where none is.
    ``is_open``: it counts on the service date.
    """

    window: WaitingPeriodResult
    is_open: bool
    happened: EventDays | None
    sure: date | None
    last: date

    @property
    def counts(self) -> bool:
        """Whether its days are in the way of the order."""
        return self.is_open and self.window.applies

    @property
    def label(self) -> str:
        """The event and its day, as far as it is known."""
        written = self.window.event_date
        if written is None:
            when = "day unknown"
        elif self.happened is not None and not self.happened.is_day:
            when = f"some day in {written[:_DAY]}"
        else:
            when = written[:_DAY]
        return f"{_EVENTS[self.window.event]}, {when}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What it blocks, in lines short enough for a phone."""
        if self.sure is None:
            words = f"perhaps blocked through {self.last}"
        elif self.sure < self.last:
            words = f"blocked through {self.sure}; perhaps through {self.last}"
        else:
            words = f"blocked through {self.last}"
        if not self.is_open:
            return (words, "not on this service date")
        if self.happened is not None and self.happened.is_cut:
            until = self.window.last_excluded_day
            words += f"; if it was before the service date: {until}"
        return tuple((words + binding(self.window)).split("; "))


def blocked_days(found: Determination, before: Determination | None) -> tuple[Blocked, ...]:
    """The events of the open windows and of those that were open on the order's own day.

    Args:
        found: the determination.
        before: the one of the same order on its own day, None where it was not moved.
    """
    sides = [found] if before is None else [found, before]
    told: dict[tuple[str, str, str | None], list[tuple[Determination, WaitingPeriodResult]]] = {}
    for side in sides:
        for window in side.waiting_periods:
            key = (window.event, window.reference, window.event_date)
            told.setdefault(key, []).append((side, window))
    lanes = [_blocked(found, seen) for seen in told.values()]
    return tuple(sorted(lanes, key=lambda one: (one.window.event, one.last, one.window.reference)))


def _blocked(
    found: Determination, seen: list[tuple[Determination, WaitingPeriodResult]]
) -> Blocked:
    """One event by all that is told of it."""
    side, window = seen[0]
    happened = event_days(window, side.order.service_date)
    last = max(one.last_excluded_day for _, one in seen)
    definite = [day.order.service_date for day, one in seen if one.certainty == "definite"]
    sure = max(definite, default=None)
    if happened is not None:
        length = parse_span(window.length)
        # On a later service date the same event may be later.
        wide = [event_days(one, day.order.service_date) for day, one in seen]
        if all(one is None or one.is_cut for one in wide):
            last = max(last, length.after(happened.written_high))
        early = length.after(happened.low)
        if _is_certain(seen, early):
            sure = min(last, early if sure is None else max(sure, early))
    return Blocked(window, side is found, happened, sure, last)


def _is_certain(seen: Iterable[tuple[Determination, WaitingPeriodResult]], early: date) -> bool:
    """Whether the event happened at all, as far as the determinations tell."""
    for side, window in seen:
        if window.certainty == "definite":
            return True
        if side.order.service_date <= early:
            return False  # the days alone would have made it definite
        for finding in side.findings:
            if finding.code == "dx-unconfirmed" and any(
                evidence.reference == window.reference for evidence in finding.evidence
            ):
                return False
    return True
