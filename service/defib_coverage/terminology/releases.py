"""Releases: the days on which the article's lists change, and the versions that come of it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.dates import DAY
from defib_coverage.coverage.policy import PolicyVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Release(msgspec.Struct, frozen=True):
    """What is in force from one change of the article's lists to the day before the next.

    ``effective`` is the first service day, ``until`` the last, None while no later one is known.
    ``revisions`` are the article's revisions behind it, ``published`` the day of the last of them,
    ``policy`` the policy version that is in force on its first day.
    """

    effective: date
    until: date | None
    revisions: tuple[str, ...]
    published: date
    policy: PolicyVersion

    @property
    def version(self) -> str:
        """The business version: the first day as a semantic version, no leading zeros."""
        return f"{self.effective.year}.{self.effective.month}.{self.effective.day}"

    @property
    def title(self) -> str:
        """What people call it: its revisions and its days."""
        names = ", ".join(self.revisions)
        until = "" if self.until is None else f" through {self.until}"
        return f"{names}: services from {self.effective}{until}"

    def covers(self, day: date) -> bool:
        """Whether the release is in force for a service on ``day``."""
        return self.effective <= day and (self.until is None or day <= self.until)


class Releases:
    """All releases, the oldest first."""

    def __init__(self, versions: Iterable[PolicyVersion]) -> None:
        """Find the releases in the revisions that the policy versions name."""
        ordered = sorted(versions, key=lambda version: version.effective)
        revisions = {name: r for version in ordered for name, r in version.revisions.items()}
        first_days = sorted({r.effective for r in revisions.values() if r.effective is not None})
        grouped: dict[date, list[str]] = {day: [] for day in first_days}
        published: dict[date, date] = {}
        day = first_days[0]
        for name, revision in sorted(revisions.items(), key=lambda item: item[1].published):
            # A revision that changed no code belongs to the release that it found.
            day = revision.effective or day
            grouped[day].append(name)
            published[day] = revision.published
        ends = [following - DAY for following in first_days[1:]]
        self.all: Sequence[Release] = tuple(
            Release(
                effective=begin,
                until=end,
                revisions=tuple(grouped[begin]),
                published=published[begin],
                policy=next((v for v in reversed(ordered) if v.effective <= begin), ordered[0]),
            )
            for begin, end in zip(first_days, [*ends, None], strict=True)
        )

    @property
    def latest(self) -> Release:
        """The release without an end."""
        return self.all[-1]

    def on(self, day: date) -> Release | None:
        """The release in force for a service on ``day``; None before the first."""
        return next((release for release in self.all if release.covers(day)), None)

    def versioned(self, version: str) -> Release | None:
        """The release of a business version; None for one that does not exist."""
        return next((release for release in self.all if release.version == version), None)

    def named(self, name: str) -> Release | None:
        """The release to which a revision of the article belongs, such as ``R6``; case aside."""
        wanted = name.casefold()
        for release in self.all:
            if wanted in (revision.casefold() for revision in release.revisions):
                return release
        return None

    @property
    def periods(self) -> str:
        """All versions with their days, for messages."""
        return "; ".join(f"{r.version} ({r.title})" for r in self.all)
