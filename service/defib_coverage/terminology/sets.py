"""Each value set as of a release: its members, each with the release of its code system."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage.codes import CodeEntry, CodePattern, ValueSet
from defib_coverage.terminology.releases import Release
from defib_coverage.terminology.systems import FACTS, OWN_VERSION, uri_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from defib_coverage.terminology.releases import Releases

CPT = "cpt"
CPT_SUFFIX = "-cpt"
# What a value set is for: the article's own diagnoses alone or as companions, its order codes,
# what a chart may show.
Role = Literal["primary", "required-secondary", "order", "evidence"]


class Tables(msgspec.Struct, frozen=True):
    """Official titles of public-domain codes, from the releases that were looked through.

    ``releases`` are those releases by system, ``titles`` the titles by system and code, ``retired``
    the last release of a code that they hold no longer.
    """

    releases: Mapping[str, str]
    titles: Mapping[tuple[str, str], str]
    retired: Mapping[tuple[str, str], str]


class Member(msgspec.Struct, frozen=True):
    """A code of a published value set.

    ``version`` is the release of its system, None where none is pinned. ``display`` is the official
    title, only where it may be shown; ``words`` are our own. ``inactive`` codes still stand in
    charts and cannot be used for what is recorded today.
    """

    system: str
    uri: str
    code: str
    version: str | None
    entry: CodeEntry
    display: str | None = None
    words: str | None = None
    inactive: bool = False


class PublishedSet(msgspec.Struct, frozen=True):
    """A value set as of a release; ``source`` is its file.

    The codes of CPT stand in a set of their own, ``licensed``.
    """

    id: str
    url: str
    release: Release
    source: ValueSet
    role: Role
    licensed: bool
    members: tuple[Member, ...]

    @property
    def version(self) -> str:
        """The business version."""
        return self.release.version

    @property
    def canonical(self) -> str:
        """Url and version."""
        return f"{self.url}|{self.release.version}"

    @property
    def resource_id(self) -> str:
        """The id of this one version."""
        return f"{self.id}-{self.release.version}"


class Publisher:
    """Makes published sets of the value sets."""

    def __init__(self, releases: Releases, tables: Tables, base: str) -> None:
        """Publish under a canonical base.

        Args:
            releases: the releases.
            tables: official titles, and what a family of codes stands for.
            base: the canonical base, without a slash at its end.
        """
        self.releases = releases
        self.base = base
        self._tables = tables

    def publish(self, value_sets: Iterable[ValueSet]) -> Iterator[PublishedSet]:
        """Every value set in every release, by release, then in the order given."""
        sets = tuple(value_sets)
        partners = {
            pairing.partners
            for release in self.releases.all
            for _, pairing in release.policy.pairings()
        }
        ended = {
            (entry.system, entry.code): entry.until
            for value_set in sets
            for entry in value_set.codes
            if entry.until is not None
        }
        for release in self.releases.all:
            for value_set in sets:
                role: Role = "evidence" if value_set.role == "evidence" else "primary"
                if value_set.role == "order":
                    role = "order"
                elif value_set.id in partners:
                    role = "required-secondary"
                members = tuple(self._members(value_set, release, ended))
                yield from self._split(value_set, release, role, members)

    def _split(
        self, value_set: ValueSet, release: Release, role: Role, members: tuple[Member, ...]
    ) -> Iterator[PublishedSet]:
        """A set for the codes that may go anywhere, one for those of CPT; none without codes."""
        for licensed in (False, True):
            inside = tuple(m for m in members if (m.system == CPT) is licensed)
            if not inside:
                continue
            name = value_set.id + (CPT_SUFFIX if licensed else "")
            yield PublishedSet(
                id=name,
                url=f"{self.base}/ValueSet/{name}",
                release=release,
                source=value_set,
                role=role,
                licensed=licensed,
                members=inside,
            )

    def _members(
        self, value_set: ValueSet, release: Release, ended: Mapping[tuple[str, str], date]
    ) -> Iterator[Member]:
        is_dated = value_set.role != "evidence"
        listed = set()
        for entry in value_set.codes:
            listed.add((entry.system, entry.code))
            if entry.in_force(release.effective):
                pinned = release.effective if is_dated else None
                yield self._member(entry, pinned, ended)
        for family in value_set.patterns:
            for entry in self._enumerated(family):
                if (entry.system, entry.code) not in listed:
                    listed.add((entry.system, entry.code))
                    yield self._member(entry, None, ended)

    def _enumerated(self, family: CodePattern) -> Iterator[CodeEntry]:
        """The codes that a family stands for."""
        pattern = re.compile(family.pattern)
        for system, code in self._tables.titles:
            if system == family.system and pattern.fullmatch(code):
                yield CodeEntry(
                    system=system,
                    code=code,
                    label=family.label,
                    strength=family.strength,
                    modality=family.modality,
                )

    def _member(
        self, entry: CodeEntry, pinned: date | None, ended: Mapping[tuple[str, str], date]
    ) -> Member:
        """A member; ``pinned`` is the day whose release its code system is taken in.

        Without one it is the release that was looked through: a chart may hold codes of any year.
        """
        key = (entry.system, entry.code)
        retired = self._tables.retired.get(key)
        last_day = ended.get(key)
        version: str | None
        facts = FACTS.get(entry.system)
        if facts is None:
            version = OWN_VERSION
        elif pinned is not None or facts.rhythm == "fixed":
            version = facts.release_on(pinned or date.max)
        elif retired is not None:
            version = retired
        elif last_day is not None:
            version = facts.release_on(last_day)
        else:
            version = self._tables.releases.get(entry.system)
        licensed = entry.system == CPT
        return Member(
            system=entry.system,
            uri=uri_of(entry.system, self.base),
            code=entry.code,
            version=version,
            entry=entry,
            display=entry.display or self._tables.titles.get(key),
            words=None if licensed else entry.label,
            inactive=pinned is None and (retired is not None or last_day is not None),
        )
