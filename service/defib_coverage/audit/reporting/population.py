"""The two populations of events: what was performed, and what was only ordered.

They share no sum, so that numbers of one tell nothing of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.audit.reporting.hiding import WITHHELD, Limit, Number, Part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.audit.reporting.tally import Tally
    from defib_coverage.coverage.determination import Status

STATUSES: tuple[Status, ...] = ("covered", "conditional", "not-covered")
"""The statuses of what is ours to judge."""


class Population(msgspec.Struct, frozen=True):
    """The events that were performed, or only ordered, and the numbers that all tables share.

    ``total`` and ``statuses`` are what may be told. One that is too small to be told of is not
    ``shown``: no table holds it.
    """

    performed: bool
    total: Number
    statuses: Mapping[Status, Number]
    shown: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return "performed" if self.performed else "ordered only"


def populations(tally: Tally, limit: Limit | None) -> tuple[Population, ...]:
    """Both populations, without those that have no event."""
    found = (_population(tally, limit, performed=performed) for performed in (True, False))
    return tuple(one for one in found if one.total != 0)


def basis(found: Sequence[Population]) -> Population | None:
    """The population that rates and money are of: what was performed, where anything was."""
    first = found[0] if found else None
    return first if first is not None and first.shown else None


def _population(tally: Tally, limit: Limit | None, *, performed: bool) -> Population:
    total = tally.total(performed=performed)
    counts = [
        sum(n for (done, s, _), n in tally.statuses.items() if done is performed and s == status)
        for status in STATUSES
    ]
    if limit is None:
        return Population(performed, total, dict(zip(STATUSES, counts, strict=True)), shown=True)
    # With less than twice the limit every table would be all holes.
    if total < 2 * limit.least:
        hidden: Number = limit.small if limit.is_small(total) else WITHHELD if total else 0
        return Population(performed, hidden, dict.fromkeys(STATUSES, hidden), shown=False)
    numbers = limit.line([Part(count) for count in counts], total)
    return Population(performed, total, dict(zip(STATUSES, numbers, strict=True)), shown=True)
