"""From where a code is looked at: the policy of a day, and the value sets that hold the code."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.codes import CodeIndex, Match
from defib_coverage.coverage.policy import PolicyVersion
from defib_coverage.coverage.wording import Wording
from defib_coverage.families import Families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.coverage.codes import CodeEntry


class Viewpoint(msgspec.Struct, frozen=True):
    """What is known, as of a day.

    ``version`` is the policy of that day, the first before it; ``base`` the canonical base;
    ``families`` the codes that families of codes stand for, and official titles.
    """

    index: CodeIndex
    families: Families
    wording: Wording
    version: PolicyVersion
    day: date
    base: str

    def entries(self) -> Iterator[tuple[str, CodeEntry]]:
        """Every code of every value set, with the set's id."""
        for name, value_set in self.index.value_sets.items():
            for entry in value_set.codes:
                yield name, entry

    def title(self, entry: CodeEntry) -> str | None:
        """The official title of a code, only where it may be shown."""
        return entry.display or self.families.title(entry.system, entry.code)


class KnownCode(msgspec.Struct, frozen=True):
    """A code in its canonical spelling, its system's short name, the value sets that hold it."""

    system: str
    code: str
    matches: tuple[Match, ...]

    @property
    def held(self) -> frozenset[str]:
        """The ids of the value sets."""
        return frozenset(match.value_set for match in self.matches)
