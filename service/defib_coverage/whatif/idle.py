"""Why a change can do nothing: it names no record, no code that is read, or a day too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.whatif.changes import (
    DIAGNOSES,
    AddDiagnosis,
    Change,
    HoldVisit,
    MoveEvent,
    RemoveDiagnosis,
    SetClass,
    SetLvef,
    TakeDrug,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.coverage.chart import Chart, Hit
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.orders import DeviceOrder


def idle(
    change: Change,
    orders: Sequence[DeviceOrder],
    chart: Chart,
    index: CodeIndex,
    service_date: date,
) -> str | None:
    """Why a change of these orders and this chart can do nothing; None where it can do something.

    ``service_date`` is the day for which the order is judged.
    """
    late = f"the day is after the service date, {service_date.isoformat()}"
    match change:
        case AddDiagnosis() if not index.find(DIAGNOSES, change.code):
            return "no value set reads this code"
        case AddDiagnosis() | SetLvef() | SetClass() | HoldVisit():
            return late if change.day is not None and change.day > service_date else None
        case TakeDrug():
            return late if change.since > service_date else None
        case RemoveDiagnosis():
            codes = {h.entry.code for h in _hits(orders, chart) if h.entry.system == DIAGNOSES}
            return None if change.code in codes else "no record that the rules read has this code"
        case MoveEvent():
            names = {hit.fact.reference for hits in chart.hits.values() for hit in hits}
            return None if change.reference in names else "no such record that the rules read"
        case _:
            return None


def _hits(orders: Sequence[DeviceOrder], chart: Chart) -> Iterator[Hit]:
    """The records of the chart, then the reasons of the orders."""
    for hits in chart.hits.values():
        yield from hits
    for order in orders:
        yield from (hit for _, hit in order.reasons)
