"""A stream of orders judged twice: each compared, counted, and handed on where it differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.coverage.determination import Determination
from defib_coverage.replaying.difference import Difference
from defib_coverage.replaying.summary import Summary, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from defib_coverage.replaying.comparing import Comparer


_NOTHING = msgspec.Raw(b"null")


class Where(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an order stands.

    ``line`` is None for a file of one call. ``audit`` is what an audit tells of its rows.
    """

    file: str
    line: int | None = None
    patient: str | None = None
    audit: msgspec.Raw = _NOTHING


class Judged(NamedTuple):
    """One order, by the present rules and by the others."""

    where: Where
    before: Determination
    after: Determination


class Departing(msgspec.Struct, frozen=True):
    """An order that differs, and where it stands."""

    where: Where
    difference: Difference


def replay(
    orders: Iterable[Judged], comparer: Comparer, tell: Callable[[Departing], None]
) -> Summary:
    """Compare every order of a stream; what differs is handed on at once, nothing is kept.

    Args:
        orders: the orders, each judged twice.
        comparer: tells what differs.
        tell: is given each order that differs.
    """
    tally = Tally()
    for where, before, after in orders:
        difference = comparer.compare(before, after)
        tally.add(before.status, difference)
        if difference is not None:
            tell(Departing(where, difference))
    return tally.summary()
