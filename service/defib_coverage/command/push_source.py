"""What is published, and which releases of it a push takes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.command.documents import InputError
from defib_coverage.content import load
from defib_coverage.terminology.catalogue import Catalogue
from defib_coverage.terminology.parcels import Mark
from defib_coverage.terminology.releases import Release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.terminology.releases import Releases
    from defib_coverage.terminology.resources import Artifact


class Wanted(msgspec.Struct, frozen=True):
    """Which releases are asked for: of a day, by name, all; today's where nothing is said."""

    on: date | None = None
    revision: str | None = None
    history: bool = False


class Published(msgspec.Struct, frozen=True):
    """Everything that is published, and what marks it."""

    catalogue: Catalogue
    mark: Mark

    def resources(self, releases: Sequence[Release], *, licensed: bool) -> tuple[Artifact, ...]:
        """The resources of releases; ``licensed`` takes those with CPT codes too."""
        found: list[Artifact] = []
        catalogue = self.catalogue if licensed else self.catalogue.free()
        for release in releases:
            found.extend(catalogue.of(release))
        return tuple(found)


def published(catalogue: Catalogue) -> Published:
    """A catalogue with the mark of the data that it was made of.

    Raises:
        DataError: the data files cannot be used.
    """
    return Published(catalogue, Mark(catalogue.base, load().digest))


def choose(releases: Releases, wanted: Wanted, today: date) -> tuple[Release, ...]:
    """The releases that are asked for, the oldest first.

    Servers that are asked for a url alone take the highest version, in force or not: one that is
    not in force yet is taken by its name only.

    Args:
        releases: all.
        wanted: which.
        today: the day.

    Raises:
        InputError: two ways of asking at once, or there is no such release.
    """
    ways = [wanted.on is not None, wanted.revision is not None, wanted.history]
    if sum(ways) > 1:
        message = "--on, --revision and --history exclude one another"
        raise InputError(message)
    if wanted.history:
        return tuple(release for release in releases.all if release.effective <= today)
    if wanted.revision is not None:
        return (_named(releases, wanted.revision),)
    day = wanted.on or today
    found = releases.on(day)
    if found is None:
        message = f"--on: nothing is published for {day}; there is {releases.periods}"
        raise InputError(message)
    if found.effective > today:
        message = (
            f"--on: {found.version} is in force from {found.effective} only; "
            f"--revision {found.revisions[0]} pushes it all the same"
        )
        raise InputError(message)
    return (found,)


def _named(releases: Releases, name: str) -> Release:
    found = releases.named(name) or releases.versioned(name)
    if found is None:
        message = f"--revision: {name!r} is not published; there is {releases.periods}"
        raise InputError(message)
    return found
