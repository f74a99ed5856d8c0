"""Waiting periods that opened, closed or moved, each in a sentence that says by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.dates import DAY, parse_span
from defib_coverage.explaining.timeline import binding, event_days
from defib_coverage.replaying.difference import WindowChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from defib_coverage.coverage.determination import Determination, WaitingPeriodResult
    from defib_coverage.coverage.policy import PolicyVersion, WaitingEvent
    from defib_coverage.replaying.difference import Move

# Days of a month that may end on the same day of another: the 28th to the 31st.
_ENDS_ALIKE = 4
_Key = tuple[str, str, str | None]


def window_changes(
    before: Determination,
    after: Determination,
    old: PolicyVersion | None,
    new: PolicyVersion | None,
) -> Iterator[WindowChange]:
    """The waiting periods that differ.

    Args:
        before: the order as it is judged now.
        after: the same order, judged by the draft.
        old: the policy version that was applied before.
        new: the one that was applied after.
    """
    service_date = before.order.service_date
    windows, others = _by_event(before), _by_event(after)
    for key, window in windows.items():
        other = others.get(key)
        if other is None:
            yield _closed(window, service_date, old, new)
        elif other.last_excluded_day != window.last_excluded_day:
            yield _moved(window, other, old)
        elif _bearing(other) != _bearing(window):
            yield _changed(window, other, old)
    for key, window in others.items():
        if key not in windows:
            yield _opened(window, service_date, old, new)


def _by_event(determination: Determination) -> Mapping[_Key, WaitingPeriodResult]:
    return {(w.event, w.reference, w.event_date): w for w in determination.waiting_periods}


def _bearing(window: WaitingPeriodResult) -> tuple[object, ...]:
    return window.certainty, window.applies, window.exception


def _closed(
    window: WaitingPeriodResult,
    service_date: date,
    old: PolicyVersion | None,
    new: PolicyVersion | None,
) -> WindowChange:
    text = f"The {_named(window, old)} is not counted any longer."
    last = _last_by(window, service_date, old, new)
    rule = _rule(window, new)
    if rule is not None and last is not None and last < service_date:
        text = (
            f"The {_named(window, old)} is now {_length(window, rule, old)}: it ended on {last}, "
            f"so the order of {service_date} is no longer inside it."
        )
    return _change(window, "closed", text, window.last_excluded_day, None)


def _opened(
    window: WaitingPeriodResult,
    service_date: date,
    old: PolicyVersion | None,
    new: PolicyVersion | None,
) -> WindowChange:
    text = f"The {_named(window, new)} is open, and was not counted before."
    last = _last_by(window, service_date, new, old)
    rule = _rule(window, old)
    if rule is not None and last is not None and last < service_date:
        short = _length(window, rule, new).replace(" ", "-").removesuffix("s")
        text = (
            f"The {short} window after the {_event(window, old)} (to {last}) is now "
            f"{window.length}: it lasts to {window.last_excluded_day}, so the order of "
            f"{service_date} {'is' if window.certainty == 'definite' else 'may be'} inside it."
        )
    return _change(window, "opened", text, None, window.last_excluded_day)


def _moved(
    window: WaitingPeriodResult, other: WaitingPeriodResult, old: PolicyVersion | None
) -> WindowChange:
    last = other.last_excluded_day
    ends = f"ends on {last}"
    if other.length != window.length:
        ends = f"is now {other.length}, to {last}"
    now = "the order is inside it as before"
    if _bearing(other) != _bearing(window):
        now = f"it was {_told(window)}, and is now {_told(other)}"
    text = f"The {_named(window, old)} {ends}; {now}."
    return _change(window, "moved", text, window.last_excluded_day, last)


def _changed(
    window: WaitingPeriodResult, other: WaitingPeriodResult, old: PolicyVersion | None
) -> WindowChange:
    told = (_told(window), _told(other))
    text = f"The {_named(window, old)} was {told[0]} and is now {told[1]}."
    last = window.last_excluded_day
    return _change(window, "changed", text, last, last)


def _change(
    window: WaitingPeriodResult,
    change: Move,
    text: str,
    before: date | None,
    after: date | None,
) -> WindowChange:
    return WindowChange(
        text=text,
        event=window.event,
        change=change,
        event_date=window.event_date,
        reference=window.reference,
        last_before=before,
        last_after=after,
        citation=window.citation,
    )


def _last_by(
    window: WaitingPeriodResult,
    service_date: date,
    own: PolicyVersion | None,
    other: PolicyVersion | None,
) -> date | None:
    """The last excluded day of the same event by the other version; None where nothing tells."""
    rule = _rule(window, other)
    if rule is None:
        return None
    days = event_days(window, service_date)
    high = _latest(window) if days is None else days.high
    if high is None:
        return None
    last = rule.length.after(high)
    if _is_longer(window, own) and rule.also_show is not None:
        last = max(last, parse_span(rule.also_show).after(high))
    return last


def _latest(window: WaitingPeriodResult) -> date | None:
    """The latest day of an event that nobody dated, as its window tells it."""
    length = parse_span(window.length)
    # Several days of a long month end a period on the same day of a short one.
    first = length.before(window.last_excluded_day)
    near = [first + number * DAY for number in range(_ENDS_ALIKE)]
    return max((day for day in near if length.after(day) == window.last_excluded_day), default=None)


def _length(window: WaitingPeriodResult, rule: WaitingEvent, own: PolicyVersion | None) -> str:
    """How long the period is by another rule, read as the window was."""
    if _is_longer(window, own) and rule.also_show is not None:
        return rule.also_show
    return rule.last_excluded


def _is_longer(window: WaitingPeriodResult, own: PolicyVersion | None) -> bool:
    """Whether a window lasts until its longer reading is over."""
    rule = _rule(window, own)
    return rule is not None and window.length != rule.last_excluded


def _rule(window: WaitingPeriodResult, version: PolicyVersion | None) -> WaitingEvent | None:
    return None if version is None else version.waiting.get(window.event)


def _named(window: WaitingPeriodResult, version: PolicyVersion | None) -> str:
    """A window in words: how long it is, after what, and its last day."""
    until = f"to {window.last_excluded_day}"
    if window.certainty == "possible":
        until += " at the latest"
    length = window.length.replace(" ", "-").removesuffix("s")
    return f"{length} window after the {_event(window, version)} ({until})"


def _event(window: WaitingPeriodResult, version: PolicyVersion | None) -> str:
    rule = _rule(window, version)
    label = window.event if rule is None else rule.label
    day = "an unknown day" if window.event_date is None else window.event_date[:10]
    return f"{label} of {day}"


def _told(window: WaitingPeriodResult) -> str:
    """How certain a window is, and whether it binds."""
    return window.certainty + (binding(window) or "; binds")
