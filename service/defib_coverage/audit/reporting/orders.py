"""The row-level files: every order of the audit, and the worklist, as lines of CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.audit.reporting.day import day_words
from defib_coverage.audit.reporting.ranking import GROUPS, pair_words, window_words
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from decimal import Decimal

    from defib_coverage.audit.reporting.ranking import Entry
    from defib_coverage.audit.reporting.rows import Row
    from defib_coverage.audit.reporting.table import Cell

ORDER_HEADS = (
    "patient",
    "order",
    "kind",
    "performed",
    "service day",
    "day is",
    "known at",
    "system",
    "code",
    "class",
    "status",
    "indications met",
    "policy",
    "first eligible day",
    "days early",
    "open windows",
    "missing pairs",
    "findings",
    "site",
    "operator",
    "same day",
    "amount",
    "file",
    "line",
)
WORK_HEADS = (
    "number",
    "group",
    "patient",
    "order",
    "service day",
    "day is",
    "code",
    "status of the event",
    "days early",
    "why",
    "evidence",
    "same day",
    "amount",
    "site",
    "operator",
    "file",
    "line",
)


def order_cells(row: Row, amount: Decimal | None) -> tuple[Cell, ...]:
    """An order as a line; ``amount`` is what the payment table has for its code on its day."""
    audit, order, policy = row.audit, row.order, row.policy
    applying = [window for window in row.waiting_periods if window.applies]
    return (
        row.patient,
        order.reference,
        audit.kind,
        "yes" if audit.performed else "no",
        order.service_date.isoformat(),
        day_words(order.service_date_basis),
        "" if audit.known_at is None else audit.known_at.isoformat(),
        order.system,
        order.code,
        order.class_,
        VERDICTS[row.status],
        " ".join(row.indications_met),
        "" if policy is None else f"{policy.id} {policy.version}",
        "" if row.earliest_eligible_date is None else row.earliest_eligible_date.isoformat(),
        max((window.days_remaining for window in applying), default=None),
        "; ".join(window_words(window) for window in applying),
        "; ".join(pair_words(pair) for pair in row.missing_secondary),
        " ".join(dict.fromkeys(finding.code for finding in row.findings)),
        audit.site,
        audit.operator,
        " ".join(audit.same_day),
        amount,
        audit.file,
        audit.line,
    )


def work_cells(number: int, entry: Entry) -> tuple[Cell, ...]:
    """An entry of the worklist as a line."""
    return (
        number,
        GROUPS[entry.group],
        entry.patient,
        entry.order,
        entry.day.isoformat(),
        entry.day_is,
        entry.code,
        entry.status,
        entry.days or None,
        "; ".join(entry.why),
        " ".join(entry.evidence),
        " ".join(entry.also),
        entry.amount,
        entry.site,
        entry.operator,
        entry.file,
        entry.line,
    )
