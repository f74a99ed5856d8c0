"""All published resources of all releases: made once, found by id, by url, by url and version."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from typing import TYPE_CHECKING

from defib_coverage.terminology.code_systems import code_systems
from defib_coverage.terminology.concept_maps import Mapper
from defib_coverage.terminology.manifest import FREE_MANIFEST, MANIFEST, manifest_of
from defib_coverage.terminology.plan import Planner
from defib_coverage.terminology.releases import Releases
from defib_coverage.terminology.resources import ValueSet
from defib_coverage.terminology.sets import Publisher
from defib_coverage.terminology.value_sets import value_set_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.families import Families
    from defib_coverage.terminology.elements import Artifact
    from defib_coverage.terminology.releases import Release
    from defib_coverage.terminology.sets import PublishedSet


class Catalogue:
    """Every published resource.

    ``resources`` are all of them, by release from the newest, code systems first within one. A code
    system has a version of its own and stands in every release; ``own`` are all of those.
    ``families`` say which releases of code systems have a code.
    """

    def __init__(self, knowledge: Knowledge, families: Families, base: str) -> None:
        """Make everything that is published.

        Args:
            knowledge: policy versions, value sets, wording.
            families: official titles, and what families of codes stand for.
            base: the canonical base, without a slash at its end.
        """
        self.base = base
        self.families = families
        self.releases = Releases(knowledge.library.versions)
        value_sets = tuple(knowledge.index.value_sets.values())
        mapper = Mapper(value_sets, base)
        self.own = tuple(code_systems(knowledge.wording, value_sets, self.releases.latest, base))
        by_release: defaultdict[str, list[PublishedSet]] = defaultdict(list)
        for one in Publisher(self.releases, families, base).publish(value_sets):
            by_release[one.version].append(one)
        self.sets: Mapping[str, tuple[PublishedSet, ...]] = {
            version: tuple(sets) for version, sets in by_release.items()
        }
        self.licensed = True
        self._of: dict[tuple[str, bool], tuple[Artifact, ...]] = {}
        for release in self.releases.all:
            published = self.sets[release.version]
            found = tuple(value_set_of(one, base) for one in published)
            plan = Planner(release, published, knowledge.index, base).plan()
            parts: tuple[Artifact, ...] = (*self.own, *found, *mapper.maps(release), plan)
            free = tuple(part for part in parts if not names_cpt(part))
            for name, licensed, held in ((MANIFEST, True, parts), (FREE_MANIFEST, False, free)):
                manifest = manifest_of(name, release, held, base)
                self._of[release.version, licensed] = (*held, manifest)

    def of(self, release: Release) -> tuple[Artifact, ...]:
        """The resources of a release, one version for each url, its manifest last."""
        return self._of[release.version, self.licensed]

    @property
    def resources(self) -> Sequence[Artifact]:
        """Everything once, the newest release first."""
        found = {
            (type(one), one.id): one
            for release in reversed(self.releases.all)
            for one in self.of(release)
        }
        return tuple(found.values())

    def free(self) -> Catalogue:
        """The same without the value sets that hold CPT codes, with the manifests of the others.

        The plan names them all the same: it states the policy.
        """
        found = copy(self)
        found.licensed = False
        found.sets = {
            version: tuple(one for one in sets if not one.licensed)
            for version, sets in self.sets.items()
        }
        return found


def names_cpt(resource: Artifact) -> bool:
    """Whether a resource holds CPT codes."""
    return isinstance(resource, ValueSet) and (resource.copyright or "").startswith("CPT")
