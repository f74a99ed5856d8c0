"""Each value set as of a release: its members, each with the release of its code system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage.codes import CodeEntry, CodePattern, ValueSet
from defib_coverage.fhir.systems import published_set, published_uri
from defib_coverage.terminology.releases import Release
from defib_coverage.terminology.systems import changes_yearly, release_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defib_coverage.families import Families
    from defib_coverage.terminology.releases import Releases

CPT = "cpt"
# What a value set is for: the article's own diagnoses alone or as companions, its order codes,
# what a chart may show.
Role = Literal["primary", "required-secondary", "order", "evidence"]


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

    def __init__(self, releases: Releases, families: Families, base: str) -> None:
        """Publish under a canonical base.

        Args:
            releases: the releases.
            families: official titles, and what a family of codes stands for.
            base: the canonical base, without a slash at its end.
        """
        self.releases = releases
        self.base = base
        self._families = families

    def publish(self, value_sets: Iterable[ValueSet]) -> Iterator[PublishedSet]:
        """Every value set in every release, by release, then in the order given."""
        sets = tuple(value_sets)
        partners = {
            pairing.partners
            for release in self.releases.all
            for _, pairing in release.policy.pairings()
        }
        for release in self.releases.all:
            for value_set in sets:
                role: Role = "evidence" if value_set.role == "evidence" else "primary"
                if value_set.role == "order":
                    role = "order"
                elif value_set.id in partners:
                    role = "required-secondary"
                members = tuple(self._members(value_set, release))
                yield from self._split(value_set, release, role, members)

    def _split(
        self, value_set: ValueSet, release: Release, role: Role, members: tuple[Member, ...]
    ) -> Iterator[PublishedSet]:
        """A set for the codes that may go anywhere, one for those of CPT; none without codes."""
        for licensed in (False, True):
            inside = tuple(m for m in members if (m.system == CPT) is licensed)
            if not inside:
                continue
            name = published_set(value_set.id, inside[0].system)
            yield PublishedSet(
                id=name,
                url=f"{self.base}/ValueSet/{name}",
                release=release,
                source=value_set,
                role=role,
                licensed=licensed,
                members=inside,
            )

    def _members(self, value_set: ValueSet, release: Release) -> Iterator[Member]:
        is_dated = value_set.role != "evidence"
        listed = set()
        for entry in value_set.codes:
            listed.add((entry.system, entry.code))
            if entry.in_force(release.effective):
                yield self._member(entry, release, dated=is_dated)
        for family in value_set.patterns:
            for entry in self._enumerated(family):
                if (entry.system, entry.code) not in listed:
                    listed.add((entry.system, entry.code))
                    yield self._member(entry, release, dated=False)

    def _enumerated(self, family: CodePattern) -> Iterator[CodeEntry]:
        """The codes that a family stands for."""
        for code in self._families.members(family):
            yield CodeEntry(
                system=family.system,
                code=code,
                label=family.label,
                strength=family.strength,
                modality=family.modality,
            )

    def _member(self, entry: CodeEntry, release: Release, *, dated: bool) -> Member:
        """A member, with the release of its system that is in force on the first day.

        A chart may hold codes of any year: where that release lacks a code of evidence, it is the
        nearest that has it. For systems whose releases are not at hand none is named.
        """
        system, code = entry.system, entry.code
        version = release_of(system, release.effective)
        is_ended = False
        if not dated and version is not None and changes_yearly(system):
            nearest = None
            if system in self._families.releases:
                nearest = self._families.release_of(system, code, version)
                is_ended = nearest < version
            version = nearest
        return Member(
            system=system,
            uri=published_uri(system, self.base),
            code=code,
            version=version,
            entry=entry,
            display=entry.display or self._families.title(system, code),
            words=None if system == CPT else entry.label,
            inactive=is_ended,
        )
