"""The days on which a code stands in a value set, version by version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.dates import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.terminology.operations.shelf import Key, Prepared


def days_in(versions: Sequence[Prepared], key: Key) -> Iterator[tuple[date, date | None]]:
    """The periods in which a code is in a value set, the earliest first.

    Args:
        versions: every version of one value set.
        key: system and code.
    """
    begin: date | None = None
    until: date | None = None
    for one in sorted(versions, key=lambda version: version.release.effective):
        if key not in one.members:
            continue
        release = one.release
        if begin is not None and (until is None or until + DAY < release.effective):
            yield begin, until
            begin = None
        begin = begin or release.effective
        until = release.until
    if begin is not None:
        yield begin, until


def told(periods: Sequence[tuple[date, date | None]]) -> str:
    """Periods for a message."""
    return ", ".join(
        f"from {begin} on" if until is None else f"from {begin} through {until}"
        for begin, until in periods
    )
