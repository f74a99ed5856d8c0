"""Which releases a push takes, and what marks them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.command.publishing import find_release, open_catalogue
from defib_coverage.content import load
from defib_coverage.documents.document import InputError
from defib_coverage.terminology.catalogue import Catalogue
from defib_coverage.terminology.parcels import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.terminology.elements import Artifact
    from defib_coverage.terminology.releases import Release, Releases


class Choice(msgspec.Struct, frozen=True):
    """Which releases are asked for: of a day, by name, all; today's where nothing is said."""

    on: date | None = None
    revision: str | None = None
    history: bool = False


class Source(msgspec.Struct, frozen=True):
    """Everything that is published, and what marks it."""

    catalogue: Catalogue
    mark: Mark

    def resources(self, releases: Sequence[Release]) -> tuple[Artifact, ...]:
        """The resources of releases."""
        return tuple(one for release in releases for one in self.catalogue.of(release))


def open_source(canonical: str | None, *, without_cpt: bool) -> Source:
    """What this installation publishes; never a site's own codes.

    Args:
        canonical: the canonical base; that of the settings where None.
        without_cpt: whether the value sets with CPT codes are left out.

    Raises:
        InputError: the base cannot be one.
        SettingsError: a setting cannot be used.
        DataError: the data cannot be used.
    """
    catalogue = open_catalogue(canonical)
    mark = Mark(catalogue.base, load().digest)
    return Source(catalogue.free() if without_cpt else catalogue, mark)


def choose(releases: Releases, choice: Choice, today: date) -> tuple[Release, ...]:
    """The releases that are asked for, the oldest first.

    Servers that are asked for a url alone take the highest version, in force or not: one that is
    not in force yet is taken by its name only.

    Args:
        releases: all.
        choice: which.
        today: the day.

    Raises:
        InputError: two ways of asking at once, or there is no such release.
    """
    ways = [choice.on is not None, choice.revision is not None, choice.history]
    if sum(ways) > 1:
        message = "--on, --revision and --history name releases: give one of them"
        raise InputError(message)
    if choice.history:
        return tuple(release for release in releases.all if release.effective <= today)
    found = find_release(releases, choice.on or today, choice.revision)
    if choice.revision is None and found.effective > today:
        message = (
            f"--on: {found.version} is in force from {found.effective} only; "
            f"--revision {found.revisions[0]} pushes it all the same"
        )
        raise InputError(message)
    return (found,)
