"""The published value sets, ready to be asked: by url, by version, by day, code by code."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.operations.errors import not_found, quoted
from defib_coverage.terminology.releases import Release
from defib_coverage.terminology.resources import Contains, ValueSet
from defib_coverage.terminology.sets import PublishedSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from defib_coverage.terminology.catalogue import Catalogue

Key = tuple[str, str]
"""The uri of a code system, and a code."""


class Prepared(msgspec.Struct, frozen=True):
    """A published set with its members by system and code."""

    published: PublishedSet
    value_set: ValueSet
    members: dict[Key, Contains]

    @property
    def release(self) -> Release:
        """The release that it belongs to."""
        return self.published.release


class Shelf:
    """Every published value set in every version."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Prepare the value sets of a catalogue."""
        self.releases = catalogue.releases
        resources = {r.id: r for r in catalogue.resources if isinstance(r, ValueSet)}
        by_url: defaultdict[str, list[Prepared]] = defaultdict(list)
        for release in reversed(catalogue.releases.all):
            for published in catalogue.sets[release.version]:
                value_set = resources[published.resource_id]
                contained = () if value_set.expansion is None else value_set.expansion.contains
                members = {(c.system or "", c.code or ""): c for c in contained}
                by_url[published.url].append(Prepared(published, value_set, members))
        self.by_url: Mapping[str, Sequence[Prepared]] = by_url
        """All versions by url, the newest first."""
        self.by_id: Mapping[str, Prepared] = {
            one.published.resource_id: one for versions in by_url.values() for one in versions
        }
        self._by_version = {
            (url, one.published.version): one
            for url, versions in by_url.items()
            for one in versions
        }

    def versioned(self, url: str, version: str) -> Prepared | None:
        """One version of a value set; None where there is none."""
        return self._by_version.get((url, version))

    def on(self, url: str, day: date) -> Prepared | None:
        """The version in force on a day; None where there is none."""
        return next((one for one in self.by_url.get(url, ()) if one.release.covers(day)), None)

    def choose(self, url: str, version: str | None, day: date) -> Prepared | None:
        """The version asked for, or else that in force on a day.

        Args:
            url: of a value set; None is answered for one that is not published here.
            version: exactly this one, whatever its days; None for that of the day.
            day: the day.

        Raises:
            TerminologyError: 422 for a version or a day without one; it names those that are.
        """
        held = self.by_url.get(url)
        if held is None:
            return None
        if version is None:
            found = self.on(url, day)
            wanted = f"in force on {day}"
        else:
            found = self.versioned(url, version)
            wanted = quoted(version)
        if found is None:
            periods = "; ".join(
                f"{one.published.version} ({one.release.title})" for one in reversed(held)
            )
            text = f"{url} has no version {wanted}; it has {periods}"
            raise not_found(text, place="url")
        return found
