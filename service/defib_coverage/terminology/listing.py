"""Every value set over all releases, one line a code: what tables and pages for people show."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.policy import value_sets_of
from defib_coverage.terminology.releases import Release
from defib_coverage.terminology.sets import Role
from defib_coverage.terminology.systems import FACTS
from defib_coverage.terminology.value_sets import remarks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.sets import Member, PublishedSet


class ListedCode(msgspec.Struct, frozen=True):
    """A code of a value set.

    ``display`` is the official title, only where it may be shown; ``words`` are our own, ``""``
    where there are none.
    ``first`` and ``last`` are the service days between which it is in the set, both None for what
    a chart may show on any day; ``versions`` are the set's versions that hold it, ``editions`` the
    releases of its code system that these name. ``beside`` says what must stand with it on a claim,
    ``successors`` are what replaced it.
    """

    system: str
    uri: str
    code: str
    display: str
    words: str
    first: date | None
    last: date | None
    beside: str
    remarks: str
    versions: tuple[str, ...]
    editions: tuple[str, ...]
    successors: tuple[str, ...]

    @property
    def meaning(self) -> str:
        """The title where it may be shown, else our own words, else the code."""
        return self.display or self.words or self.code


class ListedSet(msgspec.Struct, frozen=True):
    """A value set: what it is for, the paragraph behind it, its versions, its codes.

    ``indications`` are those whose criteria read it, or those that may cover the orders of
    ``order_class``, which is ``""`` for what is no order.
    """

    id: str
    url: str
    title: str
    role: Role
    licensed: bool
    purpose: str
    indications: tuple[str, ...]
    order_class: str
    cite: str
    paragraph: str
    versions: tuple[str, ...]
    codes: tuple[ListedCode, ...]


class Change(msgspec.Struct, frozen=True):
    """A code that came into a set with a release, or left it; ``before`` is the version before."""

    before: str
    release: Release
    value_set: str
    came: bool
    code: ListedCode


class Listing(msgspec.Struct, frozen=True):
    """Everything to show: releases and sets, what changed between releases, owners' notices."""

    base: str
    releases: tuple[Release, ...]
    sets: tuple[ListedSet, ...]
    changes: tuple[Change, ...]
    notices: tuple[str, ...]


def listing_of(catalogue: Catalogue, *, licensed: bool) -> Listing:
    """List what is published.

    Args:
        catalogue: everything.
        licensed: also the value sets of CPT codes.
    """
    releases = tuple(catalogue.releases.all)
    versions: defaultdict[str, list[PublishedSet]] = defaultdict(list)
    for release in releases:
        for one in catalogue.sets[release.version]:
            if licensed or not one.licensed:
                versions[one.id].append(one)
    indications = _indications(releases[-1].policy)
    companions = {
        release.version: _companions(release.policy, catalogue.sets[release.version])
        for release in releases
    }
    listed = tuple(_listed(found, indications, companions) for found in versions.values())
    return Listing(
        base=catalogue.base,
        releases=releases,
        sets=listed,
        changes=tuple(_changes(releases, listed)),
        notices=tuple(_notices(releases, listed)),
    )


def _listed(
    found: Sequence[PublishedSet],
    indications: Mapping[str, list[str]],
    companions: Mapping[str, Mapping[str, str]],
) -> ListedSet:
    """A value set in all of its versions."""
    latest = found[-1]
    source = latest.source
    holders: defaultdict[tuple[str, str], list[tuple[Release, Member]]] = defaultdict(list)
    for one in found:
        for member in one.members:
            holders[member.uri, member.code].append((one.release, member))
    return ListedSet(
        id=latest.id,
        url=latest.url,
        title=f"{source.title}, CPT" if latest.licensed else source.title,
        role=latest.role,
        licensed=latest.licensed,
        purpose=source.purpose,
        indications=(
            tuple(indications.get(source.id, ()))
            if source.order_class is None
            # Some criteria read order codes too: a device in place shows by its implantation.
            else latest.release.policy.orders[source.order_class].indications
        ),
        order_class=source.order_class or "",
        cite=source.cite,
        paragraph=latest.release.policy.paragraphs[source.cite],
        versions=tuple(one.version for one in found),
        codes=tuple(
            _code(
                held,
                companions[held[-1][0].version].get(source.id, ""),
                always=latest.role == "evidence" and len(held) == len(companions),
            )
            for held in holders.values()
        ),
    )


def _code(held: Sequence[tuple[Release, Member]], beside: str, *, always: bool) -> ListedCode:
    """A code with all releases in which a set holds it; ``always`` that it counts on any day."""
    release, member = held[-1]
    told = list(remarks(member))
    if member.entry.modality is not None:
        told.append(f"modality: {member.entry.modality}")
    if member.entry.nyha is not None:
        told.append(f"NYHA class {member.entry.nyha}")
    if member.inactive:
        told.append("stands in charts and is no longer assigned")
    return ListedCode(
        system=FACTS[member.system].title if member.system in FACTS else member.system,
        uri=member.uri,
        code=member.code,
        display=member.display or "",
        words=member.words or "",
        first=None if always else held[0][0].effective,
        last=release.until,
        beside=beside,
        remarks="; ".join(told),
        versions=tuple(holder.version for holder, _ in held),
        editions=tuple(dict.fromkeys(one.version for _, one in held if one.version is not None)),
        successors=member.entry.successors,
    )


def _indications(policy: PolicyVersion) -> Mapping[str, list[str]]:
    """The indications whose criteria read a value set, by its id."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, indication in policy.indications.items():
        always = {
            c for rule in policy.orders.values() if name in rule.indications for c in rule.always
        }
        criteria = dict.fromkeys((*indication.all_of, *sorted(always)))
        for set_id in {s for c in criteria for s in value_sets_of(policy.criteria[c], policy)}:
            found[set_id].append(name)
    return found


def _companions(policy: PolicyVersion, sets: Sequence[PublishedSet]) -> Mapping[str, str]:
    """What must stand on a claim beside the codes of a value set, by its id."""
    codes = {one.source.id: ", ".join(m.code for m in one.members) for one in sets}
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for _, pairing in policy.pairings():
        pair = (pairing.primaries, pairing.partners)
        found[pair[0]][f"needs one of {pair[1]}: {codes[pair[1]]}"] = None
        found[pair[1]][f"stands beside {pair[0]}: {codes[pair[0]]}"] = None
    return {set_id: "; ".join(told) for set_id, told in found.items()}


def _changes(releases: Sequence[Release], sets: Sequence[ListedSet]) -> Iterator[Change]:
    """What came and left with each release but the first."""
    for before, after in pairwise(releases):
        for one in sets:
            for code in one.codes:
                was, is_in = (release.version in code.versions for release in (before, after))
                if was != is_in:
                    yield Change(before.version, after, one.id, is_in, code)


def _notices(releases: Sequence[Release], sets: Sequence[ListedSet]) -> Iterator[str]:
    """What owners want to be told, for the years of all releases."""
    used = {code.system for one in sets for code in one.codes}
    first, last = releases[0].effective, releases[-1].effective
    for facts in FACTS.values():
        notice = facts.notice_on(last, since=first)
        if facts.title in used and notice is not None:
            yield notice
