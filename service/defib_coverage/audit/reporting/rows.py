"""What the report reads of an audit's files: of a row, of the manifest, of a rejected line."""

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

FORMAT = 1
"""The format of audits that is read."""


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


class ManifestPolicy(msgspec.Struct, frozen=True):
    """A policy version that the audit judged by."""

    id: str
    version: str
    effective: date | None = None


class ManifestInput(msgspec.Struct, frozen=True):
    """A file that the audit read."""

    file: str
    bytes: int
    lines: int
    sha256: str = ""


class ManifestCounts(msgspec.Struct, frozen=True, rename="camel"):
    """What the audit counted; ``orders`` is how many rows it wrote."""

    orders: int
    lines: int = 0
    blank: int = 0
    rejected: int = 0
    resources: int = 0
    patients: int = 0
    by_status: dict[str, int] = {}


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What a run of the audit says of itself."""

    format: int
    version: str
    engine: str
    started: str
    finished: str
    today: date
    counts: ManifestCounts
    hindsight: bool = False
    data_digest: str = ""
    policies: tuple[ManifestPolicy, ...] = ()
    inputs: tuple[ManifestInput, ...] = ()


class Reject(msgspec.Struct, frozen=True):
    """A line, or a part of one, that the audit could not use."""

    file: str
    reason: str
    line: int | None = None
    part: str | None = None
