"""What stands in the way of coverage that no document can change, with the paragraph of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defib_coverage.coverage.determination import CriterionResult, Determination
    from defib_coverage.whatif.paths import Path
    from defib_coverage.whatif.trial import Trials


class Obstacle(msgspec.Struct, frozen=True):
    """One thing in the way: what it is called, why it stands, and where the policy says so."""

    label: str
    reasons: tuple[str, ...]
    citation: str


def obstacles(found: Determination, roads: Sequence[Path], trials: Trials) -> tuple[Obstacle, ...]:
    """What is left when everything that could be documented is taken as true.

    For an order that is not ours to judge it is why not.
    """
    if found.status == "not-applicable":
        return tuple(Obstacle("Not judged", (f.text,), f.citation) for f in found.findings)
    fewest: dict[str | None, tuple[Obstacle, ...]] = {}
    for road in roads or (None,):
        changes = () if road is None else tuple(fact.options[0] for fact in road.facts)
        name = None if road is None else road.indication
        after = trials.judged(changes)
        left = tuple(_obstacle(result, after) for result in _open(after, name))
        # Of the days that an indication may wait for, the one that leaves least in the way.
        if name not in fewest or len(left) < len(fewest[name]):
            fewest[name] = left
    return tuple(dict.fromkeys(one for left in fewest.values() for one in left))


def _open(found: Determination, name: str | None) -> Iterator[CriterionResult]:
    """The criteria that are still not met: of every indication, and of one."""
    yield from (result for result in found.always if result.truth is not Truth.MET)
    for indication in found.indications:
        if indication.id == name:
            yield from (c for c in indication.criteria if c.truth is not Truth.MET)


def _obstacle(result: CriterionResult, found: Determination) -> Obstacle:
    """A criterion in the way, in the words of its gaps, else of the findings on its evidence."""
    reasons = tuple(gap.ask for gap in result.gaps)
    if not reasons:
        shown = set(result.evidence)
        reasons = tuple(
            f.text
            for f in found.findings
            if f.citation == result.citation and shown & set(f.evidence)
        )
    return Obstacle(result.label, tuple(dict.fromkeys(reasons)), result.citation)
