"""By site and by operator: how often what was done there was not covered, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.audit.reporting.charts import Whisker, intervals
from defib_coverage.audit.reporting.hiding import WITHHELD, Hidden, Limit, Number, Part
from defib_coverage.audit.reporting.interval import wilson
from defib_coverage.audit.reporting.section import Section
from defib_coverage.audit.reporting.table import Cell, Ratio, Table, told
from defib_coverage.audit.reporting.tally import NOT_STATED

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from defib_coverage.audit.reporting.population import Population
    from defib_coverage.audit.reporting.tally import Tally
    from defib_coverage.coverage.determination import Status

OTHERS = "(others together)"
"""The places or people that have too few events to be named."""


class _Group(NamedTuple):
    """The events of one place or person, by status."""

    name: str
    covered: int
    conditional: int
    not_covered: int

    @property
    def events(self) -> int:
        return self.covered + self.conditional + self.not_covered


def by_site(tally: Tally, basis: Population | None, limit: Limit | None) -> Section | None:
    """The rates of sites; None where no event names one, or all are too small to be named."""
    return _section("sites", "site", tally.sites, basis, limit)


def by_operator(tally: Tally, basis: Population | None, limit: Limit | None) -> Section | None:
    """The rates of operators; None as of sites."""
    return _section("operators", "operator", tally.operators, basis, limit)


def _section(
    plural: str,
    one: str,
    counted: Counter[tuple[bool, str, Status]],
    basis: Population | None,
    limit: Limit | None,
) -> Section | None:
    groups = [] if basis is None else _groups(counted, performed=basis.performed)
    if basis is None or all(group.name == NOT_STATED for group in groups):
        return None
    if limit is not None:
        groups = _pooled(groups, limit)
        if len(groups) == 1:
            return None
    parts = _not_covered(groups, basis, limit)
    heads = [one, "events", "not covered", "rate", "95 % from", "to"]
    rows: list[tuple[Cell, ...]] = []
    whiskers = []
    for group, part in zip(groups, parts, strict=True):
        rate, low, high = _rate(part, group.events)
        row: list[Cell] = [group.name, group.events, part, rate, low, high]
        if limit is None:
            row += [group.conditional, group.covered]
        rows.append(tuple(row))
        if rate is not None and low is not None and high is not None:
            note = f"{told(part)} of {told(group.events)}, {told(rate)} ({told(low)}-{told(high)})"
            whiskers.append(Whisker(group.name, rate, low, high, note))
    if limit is None:
        heads += ["conditional", "covered"]
    overall = basis.statuses["not-covered"]
    share = (
        Ratio(overall / basis.total)
        if isinstance(overall, int) and isinstance(basis.total, int)
        else None
    )
    caption = f"Share not covered by {one}: {basis.name}, with 95 % intervals"
    chart = intervals(caption, whiskers, share)
    table = Table(plural, f"Events not covered by {one}: {basis.name}", tuple(heads), tuple(rows))
    return Section(
        plural, f"By {one}", _notes(basis, limit), (chart,) if whiskers else (), (table,)
    )


def _notes(basis: Population, limit: Limit | None) -> tuple[str, ...]:
    what = "Of what was performed" if basis.performed else "Nothing was performed: of the orders"
    note = (
        f"{what}, the share that was not covered. The line is Wilson's 95 % interval: where lines "
        "overlap, numbers are too small to tell one from another. Those with most events stand "
        "first; the order is no ranking."
    )
    if limit is None:
        return (note,)
    return (note, f"Those with fewer than {limit.least} events are put together, without names.")


def _groups(counted: Counter[tuple[bool, str, Status]], *, performed: bool) -> list[_Group]:
    names = {name for (done, name, _) in counted if done is performed}
    found = [
        _Group(
            name,
            counted[performed, name, "covered"],
            counted[performed, name, "conditional"],
            counted[performed, name, "not-covered"],
        )
        for name in names
    ]
    return sorted(found, key=lambda group: (-group.events, group.name))


def _pooled(groups: Sequence[_Group], limit: Limit) -> list[_Group]:
    """Groups of which each is large enough to be told of; how many are pooled is not told."""
    kept = [group for group in groups if group.events >= limit.least]
    small = list(groups[len(kept) :])
    while small and kept and sum(group.events for group in small) < limit.least:
        small.append(kept.pop())
    if not small:
        return kept
    sums = (sum(numbers) for numbers in zip(*(group[1:] for group in small), strict=True))
    return [*kept, _Group(OTHERS, *sums)]


def _not_covered(
    groups: Sequence[_Group], basis: Population, limit: Limit | None
) -> tuple[Number, ...]:
    total = basis.statuses["not-covered"]
    if limit is None:
        return tuple(group.not_covered for group in groups)
    if isinstance(total, Hidden):
        return (WITHHELD,) * len(groups)
    return limit.line([Part(group.not_covered, group.events) for group in groups], total)


def _rate(part: Number, whole: int) -> tuple[Ratio | None, Ratio | None, Ratio | None]:
    if isinstance(part, Hidden):
        return None, None, None
    low, high = wilson(part, whole)
    return Ratio(part / whole), Ratio(low), Ratio(high)
