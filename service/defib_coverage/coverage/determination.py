"""The determination: the public contract, version 1. On the wire its names are camelCase."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage.chart import GapKind
from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.chart import Hit

Status = Literal["covered", "conditional", "not-covered", "not-applicable"]
Severity = Literal["warning", "info"]


class _Contract(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """A part of the contract: plain data without cycles, nothing for the garbage collector."""


class Evidence(_Contract, frozen=True):
    """A record that a conclusion rests on.

    ``reference`` is ``Type/id``, ``value`` what was measured, ``date`` as the chart wrote it.
    """

    reference: str
    code: str
    value: str | None = None
    date: str | None = None


class Gap(_Contract, frozen=True):
    """Why something is unknown, and what a person can do about it."""

    kind: GapKind
    ask: str


class CriterionResult(_Contract, frozen=True):
    """One criterion: unknown exactly when it has gaps.

    ``attest``: nothing in the chart speaks against it, and a person attests to it.
    """

    id: str
    label: str
    truth: Truth
    citation: str
    evidence: tuple[Evidence, ...] = ()
    gaps: tuple[Gap, ...] = ()
    attest: bool = False


class IndicationResult(_Contract, frozen=True):
    """One indication. ``candidate``: the chart holds a diagnosis that leads to it."""

    id: str
    label: str
    candidate: bool
    truth: Truth
    citation: str
    criteria: tuple[CriterionResult, ...]


class MissingSecondary(_Contract, frozen=True):
    """A primary diagnosis whose required partner is not on file.

    ``supported`` are the partner codes that the chart already documents in other words.
    """

    primary: str
    any_of: tuple[str, ...]
    supported: tuple[str, ...]
    citation: str


class WaitingPeriodResult(_Contract, frozen=True):
    """An open waiting period.

    ``event_date`` is the date as recorded, None where it was inferred. ``last_excluded_day`` and
    ``first_eligible_day`` hold for the latest day the event may have happened; ``length`` is how
    long the period is. ``days_remaining`` counts from the service date to the first eligible day.
    """

    event: Literal["MI", "CABG", "PCI"]
    event_date: str | None
    reference: str
    last_excluded_day: date
    first_eligible_day: date
    days_remaining: int
    length: str
    certainty: Literal["definite", "possible"]
    applies: bool
    exception: Literal["pacemaker", "replacement"] | None
    citation: str


class Finding(_Contract, frozen=True):
    """Something to tell: its code, how much it matters, in a sentence, with its source.

    ``codes`` are ICD-10-CM codes that settle it, each supported by the chart.
    """

    code: str
    severity: Severity
    text: str
    citation: str
    evidence: tuple[Evidence, ...] = ()
    codes: tuple[str, ...] = ()


class JudgedCoverage(_Contract, frozen=True):
    """The Coverage that an order is judged for, and on what footing.

    ``medicare``: it is known to be Medicare. ``assumed``: it is the only one that may be.
    ``several``: more than one, and the order names none of them. ``other``: another payer's.
    ``inactive``: not in force on the service date. ``none``: none came; ``reference`` is then the
    one that the order names.

    ``plan`` is the configured payer that it was recognised as, ``insurer`` the payer's name as the
    chart has it.
    """

    standing: Literal["medicare", "assumed", "several", "other", "inactive", "none"]
    reference: str | None = None
    plan: str | None = None
    insurer: str | None = None


class JudgedOrder(_Contract, frozen=True):
    """The order that was judged. ``depends_on`` names the order whose status it takes over."""

    reference: str
    system: str | None
    code: str | None
    class_: str = msgspec.field(name="class")
    service_date: date
    service_date_basis: str
    depends_on: str | None = None


class PolicyReference(_Contract, frozen=True):
    """The policy version that was applied."""

    id: str
    version: str
    effective: date
    citation: str


class Determination(_Contract, frozen=True):
    """What the policy says of one order on its service date, with reasons."""

    order: JudgedOrder
    policy: PolicyReference | None
    status: Status
    indications_met: tuple[str, ...] = ()
    indications: tuple[IndicationResult, ...] = ()
    always: tuple[CriterionResult, ...] = ()
    missing_secondary: tuple[MissingSecondary, ...] = ()
    waiting_periods: tuple[WaitingPeriodResult, ...] = ()
    earliest_eligible_date: date | None = None
    findings: tuple[Finding, ...] = ()
    coverage: JudgedCoverage | None = None
    data_digest: str = ""


def evidence_of_all(hits: Iterable[Hit]) -> tuple[Evidence, ...]:
    """The evidence that several hits of the chart are."""
    return tuple([evidence_of(hit) for hit in hits])


def evidence_of(hit: Hit) -> Evidence:
    """The evidence that a hit of the chart is."""
    fact = hit.fact
    value = fact.quantity.text if fact.quantity is not None else None
    if fact.classes:
        value = "NYHA " + "-".join(("I", "II", "III", "IV")[c - 1] for c in fact.classes)
    dated = fact.when or fact.recorded
    return Evidence(
        reference=fact.reference,
        code=hit.entry.code,
        value=value,
        date=None if dated is None else dated.text,
    )
