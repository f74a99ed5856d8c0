"""The worklist: which events to review, which first, and why."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.audit.reporting.day import day_words
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.audit.reporting.events import Event
    from defib_coverage.audit.reporting.rows import Row
    from defib_coverage.coverage.determination import MissingSecondary, WaitingPeriodResult

GROUPS = (
    "performed inside a waiting period, not covered",
    "performed, not covered",
    "performed with a missing pair",
    "performed, conditional with a warning",
    "ordered only",
)
"""What is reviewed, the worst first."""
_PLANNED = len(GROUPS) - 1
_NEVER = len(GROUPS)
# The rest is in the determination.
_MOST_PARTNERS = 6
_MOST_RECORDS = 12


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """An event to review, under the order that stands worst.

    ``group`` and ``within`` are its place in GROUPS: ``within`` orders what was only ordered.
    ``days`` is how many days before the first eligible day it was. ``day_is`` says what the day of
    the order rests on. ``evidence`` are references.
    """

    group: int
    within: int
    days: int
    amount: Decimal | None
    day: date
    day_is: str
    patient: str
    order: str
    code: str
    status: str
    why: tuple[str, ...]
    evidence: tuple[str, ...]
    also: tuple[str, ...]
    site: str
    operator: str
    file: str
    line: int

    @property
    def place(self) -> tuple[object, ...]:
        """What sorts entries, the worst first."""
        return (
            *(self.group, self.within, -self.days),
            *(-(self.amount or 0), self.day, self.patient, self.order),
        )


def entry_of(event: Event, amount: Decimal | None) -> Entry | None:
    """The entry of an event; None where there is nothing to review."""
    ranked = [(_rank(row), row) for row in event.counted]
    if not ranked:
        return None
    rank, row = min(ranked, key=lambda one: (one[0], -_days(one[1]), one[1].order.reference))
    if rank == _NEVER:
        return None
    rows = (row, *(one for _, one in ranked if one is not row))
    return Entry(
        group=rank if event.performed else _PLANNED,
        within=0 if event.performed else rank,
        days=max(_days(one) for one in rows),
        amount=amount,
        day=event.day,
        day_is=day_words(row.order.service_date_basis),
        patient=event.patient,
        order=row.order.reference,
        code=row.order.code or "",
        status=VERDICTS[event.status],
        why=tuple(dict.fromkeys(text for one in rows for text in _why(one))),
        evidence=tuple(dict.fromkeys(ref for one in rows for ref in _evidence(one)))[
            :_MOST_RECORDS
        ],
        also=_also(event, row),
        site=event.site or "",
        operator=event.operator or "",
        file=row.audit.file,
        line=row.audit.line,
    )


def window_words(window: WaitingPeriodResult) -> str:
    """An open window in words."""
    when = f"on {window.event_date[:10]}" if window.event_date else "of unknown day"
    days = "1 day" if window.days_remaining == 1 else f"{window.days_remaining} days"
    sure = "" if window.certainty == "definite" else "possibly "
    return (
        f"{window.event} {when}: {sure}{days} before the first eligible day, "
        f"{window.first_eligible_day}"
    )


def pair_words(pair: MissingSecondary) -> str:
    """A missing pair in words."""
    codes = ", ".join(pair.any_of[:_MOST_PARTNERS])
    more = len(pair.any_of) - _MOST_PARTNERS
    rest = f" or {more} more" if more > 0 else ""
    one_of = "one of " if len(pair.any_of) > 1 else ""
    found = f"; the chart supports {', '.join(pair.supported)}" if pair.supported else ""
    return f"{pair.primary} without {one_of}{codes}{rest}{found}"


def _rank(row: Row) -> int:
    """The group of a row, as if it were performed."""
    if row.status == "not-covered":
        surely = any(w.applies and w.certainty == "definite" for w in row.waiting_periods)
        return 0 if surely else 1
    if row.missing_secondary:
        return 2
    warns = any(finding.severity == "warning" for finding in row.findings)
    return 3 if row.status == "conditional" and warns else _NEVER


def _days(row: Row) -> int:
    return max((w.days_remaining for w in row.waiting_periods if w.applies), default=0)


def _why(row: Row) -> Iterator[str]:
    yield from (window_words(window) for window in row.waiting_periods if window.applies)
    yield from (pair_words(pair) for pair in row.missing_secondary)
    told = {"waiting-period-open", "secondary-diagnosis-missing"}
    for finding in row.findings:
        if finding.severity == "warning" and finding.code not in told:
            yield finding.text


def _evidence(row: Row) -> Iterator[str]:
    yield from (window.reference for window in row.waiting_periods if window.applies)
    for finding in row.findings:
        if finding.severity == "warning":
            yield from (one.reference for one in finding.evidence)


def _also(event: Event, row: Row) -> tuple[str, ...]:
    """The other orders of ours of the day, whether or not their status counts."""
    named = (*row.audit.same_day, *(r.order.reference for r in event.rows if r.judged))
    return tuple(sorted({*named} - {row.order.reference}))
