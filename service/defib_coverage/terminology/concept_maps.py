"""Mappings as FHIR ConceptMaps: retired codes, what a record suggests, indications and codes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from defib_coverage.fhir.systems import published_uri
from defib_coverage.terminology.describing import CRMI, artifact_extensions, describe, identified
from defib_coverage.terminology.elements import Meta
from defib_coverage.terminology.resources import ConceptMap, MapElement, MapGroup, MapTarget
from defib_coverage.terminology.systems import FACTS, OWN_INDICATION, OWN_VERSIONS, release_of
from defib_coverage.terminology.value_sets import notices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defib_coverage.coverage.codes import CodeEntry, ValueSet
    from defib_coverage.terminology.releases import Release

CLAIM = "icd10cm"
RETIRED, SUGGESTED, INDICATIONS = (
    "retired-to-successors",
    "evidence-to-claim-codes",
    "indications-to-claim-codes",
)


class Mapper:
    """Makes the maps of releases."""

    def __init__(self, value_sets: Sequence[ValueSet], base: str) -> None:
        """Map the codes of these value sets under a canonical base."""
        self._value_sets = value_sets
        self._base = base
        self._by_id = {value_set.id: value_set for value_set in value_sets}
        self._claim_codes: defaultdict[str, list[CodeEntry]] = defaultdict(list)
        for value_set in value_sets:
            if value_set.role == "coverage":
                for entry in value_set.codes:
                    self._claim_codes[entry.code].append(entry)

    def maps(self, release: Release) -> Iterator[ConceptMap]:
        """The maps of a release; those that would map nothing are left out."""
        made = (self._retired(release), self._suggested(release), self._indications(release))
        yield from (one for one in made if one.group)

    def _map(
        self, name: str, title: str, description: str, release: Release, groups: list[MapGroup]
    ) -> ConceptMap:
        systems = [
            system
            for system in FACTS
            if any(published_uri(system, self._base) in (g.source, g.target) for g in groups)
        ]
        url = f"{self._base}/ConceptMap/{name}"
        return ConceptMap(
            id=f"{name}-{release.version}",
            meta=Meta(
                profile=tuple(
                    f"{CRMI}/crmi-{kind}conceptmap" for kind in ("shareable", "publishable")
                )
            ),
            extension=artifact_extensions(release),
            # One and no list, unlike everywhere else.
            identifier=identified(url, release.version),
            **describe(url, release, title, name),
            description=f"{description} {release.title}.",
            copyright=notices(systems, release.effective),
            group=tuple(groups),
        )

    def _retired(self, release: Release) -> ConceptMap:
        """Codes that left the article's lists before the release ended, and what replaced them."""
        groups: defaultdict[tuple[str, str | None], dict[str, MapElement]] = defaultdict(dict)
        for value_set in self._value_sets:
            for entry in value_set.codes:
                if entry.until is None or entry.until >= release.effective or not entry.successors:
                    continue
                elements = groups[entry.system, FACTS[entry.system].release_on(entry.until)]
                elements[entry.code] = MapElement(
                    entry.code,
                    display=entry.display,
                    target=tuple(
                        MapTarget(
                            "narrower",
                            code=code,
                            display=self._title(code),
                            comment=f"{entry.code} could be reported through {entry.until}",
                        )
                        for code in entry.successors
                    ),
                )
        made = [
            MapGroup(
                source=published_uri(system, self._base),
                source_version=version,
                target=published_uri(system, self._base),
                target_version=FACTS[system].release_on(release.effective),
                element=tuple(elements.values()),
            )
            for (system, version), elements in groups.items()
        ]
        title = "Retired codes and their successors"
        description = "Codes that left the article's lists, each with what replaced it."
        return self._map(RETIRED, title, description, release, made)

    def _suggested(self, release: Release) -> ConceptMap:
        """Records of a chart, and the claim codes that say the same."""
        groups: defaultdict[str, dict[str, MapElement]] = defaultdict(dict)
        for value_set in self._value_sets:
            for entry in value_set.codes:
                codes = [code for code in entry.suggest if self._in_force(code, release)]
                if not codes:
                    continue
                elements = groups[entry.system]
                before = elements.get(entry.code, MapElement(entry.code))
                known = {target.code for target in before.target}
                added = tuple(
                    MapTarget(
                        "relatedto",
                        code=code,
                        display=self._title(code),
                        comment="a suggestion: whoever treats the patient chooses the code",
                    )
                    for code in codes
                    if code not in known
                )
                elements[entry.code] = MapElement(
                    entry.code, display=entry.display, target=(*before.target, *added)
                )
        made = [
            MapGroup(
                source=published_uri(system, self._base),
                source_version=release_of(system, release.effective),
                target=published_uri(CLAIM, self._base),
                target_version=FACTS[CLAIM].release_on(release.effective),
                element=tuple(elements.values()),
            )
            for system, elements in groups.items()
        ]
        title = "Chart records and the claim codes that they support"
        description = "What a record of the chart says, as the ICD-10-CM code that a claim takes."
        return self._map(SUGGESTED, title, description, release, made)

    def _indications(self, release: Release) -> ConceptMap:
        """Indications, and the codes that claim them."""
        elements = []
        for name, indication in release.policy.indications.items():
            targets = tuple(self._claimed(release, indication.all_of))
            if targets:
                elements.append(MapElement(name, display=indication.label, target=targets))
        groups = [
            MapGroup(
                source=published_uri(OWN_INDICATION, self._base),
                source_version=OWN_VERSIONS[OWN_INDICATION],
                target=published_uri(CLAIM, self._base),
                target_version=FACTS[CLAIM].release_on(release.effective),
                element=tuple(elements),
            )
        ]
        title = "Indications and their claim codes"
        description = "The codes that claim an indication, and the companions that they need."
        return self._map(INDICATIONS, title, description, release, groups)

    def _claimed(self, release: Release, criteria: Sequence[str]) -> Iterator[MapTarget]:
        """The claim codes of the criteria: those that stand first, then those that go beside."""
        policy = release.policy
        day = release.effective
        for name, diagnosis in policy.diagnoses():
            if name in criteria:
                for entry in self._by_id[diagnosis.claim].codes:
                    if entry.in_force(day):
                        yield MapTarget("narrower", entry.code, entry.display, "primary")
        for name, pairing in policy.pairings():
            if name in criteria:
                primaries = self._by_id[pairing.primaries].codes
                beside = ", ".join(e.code for e in primaries if e.in_force(day))
                for entry in self._by_id[pairing.partners].codes:
                    if entry.in_force(day):
                        comment = f"required secondary: one of these beside {beside}"
                        yield MapTarget("relatedto", entry.code, entry.display, comment)

    def _in_force(self, code: str, release: Release) -> bool:
        """Whether a claim may carry a code; codes of no dated list always may."""
        entries = self._claim_codes.get(code, [])
        return not entries or any(entry.in_force(release.effective) for entry in entries)

    def _title(self, code: str) -> str | None:
        found = (
            e.display
            for vs in self._value_sets
            for e in vs.codes
            if (e.system, e.code) == (CLAIM, code) and e.display is not None
        )
        return next(found, None)
