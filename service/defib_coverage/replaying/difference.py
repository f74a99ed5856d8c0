"""What differs between two determinations of one order, with the reasons."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from defib_coverage.coverage.determination import JudgedOrder, Severity, Status
from defib_coverage.coverage.truth import Truth

CameOrWent = Literal["came", "went", "changed"]
Move = Literal["opened", "closed", "moved", "changed"]


class _Part(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A part of a difference; ``text`` says it in a sentence, without naming a record."""

    text: str


class CriterionChange(_Part, frozen=True):
    """A criterion whose truth is another one; None where it is not asked on that side."""

    id: str
    label: str
    before: Truth | None
    after: Truth | None
    citation_before: str | None
    citation_after: str | None


class WindowChange(_Part, frozen=True):
    """A waiting period that is open on one side only, or that ends or binds otherwise.

    ``reference`` is the record of the event; the last excluded day is None where the period is not
    open.
    """

    event: str
    change: Move
    event_date: str | None
    reference: str
    last_before: date | None
    last_after: date | None
    citation: str


class PairChange(_Part, frozen=True):
    """A missing partner diagnosis that came, went, or may be another code now."""

    primary: str
    change: CameOrWent
    any_of: tuple[str, ...]
    citation: str


class FindingChange(_Part, frozen=True):
    """A finding that came or went."""

    code: str
    severity: Severity
    change: CameOrWent
    citation: str


class Difference(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What differs for one order.

    ``order`` is as the present rules have it, or as the others have it where only they judge it.
    ``policy_before`` and ``policy_after`` are versions. ``others`` are sentences of what is
    neither criterion nor waiting period, pair or finding. ``reasons`` name what changed in short,
    to be counted.
    """

    order: JudgedOrder
    status_before: Status
    status_after: Status
    policy_before: str | None
    policy_after: str | None
    indications_before: tuple[str, ...]
    indications_after: tuple[str, ...]
    earliest_before: date | None
    earliest_after: date | None
    criteria: tuple[CriterionChange, ...] = ()
    waiting_periods: tuple[WindowChange, ...] = ()
    missing_secondary: tuple[PairChange, ...] = ()
    findings: tuple[FindingChange, ...] = ()
    others: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def is_flip(self) -> bool:
        """Whether the status is another one."""
        return self.status_before != self.status_after

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every reason in words, what weighs most first."""
        told = (*self.waiting_periods, *self.criteria, *self.missing_secondary)
        return (*(one.text for one in told), *self.others, *(one.text for one in self.findings))
