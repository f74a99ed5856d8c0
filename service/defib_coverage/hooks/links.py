"""What the records of a chart point at and did not come along: what to read, what could not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.chart import Missing, Need
from defib_coverage.coverage.orders import service_date
from defib_coverage.fhir.fetching import WORDS, Cause, Shortfall, read, roles_of
from defib_coverage.fhir.resources import (
    Medication,
    Organization,
    Practitioner,
    PractitionerRole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from defib_coverage.coverage.chart import Chart
    from defib_coverage.coverage.orders import DeviceOrder
    from defib_coverage.fhir.fetching import Fetched, Query
    from defib_coverage.fhir.resources import Entry

# Payors, people and drugs that one chart may point at without bringing them.
_MOST = 40
_NEEDS: Mapping[str, Need] = {"Medication": "medications", "Organization": "coverage"}


def wanted(
    chart: Chart,
    unresolved: Sequence[str],
    orders: Iterable[DeviceOrder],
    today: date,
) -> tuple[str, ...]:
    """What is worth reading, by reference.

    Args:
        chart: the chart as it came.
        unresolved: the people and drugs that it points at.
        orders: the orders to judge; who pays matters for a Coverage in force on one of their days.
        today: the day of the call.
    """
    if any(one.unread for one in chart.insurances):
        days = {service_date(o, chart.appointments.get(o.reference), today)[0] for o in orders}
        payors = [
            name
            for one in chart.insurances
            for name in one.unread
            if any(one.in_force(day) for day in days)
        ]
        unresolved = tuple(dict.fromkeys((*payors, *unresolved)))
    return tuple(unresolved[:_MOST])


def queries(references: Sequence[str]) -> list[Query]:
    """What is to be fetched for references."""
    found = [read(reference) for reference in references]
    found += [roles_of(r) for r in references if r.startswith("Practitioner/")]
    return found


def linked(fetched: Mapping[Query, Fetched]) -> list[Entry]:
    """The records that came: asked for these, a server adds no records of the patient."""
    kinds = Medication | Organization | Practitioner | PractitionerRole
    return [
        entry
        for one in fetched.values()
        for entry in one.entries
        if isinstance(entry.resource, kinds)
    ]


def unread(references: Iterable[str], fetched: Mapping[Query, Fetched]) -> Iterator[Missing]:
    """What is pointed at, and could not be looked up."""
    causes: dict[str, Cause] = {}
    for query, one in fetched.items():
        if one.cause is not None and one.cause is not Shortfall.NOT_OFFERED:
            causes.setdefault(query.about, one.cause)
    for reference in references:
        if reference in causes:
            need = _NEEDS.get(reference.partition("/")[0], "encounters")
            yield Missing(need, "not-fetched", WORDS[causes[reference]], reference)
