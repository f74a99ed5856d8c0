"""The waiting-period card: the open windows that bind, each with its arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.content import Content
from defib_coverage.hooks.cards.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from defib_coverage.coverage.determination import WaitingPeriodResult
    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.response import Card


def waiting_card(frame: Frame, subjects: Sequence[Subject]) -> Card | None:
    """The card of the order that waits longest, for all that wait; None where none does."""
    concerned = [one for one in subjects if one.found.earliest_eligible_date is not None]
    if not concerned:
        return None
    leading = max(concerned, key=_clear_from)
    windows = [w for w in leading.found.waiting_periods if w.applies]
    last = max(windows, key=lambda w: w.last_excluded_day)
    definite = any(w.certainty == "definite" for w in windows)
    summary = frame.wording.summary(
        "waiting-period" if definite else "waiting-period-possible",
        {
            "last_excluded": last.last_excluded_day.isoformat(),
            "first_eligible": last.first_eligible_day.isoformat(),
        },
    )
    lines = [f"- {_window_line(frame, leading, w)}" for w in windows]
    lines += [
        "- " + frame.wording.detail("exempt", {"indication": i.id, "label": i.label})
        for i in leading.exempt()
    ]
    lines.append("- " + frame.stock.details["bridge"])
    offers = [
        offer
        for one in concerned
        if one.outlook.waits_only(one.found)
        for offer in frame.suggestions.first_day(one, avoidable=bool(one.exempt()))
    ]
    content = Content(
        topic="limits",
        indicator="warning",
        summary=summary,
        parts=["\n".join(lines)],
        offers=offers,
    )
    return frame.shared_card(content, concerned)


def _clear_from(subject: Subject) -> date:
    """From which day on no waiting period excludes an order."""
    found = subject.found
    return found.earliest_eligible_date or found.order.service_date


def _window_line(frame: Frame, subject: Subject, window: WaitingPeriodResult) -> str:
    rule = subject.outlook.policy.waiting[window.event]
    facts = {
        "event": rule.label[:1].upper() + rule.label[1:],
        "codes": plain(window.reference),
        "date": (window.event_date or "unknown")[:10],
        "length": window.length,
        "last_excluded": window.last_excluded_day.isoformat(),
        "first_eligible": window.first_eligible_day.isoformat(),
        "service_date": subject.found.order.service_date.isoformat(),
        "days": "1 day" if window.days_remaining == 1 else f"{window.days_remaining} days",
    }
    name = "window" if window.certainty == "definite" else "window-possible"
    return f"{frame.wording.detail(name, facts)} ({window.citation})"
