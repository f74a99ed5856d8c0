"""The published concept maps: by url, by version, by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.terminology.operations.errors import not_found, quoted
from defib_coverage.terminology.resources import ConceptMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from defib_coverage.terminology.catalogue import Catalogue


class Maps:
    """Every published map in every version."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take the maps of a catalogue."""
        self._releases = catalogue.releases
        self._all = tuple(one for one in catalogue.resources if isinstance(one, ConceptMap))
        self.by_id: Mapping[str, ConceptMap] = {one.id: one for one in self._all if one.id}

    def on(self, day: date) -> Sequence[ConceptMap]:
        """The maps in force on a day."""
        release = self._releases.on(day)
        version = None if release is None else release.version
        return [one for one in self._all if one.version == version]

    def choose(self, url: str, version: str | None, day: date) -> ConceptMap | None:
        """The version asked for, or else that in force on a day; None for an unknown url.

        Raises:
            TerminologyError: 422 for a version or a day without one.
        """
        held = [one for one in self._all if one.url == url]
        if not held:
            return None
        release = self._releases.on(day)
        wanted = version or (None if release is None else release.version)
        found = next((one for one in held if one.version == wanted), None)
        if found is None:
            asked = f"in force on {day}" if version is None else quoted(version)
            known = ", ".join(str(one.version) for one in held)
            text = f"{url} has no version {asked}; it has {known}"
            raise not_found(text, place="url")
        return found
