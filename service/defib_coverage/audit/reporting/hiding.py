"""Small cells hidden, and beside them as many others as keep them from being worked out.

A report that hides cells is built so that its tables meet in few numbers only: how many events
there are, and how many came to each status. Those are treated as known to whoever reads it. Every
line of cells that add up to such a number is then looked at by itself: where the hidden cells of a
line could be worked out from their sum, another cell is withheld with them, or the whole line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

LEAST = 3
"""The least limit: below two there would be one value that a hidden cell can have."""


class Hidden(msgspec.Struct, frozen=True):
    """A cell that is not told; ``text`` stands in its place."""

    text: str


Number = int | Hidden
WITHHELD = Hidden("withheld")


class Part(msgspec.Struct, frozen=True):
    """A cell of a line.

    ``whole``: a number that is told and that the cell is a part of, where there is one: what
    remains of it must not be small either.
    """

    value: int
    whole: int | None = None


class Limit(msgspec.Struct, frozen=True):
    """The limit: numbers from 1 to ``least - 1`` are small."""

    least: int

    @property
    def small(self) -> Hidden:
        """What stands for a small cell."""
        return Hidden(f"<{self.least}")

    def is_small(self, number: int) -> bool:
        """Whether a number must not be told."""
        return 0 < number < self.least

    def line(self, parts: Sequence[Part], total: int) -> tuple[Number, ...]:
        """The cells of a line as they may be told, where their sum ``total`` is told.

        Small cells are small; others that must go with them are withheld. Where that cannot be
        done, the whole line is withheld.
        """
        hidden = {at for at, part in enumerate(parts) if self._is_telling(part)}
        while hidden and self._is_known(parts, hidden, total):
            more = [
                (part.value, at)
                for at, part in enumerate(parts)
                if at not in hidden and self._may_be_withheld(part)
            ]
            if not more:
                return (WITHHELD,) * len(parts)
            hidden.add(min(more)[1])
        return tuple(
            part.value if at not in hidden else self._mark(part) for at, part in enumerate(parts)
        )

    def share(self, part: int, whole: int) -> tuple[Number, Number]:
        """A number and the number that it is a part of, as they may be told side by side.

        ``whole`` is no part of a line: no sum tells it where it is hidden.
        """
        if self.is_small(whole):
            return (self.small if part else 0), self.small
        telling = Part(part, whole)
        if not self._is_telling(telling):
            return part, whole
        low, high = self._range(telling, whole)
        return self._mark(telling), (whole if low < high else WITHHELD)

    def _is_telling(self, part: Part) -> bool:
        rest = 0 if part.whole is None else part.whole - part.value
        return self.is_small(part.value) or self.is_small(rest)

    def _may_be_withheld(self, part: Part) -> bool:
        """Whether a cell may go with hidden ones: it is neither nothing nor all there is."""
        return self.least <= part.value and part.value != part.whole

    def _mark(self, part: Part) -> Hidden:
        return self.small if self.is_small(part.value) else WITHHELD

    def _range(self, part: Part, most: int) -> tuple[int, int]:
        """What a reader knows of a hidden cell by its mark alone."""
        high = most if part.whole is None else min(most, part.whole)
        if self.is_small(part.value):
            return 1, min(self.least - 1, high)
        if part.whole is not None and self.is_small(part.whole - part.value):
            return max(self.least, part.whole - self.least + 1), min(most, part.whole - 1)
        return self.least, high

    def _is_known(self, parts: Sequence[Part], hidden: Collection[int], total: int) -> bool:
        """Whether the sum of the hidden cells leaves one of them no second value."""
        rest = total - sum(part.value for at, part in enumerate(parts) if at not in hidden)
        ranges = [self._range(parts[at], rest) for at in hidden]
        lows, highs = (sum(ends) for ends in zip(*ranges, strict=True))
        return any(
            max(low, rest - (highs - high)) >= min(high, rest - (lows - low))
            for low, high in ranges
        )
