"""The numbers at the head of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.audit.reporting.at_risk import totals
from defib_coverage.audit.reporting.hiding import Hidden
from defib_coverage.audit.reporting.population import basis
from defib_coverage.audit.reporting.table import told
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defib_coverage.audit.reporting.hiding import Limit
    from defib_coverage.audit.reporting.population import Population
    from defib_coverage.audit.reporting.tally import Tally


class Tile(NamedTuple):
    """A number and what it is of."""

    number: str
    words: str


def tiles(
    tally: Tally, found: Sequence[Population], limit: Limit | None, *, priced: bool
) -> tuple[Tile, ...]:
    """The numbers that matter most."""
    made = [Tile(told(one.total), f"events {one.name}") for one in found]
    base = basis(found)
    if base is not None:
        made += _of(tally, base, limit, priced=priced)
    return tuple(made)


def _of(tally: Tally, base: Population, limit: Limit | None, *, priced: bool) -> Iterator[Tile]:
    yield Tile(told(base.statuses["not-covered"]), f"{base.name}, not covered")
    if limit is None:
        # With a limit they would tell how many events have two windows, or lack two partners.
        inside = tally.in_window[base.performed]
        yield Tile(told(inside), f"{base.name}, inside a waiting period")
        yield Tile(told(tally.with_missing[base.performed]), f"{base.name}, a missing pair")
    if priced:
        for status, found in totals(tally, base, limit):
            money = found.money
            number = told(money) if isinstance(money, Hidden) else f"{money:,.0f}"
            yield Tile(number, f"at risk, {VERDICTS[status]}{found.words}")
