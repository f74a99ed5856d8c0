"""The service days on which the policy or its lists changed."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.dates import DAY

if TYPE_CHECKING:
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.policy import PolicyLibrary


class ChangeDay(msgspec.Struct, frozen=True):
    """The first service day of a change; ``revisions`` are the article's, by name, behind it."""

    day: date
    revisions: tuple[str, ...]


def change_days(library: PolicyLibrary, index: CodeIndex) -> tuple[ChangeDay, ...]:
    """Every day from which something else holds than the day before, the oldest first.

    Versions of the policy begin, and codes of the article's lists come and go.
    """
    named: defaultdict[date, list[str]] = defaultdict(list)
    for name, revision in library.versions[-1].revisions.items():
        if revision.effective is not None:
            named[revision.effective].append(name)
    entries = [e for vs in index.value_sets.values() if vs.role != "evidence" for e in vs.codes]
    days = {version.effective for version in library.versions} | set(named)
    days |= {entry.start for entry in entries if entry.start is not None}
    days |= {entry.until + DAY for entry in entries if entry.until is not None}
    return tuple(ChangeDay(day, tuple(named.get(day, ()))) for day in sorted(days))
