"""Judging one order again with changes made: counted, bounded, and each trial made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.chart import Chart, ChartView
from defib_coverage.coverage.determine import Knowledge, Terms, determine
from defib_coverage.coverage.orders import DeviceOrder
from defib_coverage.whatif.changes import Change, apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determination import Determination

MOST_TRIALS = 500


class Asked(msgspec.Struct, frozen=True):
    """A call as it was judged, and the order that is asked about."""

    orders: tuple[DeviceOrder, ...]
    chart: Chart
    knowledge: Knowledge
    terms: Terms
    reference: str


class Trials:
    """The trials of one question."""

    def __init__(self, asked: Asked) -> None:
        """Start with none made; ``count`` is how often the order was judged."""
        self.asked = asked
        self.count = 0
        self._known: dict[frozenset[Change], Determination] = {}

    @property
    def spent(self) -> bool:
        """Whether so many trials were made that no further path should be begun."""
        return self.count >= MOST_TRIALS

    def judged(self, changes: Sequence[Change]) -> Determination:
        """The determination of the order with changes made.

        Raises:
            LookupError: the call has no order of that reference.
        """
        key = frozenset(changes)
        known = self._known.get(key)
        if known is None:
            self.count += 1
            asked = self.asked
            orders, chart = apply(changes, asked.orders, asked.chart, asked.knowledge.index)
            found = determine(orders, chart, asked.knowledge, asked.terms)
            known = self._known[key] = _of(found, asked.reference)
        return known

    def view(self, changes: Sequence[Change], found: Determination) -> ChartView:
        """The chart as it counts for the order with changes made."""
        asked = self.asked
        orders, chart = apply(changes, asked.orders, asked.chart, asked.knowledge.index)
        order = next(o for o in orders if o.reference == found.order.reference)
        day = found.order.service_date
        return ChartView(chart, day, asked.terms.known_at, order.reasons)


def _of(found: Sequence[Determination], reference: str) -> Determination:
    """The determination of an order.

    Raises:
        LookupError: there is none.
    """
    for one in found:
        if one.order.reference == reference:
            return one
    message = "no order of that reference in the call"
    raise LookupError(message)
