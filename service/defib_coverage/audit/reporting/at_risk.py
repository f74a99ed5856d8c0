"""The money at risk: what events that are not covered, or may not be, were paid."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.audit.reporting.charts import Kind, Stack, bars
from defib_coverage.audit.reporting.hiding import WITHHELD, Hidden, Limit, Number
from defib_coverage.audit.reporting.section import Section
from defib_coverage.audit.reporting.table import Cell, Table
from defib_coverage.audit.reporting.tally import AT_RISK
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from defib_coverage.audit.reporting.population import Population
    from defib_coverage.audit.reporting.tally import Tally
    from defib_coverage.coverage.determination import Status

ALL_TOLD = "all that is told"
"""Of a sum that leaves out what is hidden."""


class _Line(NamedTuple):
    """A code with what it pays, and how many events it pays so."""

    code: str
    amount: Decimal
    events: int


class Sum(NamedTuple):
    """The money of a status.

    ``events`` and ``money`` are hidden where all of it is; ``partial``: some of it may be.
    """

    lines: tuple[_Line, ...]
    events: Number
    money: Decimal | Hidden
    partial: bool

    @property
    def words(self) -> str:
        """What stands behind the name of the status."""
        return ", as far as told" if self.partial else ""


def at_risk(tally: Tally, basis: Population, limit: Limit | None) -> Section:
    """The money at risk in what was performed; where nothing was, in the orders."""
    sums = {status: _sum(tally, basis, status, limit) for status in AT_RISK}
    rows: list[tuple[Cell, ...]] = []
    for status, found in sums.items():
        rows += [
            (VERDICTS[status], code, amount, number, amount * number)
            for code, amount, number in found.lines
        ]
        name = ALL_TOLD if found.partial else "all"
        rows.append((VERDICTS[status], name, None, found.events, found.money))
    heads = ("status", "code", "amount", "events", "at risk")
    tables = [
        Table(
            "money-at-risk",
            f"Money at risk: {basis.name}",
            heads,
            tuple(rows),
            words=2,
            grouped=True,
        )
    ]
    if limit is None:
        lacking = _lacking(tally, basis)
        if lacking.rows:
            tables.append(lacking)
    stacks = [
        Stack(VERDICTS[status] + found.words, (found.money,)) for status, found in sums.items()
    ]
    chart = bars(f"Money at risk: {basis.name}", [Kind("at risk", "not-covered")], stacks)
    notes = _notes(tally, basis, limit)
    return Section("money", "Money at risk", notes, (chart,), tuple(tables))


def totals(tally: Tally, basis: Population, limit: Limit | None) -> tuple[tuple[Status, Sum], ...]:
    """The sums, by status."""
    return tuple((status, _sum(tally, basis, status, limit)) for status in AT_RISK)


def _sum(tally: Tally, basis: Population, status: Status, limit: Limit | None) -> Sum:
    """What the money of a status comes to.

    With a limit it is withheld where events are there and no line may be told: whether they have
    no amounts or hidden ones must not show. Where no event is, it is nothing.
    """
    lines = tuple(_lines(tally, basis, status, limit))
    total = basis.statuses[status]
    if limit is not None and total != 0 and not lines:
        return Sum((), WITHHELD, WITHHELD, partial=False)
    events = sum(line.events for line in lines)
    money = sum((line.amount * line.events for line in lines), start=Decimal(0))
    return Sum(lines, events, money, partial=limit is not None and events != total)


def _lines(tally: Tally, basis: Population, status: Status, limit: Limit | None) -> list[_Line]:
    """Codes with their amounts and how many events they pay, the most money first.

    With a limit a sum must not tell how many events it is made of: only amounts that were paid
    often enough count, and what remains of the status's events must be many, too, or none.
    """
    found = [
        _Line(code, amount, number)
        for (performed, held, code, amount), number in tally.money.items()
        if performed is basis.performed and held == status
    ]
    found.sort(key=_most_money)
    if limit is None:
        return found
    total = basis.statuses[status]
    if isinstance(total, Hidden):
        return []
    found = sorted((one for one in found if one.events >= limit.least), key=lambda one: -one.events)
    while found and limit.is_small(total - sum(one.events for one in found)):
        found.pop()
    return sorted(found, key=_most_money)


def _most_money(line: _Line) -> tuple[Decimal, str]:
    return -line.amount * line.events, line.code


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
                f"Only amounts that {limit.least} events or more have are counted. A sum that "
                "leaves out others stands as far as told, one that would leave out all is withheld."
            ),
        )
    gone = {status: tally.unpriced[basis.performed, status] for status in AT_RISK}
    if not any(gone.values()):
        return (note, "The table has an amount for every event at risk.")
    parts = ", ".join(f"{n:,} {VERDICTS[status]}" for status, n in gone.items() if n)
    return (note, f"Events without an amount in the table: {parts}. The sums leave them out.")
