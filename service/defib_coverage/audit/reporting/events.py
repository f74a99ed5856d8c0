"""Events: what was ordered, done and billed for one patient on one service date, counted once."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from defib_coverage.audit.reporting.rows import Row
    from defib_coverage.coverage.determination import (
        Finding,
        MissingSecondary,
        Status,
        WaitingPeriodResult,
    )

# The worst first.
_STATUSES: tuple[Status, ...] = ("not-covered", "conditional", "covered", "not-applicable")


class Event(msgspec.Struct, frozen=True):
    """The rows of one patient and service date.

    ``counted`` are those whose status counts: what was performed, where anything of ours was, else
    what was ordered. They are empty where nothing is ours to judge. ``status`` is their worst.
    """

    patient: str
    day: date
    rows: tuple[Row, ...]
    counted: tuple[Row, ...]
    status: Status
    performed: bool

    @property
    def site(self) -> str | None:
        """Where it took place, as the first counted row that says it; else any row."""
        return next((r.audit.site for r in (*self.counted, *self.rows) if r.audit.site), None)

    @property
    def operator(self) -> str | None:
        """Who did it, or would; as ``site``."""
        found = (r.audit.operator for r in (*self.counted, *self.rows) if r.audit.operator)
        return next(found, None)

    @property
    def windows(self) -> Iterator[WaitingPeriodResult]:
        """The waiting periods of the counted rows that are open."""
        return (window for row in self.counted for window in row.waiting_periods)

    @property
    def missing(self) -> Iterator[MissingSecondary]:
        """The missing pairs of the counted rows."""
        return (pair for row in self.counted for pair in row.missing_secondary)

    @property
    def findings(self) -> Iterator[Finding]:
        """The findings of the counted rows."""
        return (finding for row in self.counted for finding in row.findings)


def events_of(rows: Iterable[Row]) -> Iterator[Event]:
    """The events of rows that stand in order; of an event only the rows are held in memory."""
    for (patient, day), group in groupby(rows, lambda r: (r.patient, r.order.service_date)):
        found = tuple(group)
        judged = tuple(r for r in found if r.judged)
        done = tuple(r for r in judged if r.audit.performed)
        counted = done or judged
        status = min((r.status for r in counted), key=_STATUSES.index, default=_STATUSES[-1])
        yield Event(patient, day, found, counted, status, bool(done))
