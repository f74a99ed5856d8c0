"""What one request can see: the published resources, and those that it brought along."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from defib_coverage.terminology.artifacts import Library
from defib_coverage.terminology.operations.errors import not_found, quoted, refusal
from defib_coverage.terminology.operations.known_systems import KnownSystem, known_from
from defib_coverage.terminology.operations.pins import pins_of, split
from defib_coverage.terminology.resources import CodeSystem, ConceptMap, ValueSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.operations.code_system_index import CodeSystemIndex
    from defib_coverage.terminology.operations.given import Given
    from defib_coverage.terminology.operations.shelf import Prepared, Shelf

A = TypeVar("A", ValueSet, CodeSystem, ConceptMap)
MOST_BROUGHT = 100
"""How many resources may come along with a request."""
_PARTS = re.compile(r"(\d{1,18})")
_ENGLISH = re.compile(r"(?:^|[\s,])(?:en(?:-[a-z0-9]+)*|\*)(?=$|[\s,;])", re.IGNORECASE)


class Scope:
    """The resources that a request sees, and its day.

    ``day`` is the one asked for, today by default; ``dated`` tells whether it was asked for.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        shelf: Shelf,
        index: CodeSystemIndex,
        given: Given,
        today: date,
    ) -> None:
        """See what is published and what came with the request.

        Raises:
            TerminologyError: 400 for resources without a url, pins that contradict each other;
                422 for a language that is not offered, an unknown manifest, a day before the first
                that is known, more resources than are looked at.
        """
        self.shelf = shelf
        self.index = index
        self.given = given
        self.today = today
        asked = given.day("date")
        self.dated = asked is not None
        self.day = today if asked is None else asked
        first = catalogue.releases.all[0].effective
        if self.day < first:
            text = f"nothing is known of days before {first}; {catalogue.releases.periods}"
            raise not_found(text, place="date")
        self._check_language()
        brought = len(given.values.get("tx-resource", ()))
        if brought > MOST_BROUGHT:
            text = f"{brought} resources came along, and {MOST_BROUGHT} are looked at"
            raise refusal(422, "too-costly", text, place="tx-resource")
        self._value_sets: defaultdict[str, list[ValueSet]] = defaultdict(list)
        for url, value_set in _by_url(given.every("tx-resource", ValueSet)):
            self._value_sets[url].append(value_set)
        self.maps = tuple(one for _, one in _by_url(given.every("tx-resource", ConceptMap)))
        self._systems: defaultdict[str, list[KnownSystem]] = defaultdict(list)
        for url, system in _by_url(given.every("tx-resource", CodeSystem)):
            self._systems[url].append(known_from(system, brought=True))
        self.system_pins = pins_of(given, "system", understood=self.understood)
        self.set_pins = pins_of(given, "valueset", self._manifest(catalogue))

    def _check_language(self) -> None:
        language = self.given.text("displayLanguage")
        if language is not None and _ENGLISH.search(language) is None:
            text = f"displays are in English (en) only, not in {quoted(language)}"
            raise refusal(422, "not-supported", text, place="displayLanguage")

    def _manifest(self, catalogue: Catalogue) -> Iterable[str]:
        """The versions of value sets that a manifest brings."""
        canonical = self.given.text("manifest")
        if canonical is None:
            return ()
        url, version = split(canonical)
        release = catalogue.releases.on(self.day)
        if release is not None and version is None:
            version = release.version
        elif release is not None and self.dated and version != release.version:
            text = f"the manifest {quoted(canonical)} is not the one of {self.day}"
            raise refusal(400, "invalid", f"{text}: that is {release.version}", place="manifest")
        for one in catalogue.resources:
            if isinstance(one, Library) and (one.url, one.version) == (url, version):
                return [part.resource for part in one.related_artifact if part.resource is not None]
        text = f"the manifest {quoted(canonical)} is not known; {catalogue.releases.periods}"
        raise not_found(text, place="manifest")

    def system(self, uri: str, version: str | None = None) -> KnownSystem | None:
        """A code system by any of its uris; None for an unknown one.

        Args:
            uri: what a client or a value set calls it.
            version: which one, where the request brought several.
        """
        held = self._systems.get(uri, ())
        exact = next((one for one in held if version is not None and one.version == version), None)
        if exact is not None:
            return exact
        published = self.index.find(self.understood(uri))
        if held and (version is None or published is None):
            return max(held, key=lambda one: natural(one.version))
        return published

    def understood(self, uri: str) -> str:
        """The uri under which a code system is known, whatever spelling it is asked with."""
        return uri if self.is_brought(uri) else self.index.understood(uri)

    def is_brought(self, uri: str) -> bool:
        """Whether the request brought a code system of its own under a uri."""
        return uri in self._systems

    def has_release(self, system: KnownSystem, version: str) -> bool:
        """Whether a version of a code system is known."""
        if system.brought:
            return any(one.version == version for one in self._systems.get(system.url, ()))
        return self.index.has_release(system, version, self.today)

    def release(self, system: KnownSystem) -> str | None:
        """The release of a code system on the day; None where none is named."""
        return self.index.release_on(system, self.day)

    def notice(self, uri: str) -> str | None:
        """What the owner of a code system wants to be told on the day; None for nothing."""
        return self.index.notice_on(uri, self.day)

    def releases(self, system: KnownSystem) -> tuple[str, ...]:
        """The versions of a code system that are known."""
        if system.brought:
            held = self._systems.get(system.url, ())
            return tuple(one.version for one in held if one.version)
        return self.index.releases(system, self.today)

    def value_set(self, canonical: str, place: str = "url") -> Prepared | ValueSet:
        """A value set: one that came with the request before a published one.

        Args:
            canonical: its url, with or without a version.
            place: the parameter or element that names it.

        Raises:
            TerminologyError: 422 for an unknown one, and for an unknown version of a known one.
        """
        url, asked = split(canonical)
        version = self.set_pins.settle(url, asked)
        brought = self._value_sets.get(url, ())
        matching = [one for one in brought if version is None or one.version == version]
        found: Prepared | ValueSet | None
        if matching:
            found = max(matching, key=lambda one: natural(one.version))
            used = found.version
        else:
            found = self.shelf.choose(url, version, self.day)
            used = None if found is None else found.published.version
        if found is None:
            known = f"; it came in version {brought[0].version}" if brought else ""
            text = f"the value set {quoted(canonical)} is not known{known}"
            raise not_found(text, place=place)
        self.set_pins.check(url, used)
        return found


def natural(version: str | None) -> list[tuple[int, str]]:
    """What versions are ordered by: their numbers as numbers."""
    parts = _PARTS.split(version or "")
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in parts]


def _by_url(resources: Sequence[A]) -> Iterator[tuple[str, A]]:
    """Resources that can be referred to, each with its url."""
    for one in resources:
        if not one.url:
            text = f"the {type(one).__name__} has no url: nothing can refer to it"
            raise refusal(400, "required", text, place="tx-resource")
        yield one.url, one
