"""Codes that a coder may mean or need instead of a code, each with a word why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.policy import Diagnosis, ExistingDevice, Pairing
from defib_coverage.explaining.near_codes import same_beginning
from defib_coverage.fhir.systems import published_uri

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from defib_coverage.coverage.codes import CodeEntry, CodeIndex
    from defib_coverage.explaining.viewpoint import KnownCode, Viewpoint

_MOST = 12
# Of one kind, so that those of another kind find room.
_MOST_OF_A_KIND = 5


class SimilarCode(msgspec.Struct, frozen=True, rename="camel"):
    """A code that is named beside another, and why.

    ``display`` is the official title, only where it may be shown; ``words`` are our own; never both
    None.
    """

    system: str
    uri: str
    code: str
    display: str | None
    words: str | None
    why: str


class _Found(msgspec.Struct, frozen=True):
    """A code to be named: its entry, the set that it stands in, and why."""

    entry: CodeEntry
    value_set: str
    why: str


def similar_codes(known: KnownCode, view: Viewpoint) -> tuple[SimilarCode, ...]:
    """The codes most worth a look beside a code, at most a dozen, the nearest kind first.

    What replaced it or what it replaced; what people look up beside it; what says the same in
    another system; what is mistaken for it; what stands in the same value sets. Codes that are not
    in force on the day of the view are left out, but for those that it replaced.
    """
    kinds = (
        _replaced(known, view),
        _looked_up(known, view),
        _nearest(_same_elsewhere(known, view), known, view.day),
        _of_one_system(_nearest(_mistaken(known, view), known, view.day)),
        _nearest(_siblings(known, view.index), known, view.day),
    )
    chosen: dict[tuple[str, str], SimilarCode] = {}
    held_back: dict[tuple[str, str], SimilarCode] = {}
    for kind in kinds:
        taken = 0
        for found in kind:
            key = (found.entry.system, found.entry.code)
            if key in chosen or key == (known.system, known.code):
                continue
            entry = found.entry
            title, words = view.title(entry), entry.label
            if words is None and title is None:
                words = view.index.value_sets[found.value_set].title
            similar = SimilarCode(
                entry.system,
                published_uri(entry.system, view.base),
                entry.code,
                title,
                words,
                found.why,
            )
            if taken < _MOST_OF_A_KIND:
                chosen[key] = similar
                held_back.pop(key, None)
                taken += 1
            else:
                held_back.setdefault(key, similar)
    return tuple([*chosen.values(), *held_back.values()][:_MOST])


def _replaced(known: KnownCode, view: Viewpoint) -> Iterator[_Found]:
    successors = {c for match in known.matches for c in match.entry.successors}
    for name, entry in view.entries():
        if entry.system == "icd10cm" and entry.code in successors:
            yield _Found(entry, name, "replaced it")
    for name, entry in view.entries():
        if entry.system == known.system and known.code in entry.successors:
            yield _Found(entry, name, f"stood for it through {entry.until}")


def _looked_up(known: KnownCode, view: Viewpoint) -> Iterator[_Found]:
    """What the data names beside it, and what names it."""
    why = "often looked up beside it"
    systems = tuple(dict.fromkeys(entry.system for _, entry in view.entries()))
    for other in dict.fromkeys(c for match in known.matches for c in match.entry.see_also):
        for system in systems:
            for found in view.index.find(system, other)[:1]:
                yield _Found(found.entry, found.value_set, why)
    for name, entry in view.entries():
        if known.code in entry.see_also:
            yield _Found(entry, name, why)


def _same_elsewhere(known: KnownCode, view: Viewpoint) -> Iterator[_Found]:
    """The claim codes for what it documents, and what documents it in other systems."""
    suggested = {c for match in known.matches for c in match.entry.suggest}
    for name, entry in view.entries():
        if entry.system == "icd10cm" and entry.code in suggested:
            yield _Found(entry, name, "says on a claim what it documents")
        elif known.system == "icd10cm" and known.code in entry.suggest:
            yield _Found(entry, name, "documents the same in a chart")


def _mistaken(known: KnownCode, view: Viewpoint) -> Iterator[_Found]:
    """What looks like it and does not count; where it does not count itself, what does."""
    for criterion in view.version.criteria.values():
        match criterion:
            case Diagnosis():
                counting: tuple[str, ...] = (criterion.claim,)
            case Pairing():
                counting = (criterion.partners,)
            case ExistingDevice():
                counting = criterion.evidence
            case _:
                continue
        if known.held & set(counting):
            why = "close to its list and not on it"
            yield from _of_sets(criterion.near_miss, view.index, why)
        if known.held & set(criterion.near_miss):
            yield from _of_sets(counting, view.index, "on the list that leaves it out")


def _of_one_system(found: Sequence[_Found]) -> Iterator[_Found]:
    """Those of the nearest code's system: codes are mistaken for others of their own kind."""
    yield from (one for one in found if one.entry.system == found[0].entry.system)


def _siblings(known: KnownCode, index: CodeIndex) -> Iterator[_Found]:
    """What stands in the same sets; of an order code in those of orders only."""
    value_sets = [index.value_sets[match.value_set] for match in known.matches]
    orders = [value_set for value_set in value_sets if value_set.role == "order"]
    for value_set in orders or value_sets:
        title = value_set.title
        yield from _of_sets((value_set.id,), index, f"in the same value set ({title})")


def _of_sets(names: Iterable[str], index: CodeIndex, why: str) -> Iterator[_Found]:
    for name in names:
        for entry in index.value_sets[name].codes:
            yield _Found(entry, name, why)


def _nearest(found: Iterable[_Found], known: KnownCode, day: date) -> list[_Found]:
    """Those in force, of the same system first, then those that begin like the code."""
    in_force = [one for one in found if one.entry.in_force(day)]
    return sorted(
        in_force,
        key=lambda one: (
            one.entry.system != known.system,
            -same_beginning(known.code, one.entry.code),
        ),
    )
