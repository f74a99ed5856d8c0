"""How many orders flip, from what to what and why: counted as they come, kept in little room."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

import msgspec

from defib_coverage.coverage.determination import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.replaying.difference import Difference

STATUSES: tuple[Status, ...] = get_args(Status)


class Counted(msgspec.Struct, frozen=True):
    """A reason, and how many orders it holds for."""

    reason: str
    orders: int


class Summary(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a replay came to.

    ``flips`` have another status, ``differences`` the same one for other reasons, all else is the
    ``same``. ``statuses`` counts orders by status before, then after. An order counts under each of
    its reasons.
    """

    orders: int
    same: int
    differences: int
    flips: int
    statuses: dict[str, dict[str, int]]
    flips_by_reason: tuple[Counted, ...]
    differences_by_reason: tuple[Counted, ...]


class Tally:
    """Counts what comparisons came to."""

    def __init__(self) -> None:
        """Begin at nought."""
        self._statuses: Counter[tuple[Status, Status]] = Counter()
        self._flips: Counter[str] = Counter()
        self._differences: Counter[str] = Counter()
        self._flipped = self._differing = 0

    def add(self, status: Status, difference: Difference | None) -> None:
        """Count one order.

        Args:
            status: what the present rules say.
            difference: what differs by the others.
        """
        after = status if difference is None else difference.status_after
        self._statuses[status, after] += 1
        if difference is None:
            return
        if difference.is_flip:
            self._flipped += 1
            self._flips.update(difference.reasons)
        else:
            self._differing += 1
            self._differences.update(difference.reasons)

    def summary(self) -> Summary:
        """What was counted so far."""
        orders = sum(self._statuses.values())
        present = {status for pair in self._statuses for status in pair}
        shown = [status for status in STATUSES if status in present]
        return Summary(
            orders=orders,
            same=orders - self._flipped - self._differing,
            differences=self._differing,
            flips=self._flipped,
            statuses={was: {now: self._statuses[was, now] for now in shown} for was in shown},
            flips_by_reason=ordered_reasons(self._flips),
            differences_by_reason=ordered_reasons(self._differences),
        )


def ordered_reasons(counted: Mapping[str, int]) -> tuple[Counted, ...]:
    """The most frequent first; names decide among equals, so that every run says the same."""
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Counted(reason, number) for reason, number in ordered)
