"""The money at risk: what events that are not covered, or may not be, were paid."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from defib_coverage.audit.reporting.charts import Kind, Stack, bars
from defib_coverage.audit.reporting.hiding import Hidden, Limit
from defib_coverage.audit.reporting.section import Section
from defib_coverage.audit.reporting.table import Cell, Table
from defib_coverage.audit.reporting.tally import AT_RISK
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from defib_coverage.audit.reporting.population import Population
    from defib_coverage.audit.reporting.tally import Tally
    from defib_coverage.coverage.determination import Status

_Priced = tuple[str, Decimal, int]


def at_risk(tally: Tally, basis: Population, limit: Limit | None) -> Section:
    """The money at risk in what was performed; where nothing was, in the orders."""
    priced = {status: _priced(tally, basis, status, limit) for status in AT_RISK}
    rows: list[tuple[Cell, ...]] = []
    for status, found in priced.items():
        rows += [
            (VERDICTS[status], code, amount, number, amount * number)
            for code, amount, number in found
        ]
        number, money = money_of(found)
        rows.append((VERDICTS[status], "all", None, number, money))
    heads = ("status", "code", "amount", "events", "at risk")
    tables = [Table("money-at-risk", f"Money at risk: {basis.name}", heads, tuple(rows), words=2)]
    if limit is None:
        lacking = _lacking(tally, basis)
        if lacking.rows:
            tables.append(lacking)
    stacks = [Stack(VERDICTS[status], (money_of(found)[1],)) for status, found in priced.items()]
    chart = bars(f"Money at risk: {basis.name}", [Kind("at risk", "not-covered")], stacks)
    notes = _notes(tally, basis, limit)
    return Section("money", "Money at risk", notes, (chart,), tuple(tables))


def totals(
    tally: Tally, basis: Population, limit: Limit | None
) -> tuple[tuple[Status, Decimal], ...]:
    """The sums, by status."""
    return tuple((status, money_of(_priced(tally, basis, status, limit))[1]) for status in AT_RISK)


def money_of(found: list[_Priced]) -> tuple[int, Decimal]:
    """How many events were priced, and what they come to."""
    return (
        sum(number for _, _, number in found),
        sum((amount * number for _, amount, number in found), start=Decimal(0)),
    )


def _priced(tally: Tally, basis: Population, status: Status, limit: Limit | None) -> list[_Priced]:
    """Codes with their amounts and how many events they pay, the most money first.

    With a limit a sum must not tell how many events it is made of: only amounts that were paid
    often enough count, and what remains of the status's events must be many, too, or none.
    """
    found = [
        (code, amount, number)
        for (performed, held, code, amount), number in tally.money.items()
        if performed is basis.performed and held == status
    ]
    found.sort(key=lambda one: (-one[1] * one[2], one[0]))
    if limit is None:
        return found
    total = basis.statuses[status]
    if isinstance(total, Hidden):
        return []
    found = sorted((one for one in found if one[2] >= limit.least), key=lambda one: -one[2])
    while found and limit.is_small(total - sum(number for _, _, number in found)):
        found.pop()
    return sorted(found, key=lambda one: (-one[1] * one[2], one[0]))


def _lacking(tally: Tally, basis: Population) -> Table:
    rows = sorted(
        (
            (code, number)
            for (performed, code), number in tally.lacking.items()
            if performed is basis.performed
        ),
        key=lambda row: (-row[1], row[0]),
    )
    caption = "Codes of events at risk that the payment table lacks"
    return Table("money-lacking", caption, ("code", "events"), tuple(rows))


def _notes(tally: Tally, basis: Population, limit: Limit | None) -> tuple[str, ...]:
    note = (
        "An event counts once, with the highest amount that the payment table has for its codes "
        "on its day. Conditional means that something is still to be shown: not that it was paid "
        "wrongly."
    )
    if limit is not None:
        return (
            note,
            (
                f"Only amounts that {limit.least} events or more have are counted, so the sums are "
                "too low; what they leave out is not told."
            ),
        )
    gone = {status: tally.unpriced[basis.performed, status] for status in AT_RISK}
    if not any(gone.values()):
        return (note, "The table has an amount for every event at risk.")
    parts = ", ".join(f"{n:,} {VERDICTS[status]}" for status, n in gone.items() if n)
    return (note, f"Events without an amount in the table: {parts}. The sums leave them out.")
