"""The days on which the lists changed, as links to a page on each of them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.explaining.change_days import change_days

if TYPE_CHECKING:
    from collections.abc import Collection

    from defib_coverage.coverage.determine import Knowledge


class Stop(msgspec.Struct, frozen=True):
    """A day of change; ``current`` where what began then holds on the chosen day.

    ``own``: the very thing that a page is about changed on it.
    """

    day: date
    revisions: tuple[str, ...]
    current: bool
    own: bool = False


class ChosenDay(msgspec.Struct, frozen=True):
    """The day that a page tells of, today, and the days on which something changed."""

    day: date
    today: date
    stops: tuple[Stop, ...]
    in_force: bool

    def marked(self, days: Collection[date]) -> ChosenDay:
        """The same with those ``days`` marked on which the thing that a page is about changed."""
        stops = tuple(msgspec.structs.replace(one, own=one.day in days) for one in self.stops)
        return msgspec.structs.replace(self, stops=stops)

    @property
    def first(self) -> date:
        """The first day of all."""
        return self.stops[0].day


def chosen_day(on: date | None, today: date, knowledge: Knowledge) -> ChosenDay:
    """The day that a visitor chose, today by default."""
    day = on or today
    changes = change_days(knowledge.library, knowledge.index)
    current = max((change.day for change in changes if change.day <= day), default=None)
    return ChosenDay(
        day,
        today,
        tuple(Stop(one.day, one.revisions, one.day == current) for one in changes),
        knowledge.library.in_force(day) is not None,
    )
