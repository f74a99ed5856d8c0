"""What is known of code systems: our own completely, the foreign ones by the codes we publish."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.codes import normalise
from defib_coverage.fhir.systems import alias_of, published_uri
from defib_coverage.terminology.operations.known_systems import KnownCode, KnownSystem, known_from
from defib_coverage.terminology.resources import CodeSystem
from defib_coverage.terminology.systems import FACTS
from defib_coverage.terminology.value_sets import designations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.sets import Member

_PLAIN = re.compile(r"[0-9A-Z.-]{1,16}")
_YEARLY = frozenset({"fiscal-year", "calendar-year"})
# URIs that others write for the systems we use, beside those that charts hold.
_WRONG = {
    "http://terminology.hl7.org/CodeSystem/icd10CM": "icd10cm",
    "http://terminology.hl7.org/CodeSystem/icd10PCS": "icd10pcs",
    "http://www.nlm.nih.gov/research/umls/hcpcs": "hcpcs",
    "http://terminology.hl7.org/CodeSystem/HCPCS-all-codes": "hcpcs",
    # The edition, which is its version.
    "http://snomed.info/sct/731000124108": "snomed",
}


class HeldSystem(msgspec.Struct, frozen=True):
    """A code system as clients are told of it: its versions, the newest first, and today's."""

    uri: str
    complete: bool
    versions: tuple[str, ...]
    current: str | None


class CodeSystemIndex:
    """The code systems that a catalogue uses, by their uris."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Collect the codes of every published set, and our own code systems."""
        self._base = catalogue.base
        self._facts = {published_uri(alias, self._base): facts for alias, facts in FACTS.items()}
        self._lifetimes = {(one.system, one.code): one for one in catalogue.families.lifetimes}
        self._first = catalogue.releases.all[0].effective
        own = {
            resource.url: known_from(resource, brought=False)
            for resource in catalogue.resources
            if isinstance(resource, CodeSystem) and resource.url is not None
        }
        self.systems: Mapping[str, KnownSystem] = {
            **own,
            **{known.url: known for known in self._foreign(catalogue)},
        }

    def _foreign(self, catalogue: Catalogue) -> Iterator[KnownSystem]:
        members: defaultdict[str, dict[str, list[Member]]] = defaultdict(dict)
        for release in catalogue.releases.all:
            for published in catalogue.sets[release.version]:
                for member in published.members:
                    members[member.system].setdefault(member.code, []).append(member)
        for alias, facts in FACTS.items():
            if alias not in members:
                continue
            yield KnownSystem(
                url=published_uri(alias, self._base),
                title=facts.title,
                version=None if facts.rhythm in _YEARLY else facts.release,
                codes={code: self._known(alias, held) for code, held in members[alias].items()},
                complete=False,
                alias=alias,
            )

    def _known(self, alias: str, members: Sequence[Member]) -> KnownCode:
        """A code by what every set says of it.

        The days on which the article lists it say nothing of the releases that have it.
        """
        lifetime = self._lifetimes.get((alias, members[0].code))
        names = next((found for m in members if (found := designations(m, self._base))), ())
        return KnownCode(
            code=members[0].code,
            display=next((m.display for m in members if m.display is not None), None),
            designation=names,
            first=None if lifetime is None else lifetime.first,
            last=None if lifetime is None else lifetime.last,
            successors=next((m.entry.successors for m in members if m.entry.successors), ()),
        )

    def held(self, today: date) -> Iterator[HeldSystem]:
        """Every code system, with the releases that can be asked for."""
        for system in self.systems.values():
            yield HeldSystem(
                uri=system.url,
                complete=system.complete,
                versions=tuple(reversed(self.releases(system, today))),
                current=self.release_on(system, today),
            )

    def understood(self, uri: str) -> str:
        """The uri under which a code system is published, whatever spelling it is asked with."""
        if uri in self.systems:
            return uri
        alias = _WRONG.get(uri) or alias_of(uri)
        return uri if alias is None else published_uri(alias, self._base)

    def is_stranger(self, uri: str, code: str) -> bool:
        """Whether a code, rightly spelt, is none that is known of a system that we hold a part of.

        Args:
            uri: of the system, as it is published.
            code: any text.
        """
        system = self.systems.get(uri)
        return (
            system is not None
            and not system.complete
            and system.alias is not None
            and code not in system.codes
            and _PLAIN.fullmatch(code) is not None
            and normalise(system.alias, code) == code
        )

    def has_ended(self, uri: str, code: str) -> bool:
        """Whether releases of a code system lack a code that earlier ones have.

        Args:
            uri: of the system, in any spelling that is understood.
            code: any text.
        """
        system = self.systems.get(self.understood(uri))
        known = None if system is None else system.find(code)
        return known is not None and known.last is not None

    def find(self, uri: str) -> KnownSystem | None:
        """A code system by its published uri, None for one that no set uses."""
        return self.systems.get(uri)

    def release_on(self, system: KnownSystem, day: date) -> str | None:
        """The release of a code system that is in force on a day; None where none is named."""
        if system.alias is None:
            return system.version
        return FACTS[system.alias].release_on(day)

    def notice_on(self, uri: str, day: date) -> str | None:
        """What the owner of a code system wants to be told of its release on a day.

        Args:
            uri: of the system, in any spelling that is understood; also of one that is not known.
            day: the day.
        """
        facts = self._facts.get(self.understood(uri))
        return None if facts is None else facts.notice_on(day)

    def has_release(self, system: KnownSystem, version: str, today: date) -> bool:
        """Whether a version of a code system is one that is known here.

        Args:
            system: which.
            version: its version.
            today: the last day whose release is known.
        """
        if system.alias is None:
            return system.version is None or version == system.version
        facts = FACTS[system.alias]
        if facts.rhythm not in _YEARLY:
            release = facts.release
            # An edition is asked with its date, too.
            return release is not None and (version == release or version.startswith(f"{release}/"))
        return version in self.releases(system, today)

    def releases(self, system: KnownSystem, today: date) -> tuple[str, ...]:
        """The versions of a code system that are known here, the oldest first."""
        facts = None if system.alias is None else FACTS[system.alias]
        if facts is None or facts.rhythm not in _YEARLY:
            return () if system.version is None else (system.version,)
        years = (facts.release_on(self._first), facts.release_on(today))
        first, last = (int(year) for year in years if year is not None)
        return tuple(str(year) for year in range(first, last + 1))
