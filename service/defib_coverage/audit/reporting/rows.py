"""What the report reads of an audit's files: of a row, and of a rejected line."""

from __future__ import annotations

from datetime import date

import msgspec

from defib_coverage.audit.rows import Source
from defib_coverage.coverage.determination import (
    Finding,
    JudgedOrder,
    MissingSecondary,
    PolicyReference,
    Status,
    WaitingPeriodResult,
)


class Row(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """One order with its determination, as far as the report tells of it."""

    patient: str
    audit: Source
    order: JudgedOrder
    status: Status
    policy: PolicyReference | None = None
    indications_met: tuple[str, ...] = ()
    missing_secondary: tuple[MissingSecondary, ...] = ()
    waiting_periods: tuple[WaitingPeriodResult, ...] = ()
    earliest_eligible_date: date | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether the order was ours to judge."""
        return self.status != "not-applicable"


class Reject(msgspec.Struct, frozen=True):
    """A line, or a part of one, that the audit could not use."""

    file: str
    reason: str
    line: int | None = None
    part: str | None = None
