"""How long calls took until their decisions stood: counted by the database, in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import case, func, select

from defib_coverage.database.tables import DECISION
from defib_coverage.ledger.counting import time_told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
"""Milliseconds up to which a step goes; the last step of all has no end."""


class Durations(msgspec.Struct, frozen=True):
    """How many decisions of a time took how long.

    ``steps`` counts the decisions of each of ``STEPS``, and of the step after the last; ``slowest``
    is in milliseconds.
    """

    time: str
    steps: tuple[int, ...]
    slowest: float

    @property
    def number(self) -> int:
        """How many decisions."""
        return sum(self.steps)

    def within(self, share: float) -> float | None:
        """Milliseconds within which a share of the decisions stood.

        It is the end of a step, or what the slowest took: never less than is true.
        """
        passed = 0
        for end, number in zip(STEPS, self.steps, strict=False):
            passed += number
            if passed >= share * self.number > 0:
                return min(end, self.slowest)
        return self.slowest if self.number else None


def durations(connection: Connection, bounds: list[ColumnElement[bool]]) -> tuple[Durations, ...]:
    """How long decisions took, by day or by month, earliest first.

    Args:
        connection: to the database.
        bounds: which decisions.
    """
    shown = time_told(connection, bounds)
    taken = DECISION.c.milliseconds
    ends = [(taken <= end, number) for number, end in enumerate(STEPS)]
    step = case(*ends, else_=len(STEPS)).label("step")
    found = select(shown, step, func.count().label("number"), func.max(taken).label("slowest"))
    found = found.where(*bounds).group_by("shown", "step").order_by("shown")
    counted: dict[str, dict[int, int]] = {}
    slowest: dict[str, float] = {}
    for row in connection.execute(found):
        counted.setdefault(row.shown, {})[row.step] = row.number
        slowest[row.shown] = max(slowest.get(row.shown, 0.0), row.slowest)
    return tuple(
        Durations(time, _steps(numbers), slowest[time]) for time, numbers in counted.items()
    )


def together(parts: Sequence[Durations]) -> Durations:
    """All times as one."""
    steps = tuple(map(sum, zip(*(part.steps for part in parts), strict=True)))
    return Durations(
        "", steps or (0,) * (len(STEPS) + 1), max((part.slowest for part in parts), default=0.0)
    )


def _steps(numbers: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(numbers.get(step, 0) for step in range(len(STEPS) + 1))
