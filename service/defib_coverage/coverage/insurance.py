"""Which Coverage an order is judged for: the patient's Medicare coverage on the service date.

Exactly one active Medicare coverage wins; where several stand side by side, the one that the order
itself names (rule 1). What had to be assumed is told.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal

from defib_coverage.coverage.determination import JudgedCoverage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date

    from defib_coverage.coverage.chart import Insurance, Payer

# Whom nobody knows is asked for only where no Medicare coverage is known.
_MAY_BE_MEDICARE: tuple[tuple[Payer, Literal["medicare", "assumed"]], ...] = (
    ("medicare", "medicare"),
    ("unrecognised", "assumed"),
)


class Coverages:
    """The Coverages of a chart, sorted once for all orders of a call."""

    def __init__(self, insurances: Sequence[Insurance], *, complete: bool) -> None:
        """Sort the Coverages by who pays.

        Where they are not ``complete``, Medicare's may be among those that did not come.
        """
        self._complete = complete
        self._of: dict[Payer, list[Insurance]] = {"medicare": [], "unrecognised": [], "other": []}
        for one in insurances:
            self._of[one.payer].append(one)
        medicare = tuple(one for one in insurances if one.payer != "other")
        self._lapsed = medicare or tuple(insurances)

    def choose(self, day: date, named: AbstractSet[str]) -> JudgedCoverage:
        """Choose the Coverage that an order is judged for.

        Args:
            day: the service date.
            named: the Coverages that the order names as its insurance, as ``Coverage/id``.
        """
        for payer, standing in _MAY_BE_MEDICARE:
            found = list(islice(self._in_force(payer, day), 2))
            if len(found) > 1:
                own = (one for one in self._in_force(payer, day) if one.reference in named)
                found = (list(islice(own, 2)) if named else []) or found
            if len(found) == 1:
                return _judged(found[0], standing)
            if found:
                return JudgedCoverage(standing="several")
        if self._complete:
            for one in self._in_force("other", day):
                return _judged(one, "other")
            for one in (o for o in self._lapsed if o.reference in named):
                return _judged(one, "inactive")
            for one in self._lapsed:
                return _judged(one, "inactive")
        # What the order names and nobody has is named as it stands there.
        return JudgedCoverage(standing="none", reference=min(named, default=None))

    def _in_force(self, payer: Payer, day: date) -> Iterator[Insurance]:
        """The Coverages of a payer that may hold on a day, in the order of the chart."""
        return (one for one in self._of[payer] if one.in_force(day))


def _judged(
    insurance: Insurance,
    standing: Literal["medicare", "assumed", "other", "inactive"],
) -> JudgedCoverage:
    return JudgedCoverage(
        standing=standing,
        reference=insurance.reference,
        plan=insurance.plan,
        insurer=insurance.insurer,
    )
