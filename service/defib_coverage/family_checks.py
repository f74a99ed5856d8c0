"""The lists of code families against the value sets: nothing missing, nothing left over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.errors import Fault
from defib_coverage.families import FOLDER, RELEASES, REMEDY, SYSTEMS, fiscal_end, fiscal_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defib_coverage.coverage.codes import CodeEntry, ValueSet
    from defib_coverage.families import Families, Lifetime


def family_faults(families: Families, value_sets: Sequence[ValueSet]) -> Iterator[Fault]:
    """What the lists say that the product's own value sets do not, and the other way round.

    Args:
        families: the lists as loaded.
        value_sets: the value sets as shipped, without a site's codes.
    """
    needed: dict[str, set[str]] = {system: set() for system in SYSTEMS}
    for value_set in value_sets:
        yield from _pattern_faults(families, value_set, needed)
        yield from _entry_faults(families, value_set, needed)
    for system, titles in families.titles.items():
        for code in titles.keys() - needed[system]:
            reason = "no pattern matches the code and no value set lists it without a title"
            yield Fault(f"{FOLDER}/{system}.csv", code, reason, REMEDY)
    known = {(e.system, e.code) for value_set in value_sets for e in value_set.codes}
    for lifetime in families.lifetimes:
        if lifetime.last is not None and families.title(lifetime.system, lifetime.code):
            reason = "ended before the release whose codes are listed"
            yield Fault(f"{FOLDER}/{lifetime.system}.csv", lifetime.code, reason, REMEDY)
        elif (lifetime.system, lifetime.code) not in known and (
            lifetime.code not in needed[lifetime.system]
        ):
            key = f"lifetimes {lifetime.code}"
            yield Fault(RELEASES, key, "the code is in no value set", "Remove it")


def _pattern_faults(
    families: Families,
    value_set: ValueSet,
    needed: Mapping[str, set[str]],
) -> Iterator[Fault]:
    """Patterns without codes; what patterns match is added to ``needed``."""
    file = f"valuesets/{value_set.id}.toml"
    for number, rule in enumerate(value_set.patterns):
        key = f"patterns[{number}]"
        if rule.system not in SYSTEMS:
            reason = f"{rule.system} has no list of codes: the family cannot be published"
            yield Fault(file, key, reason, "List the codes")
            continue
        members = families.members(rule)
        needed[rule.system].update(members)
        if not members:
            reason = f"{rule.pattern!r} matches no code of {FOLDER}/{rule.system}.csv"
            yield Fault(file, key, reason, f"Mend the pattern; {REMEDY}")


def _entry_faults(
    families: Families,
    value_set: ValueSet,
    needed: Mapping[str, set[str]],
) -> Iterator[Fault]:
    """Codes without a title, with another one, or in force in a year that does not have them."""
    lifetimes = {(one.system, one.code): one for one in families.lifetimes}
    for number, entry in enumerate(value_set.codes):
        if entry.system not in SYSTEMS:
            continue
        where = (f"valuesets/{value_set.id}.toml", f"codes[{number}] {entry.code}")
        title = families.title(entry.system, entry.code)
        if entry.display is None:
            needed[entry.system].add(entry.code)
            if title is None:
                yield Fault(*where, f"has no title in {FOLDER}/{entry.system}.csv", REMEDY)
        elif title not in {None, entry.display}:
            yield Fault(*where, f"the release's title is {title!r}", "Write it as published")
        lifetime = lifetimes.get((entry.system, entry.code))
        if lifetime is not None and value_set.role != "evidence":
            for reason, remedy in _outlived(entry, lifetime):
                yield Fault(*where, reason, remedy)


def _outlived(entry: CodeEntry, lifetime: Lifetime) -> Iterator[tuple[str, str]]:
    """Days on which a code is in force though no release of those days has it."""
    first, last = lifetime.first, lifetime.last
    if first is not None and (entry.start is None or entry.start < fiscal_start(first)):
        yield f"is in force before its first fiscal year, {first}", "Mend 'from'"
    if last is not None and (entry.until is None or entry.until > fiscal_end(last)):
        yield f"is in force after its last fiscal year, {last}", "Mend 'until'"
