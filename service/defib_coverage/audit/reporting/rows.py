"""What the report reads of an audit's files: of a row, and of a rejected line."""

from __future__ import annotations

from datetime import date

import msgspec

from defib_coverage.coverage.determination import (
    Finding,
    JudgedOrder,
    MissingSecondary,
    PolicyReference,
    Status,
    WaitingPeriodResult,
)


class RowAudit(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Where a row comes from.

    ``performed``: it was done or billed, not only ordered. ``same_day`` are the references of the
    patient's other orders of ours on the same service date.
    """

    kind: str
    performed: bool
    file: str
    line: int
    known_at: date | None = None
    site: str | None = None
    operator: str | None = None
    same_day: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """One order with its determination, as far as the report tells of it."""

    patient: str
    audit: RowAudit
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
