"""What would make an order covered: the smallest sets of facts that a record could document.

They are found by trial with the rules themselves: every set that is offered was judged, and so was
the set without each of its facts, for every option of a fact. What is offered are facts if true,
never something to write down.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.determination import Status
from defib_coverage.whatif.changes import Change
from defib_coverage.whatif.obstacles import Obstacle, obstacles
from defib_coverage.whatif.paths import Path, paths
from defib_coverage.whatif.trial import Asked, Trials
from defib_coverage.whatif.wanted import Wanted, narrowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defib_coverage.coverage.determination import Determination

MOST_SETS = 7
# Facts of which some would do: every choice of them is tried.
_MOST_FREE = 6
_BETTER: dict[Status, tuple[Status, ...]] = {
    "covered": (),
    "conditional": ("covered",),
    "not-covered": ("covered", "conditional"),
    "not-applicable": (),
}


class Remedy(msgspec.Struct, frozen=True):
    """A smallest set of facts: with all of them the order has ``status``, with fewer it has not.

    ``met`` are the indications that are then met, ``rank`` and ``far`` (the exchange of a device
    of which there is no trace) are of the one which was sought.
    """

    facts: tuple[Wanted, ...]
    status: Status
    met: tuple[str, ...]
    rank: int
    far: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """The set as changes: of each fact the way that the chart bears out best."""
        return tuple(fact.options[0] for fact in self.facts)


class Remedies(msgspec.Struct, frozen=True):
    """The answer: sets, the best first, or what stands in the way.

    ``status`` is the order's status today, ``target`` the one that the sets reach (None where
    there are none). ``obstacles`` are what no document can change; they are told where ``covered``
    cannot be reached. ``trials`` counts how often the order was judged.
    """

    status: Status
    target: Status | None
    sets: tuple[Remedy, ...]
    obstacles: tuple[Obstacle, ...]
    trials: int


def remedies(asked: Asked) -> Remedies:
    """Find what would make an order covered, or else take it out of not covered.

    Raises:
        LookupError: the call has no order of that reference.
    """
    trials = Trials(asked)
    found = trials.judged(())
    if found.order.depends_on is not None:
        # It takes over the status of another order: what helps that one helps it.
        return remedies(msgspec.structs.replace(asked, reference=found.order.depends_on))
    if found.status == "covered":
        return Remedies(found.status, None, (), (), trials.count)
    roads = tuple(paths(found, trials))
    for target in _BETTER[found.status]:
        sets = _best(roads, target, trials)
        if sets:
            stands = () if target == "covered" else obstacles(found, roads, trials)
            return Remedies(found.status, target, sets, stands, trials.count)
    return Remedies(found.status, None, (), obstacles(found, roads, trials), trials.count)


def _best(roads: Sequence[Path], target: Status, trials: Trials) -> tuple[Remedy, ...]:
    """The sets that reach a status: small ones first, then what the chart supports, then rank.

    Sets for the exchange of a device come last where nothing speaks of one.
    """
    sets = [remedy for road in roads for remedy in _on(road, target, trials)]
    sets.sort(key=_order)
    kept: list[Remedy] = []
    for remedy in sets:
        own = set(remedy.changes)
        if not any(own >= set(other.changes) for other in kept):
            kept.append(remedy)
    return tuple(kept[:MOST_SETS])


def _order(found: Remedy) -> tuple[bool, int, int, int]:
    """What ranks a set, the best lowest."""
    unsaid = sum(not fact.supported for fact in found.facts)
    return found.far, len(found.facts), unsaid, found.rank


def _on(road: Path, target: Status, trials: Trials) -> Iterator[Remedy]:
    """The smallest sets among the facts of one path."""

    def reaches(facts: Sequence[Wanted]) -> bool:
        return _reached(trials.judged(_changes(facts)), target)

    facts = road.facts
    if trials.spent or not facts or not reaches(facts):
        return
    # What the whole set fails without, every smaller set needs too: the rules are monotone in
    # facts that settle their criteria. The rest is tried by size.
    needed = [f for f in facts if not reaches([other for other in facts if other is not f])]
    if road.moved is not None and road.moved not in needed:
        return  # the own day will do: it is a path of its own
    rest = [f for f in facts if f not in needed]
    while len(rest) > _MOST_FREE and reaches([*needed, *rest[:-1]]):
        rest.pop()
    for size in range(len(rest) + 1):
        hits = []
        for some in combinations(rest, size):
            chosen = [f for f in facts if f in needed or f in some]
            if reaches(chosen) and not any(
                reaches([other for other in chosen if other is not f]) for f in chosen
            ):
                hits.append(chosen)
        if hits:
            for chosen in hits:
                yield from _remedies(tuple(chosen), road, target, trials)
            return


def _remedies(
    facts: tuple[Wanted, ...], road: Path, target: Status, trials: Trials
) -> Iterator[Remedy]:
    """The set, each fact with those of its options that need all the others.

    Options that do it with fewer of the others are sets of their own with these.
    """
    whole: list[Wanted] = []
    smaller: dict[tuple[Wanted, ...], dict[Wanted, list[Change]]] = {}
    for place, fact in enumerate(facts):
        kept = []
        for option in fact.options:
            chosen = narrowed(fact, (option,))
            others = _least((*facts[:place], chosen, *facts[place + 1 :]), chosen, target, trials)
            if others is None:
                continue
            if len(others) == len(facts) - 1:
                kept.append(option)
            else:
                smaller.setdefault(others, {}).setdefault(fact, []).append(option)
        whole.append(narrowed(fact, tuple(kept)))
    yield _remedy(whole, road, trials)
    for others, alike in smaller.items():
        for fact, options in alike.items():
            own = (narrowed(fact, tuple(options)), *others)
            yield _remedy(own, road, trials)


def _least(
    facts: tuple[Wanted, ...], chosen: Wanted, target: Status, trials: Trials
) -> tuple[Wanted, ...] | None:
    """The facts that are needed beside one; None where even all of them do not do."""
    if not _reached(trials.judged(_changes(facts)), target):
        return None
    for other in facts:
        fewer = tuple(f for f in facts if f is not other)
        if other is not chosen and _reached(trials.judged(_changes(fewer)), target):
            facts = fewer
    return tuple(f for f in facts if f is not chosen)


def _remedy(facts: Sequence[Wanted], road: Path, trials: Trials) -> Remedy:
    found = trials.judged(_changes(facts))
    return Remedy(tuple(facts), found.status, found.indications_met, road.rank, road.far)


def _changes(facts: Sequence[Wanted]) -> tuple[Change, ...]:
    return tuple(fact.options[0] for fact in facts)


def _reached(found: Determination, target: Status) -> bool:
    """Whether an order has the status; for ``conditional`` the better one would do too."""
    return found.status == target or (target == "conditional" and found.status == "covered")
