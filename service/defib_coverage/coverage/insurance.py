"""Which Coverage an order is judged for: the patient's Medicare coverage on the service date.

Exactly one active Medicare coverage wins; where several stand side by side, the one that the order
itself names (rule 1). What had to be assumed is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from defib_coverage.coverage.determination import JudgedCoverage

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from defib_coverage.coverage.chart import Insurance, Payer

# Whom nobody knows is asked for only where no Medicare coverage is known.
_MAY_BE_MEDICARE: tuple[Payer, ...] = ("medicare", "unrecognised")


def choose_coverage(
    insurances: Sequence[Insurance],
    day: date,
    named: Collection[str],
    *,
    complete: bool,
) -> JudgedCoverage:
    """Choose the Coverage that an order is judged for.

    Args:
        insurances: every Coverage of the chart.
        day: the service date.
        named: the Coverages that the order names as its insurance.
        complete: whether the chart has all there are; if not, Medicare's may be among the others.
    """
    held = [one for one in insurances if one.in_force(day)]
    for payer in _MAY_BE_MEDICARE:
        found = [one for one in held if one.payer == payer]
        if len(found) > 1:
            found = [one for one in found if one.reference in named] or found
        if len(found) == 1:
            return _judged(found[0], "medicare" if payer == "medicare" else "assumed")
        if found:
            return JudgedCoverage(standing="several")
    if not complete:
        return JudgedCoverage(standing="none", reference=min(named, default=None))
    if held:
        return _judged(held[0], "other")
    lapsed = [one for one in insurances if one.payer != "other"] or insurances
    for one in [one for one in lapsed if one.reference in named] or lapsed:
        return _judged(one, "inactive")
    # What the order names and nobody has is named as it stands there.
    return JudgedCoverage(standing="none", reference=min(named, default=None))


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
