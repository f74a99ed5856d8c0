"""What changed between two days, as its page tells it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.console.views.change_bar import Stop
from defib_coverage.console.views.linking import Linker, Sentence
from defib_coverage.console.views.notices import notices_of
from defib_coverage.console.views.policy import RevisionView, revisions_of
from defib_coverage.explaining.change_days import change_days
from defib_coverage.explaining.code_changes import code_changes, come_words, gone_words
from defib_coverage.explaining.policy_changes import policy_changes
from defib_coverage.fhir.systems import SYSTEM_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.coverage.codes import CodeEntry
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.explaining.code_changes import CodeChanges

_Fate = Literal["left", "came", "stayed"]


class DifferenceRow(msgspec.Struct, frozen=True):
    """A code of a list: what became of it, and its page on the day on which it stands there."""

    fate: _Fate
    system_name: str
    code: str
    href: str
    meaning: str | None


class ListDifference(msgspec.Struct, frozen=True):
    """A list that changed, in sentences and code by code; ``stayed`` counts those of both days."""

    id: str
    title: str
    href: str
    sentences: tuple[Sentence, ...]
    rows: tuple[DifferenceRow, ...]
    came: int
    left: int
    stayed: int


class DifferenceView(msgspec.Struct, frozen=True):
    """The page: two days, the rules and lists that changed, the revisions in between."""

    before: date
    after: date
    today: date
    stops: tuple[Stop, ...]
    rules: tuple[Sentence, ...]
    lists: tuple[ListDifference, ...]
    revisions: tuple[RevisionView, ...]
    notices: tuple[str, ...]


def difference_view(before: date, after: date, today: date, knowledge: Knowledge) -> DifferenceView:
    """What the page tells of two days, the second of which may be the earlier."""
    library, index = knowledge.library, knowledge.index
    old, new = library.in_force(before), library.in_force(after)
    latest = new or old
    linker = Linker(index, latest, after)
    changes = tuple(code_changes(index, before, after))
    shown = {e.system for one in changes for e in (*one.gone, *one.come, *one.kept)}
    rules = [
        f"On {day} no policy of ours was in force."
        if version is None
        else f"On {day} version {version.version} is in force."
        for day, version in ((before, old), (after, new))
        if old is None or new is None
    ]
    if old is not None and new is not None:
        rules = list(policy_changes(old, new))
    elif old is new:
        rules = ["On neither day a policy of ours is in force."]
    first, last = sorted((before, after))
    revisions = () if latest is None else revisions_of(latest, linker)
    stops = change_days(library, index)
    return DifferenceView(
        before,
        after,
        today,
        tuple(Stop(one.day, one.revisions, one.day == after) for one in stops),
        linker.sentences(rules),
        tuple(_list(one, before, after, knowledge) for one in changes),
        tuple(one for one in revisions if first < one.after <= last),
        notices_of(shown, last),
    )


def _list(found: CodeChanges, before: date, after: date, knowledge: Knowledge) -> ListDifference:
    version = knowledge.library.in_force(after)
    linker = Linker(knowledge.index, version, after)
    earlier = Linker(knowledge.index, version, before)
    value_set = found.value_set
    sentences = [gone_words(e) for e in found.gone] + [come_words(e) for e in found.come]
    return ListDifference(
        value_set.id,
        value_set.title,
        linker.value_set(value_set.id),
        linker.sentences(sentences),
        tuple(_rows(found, earlier, linker)),
        came=len(found.come),
        left=len(found.gone),
        stayed=len(found.kept),
    )


def _rows(found: CodeChanges, earlier: Linker, later: Linker) -> Iterator[DifferenceRow]:
    """The codes of both days, in the order of numbers within a system."""
    fates: tuple[tuple[_Fate, tuple[CodeEntry, ...]], ...] = (
        ("left", found.gone),
        ("came", found.come),
        ("stayed", found.kept),
    )
    rows = [(entry, fate) for fate, entries in fates for entry in entries]
    for entry, fate in sorted(rows, key=lambda row: (row[0].system, row[0].code)):
        yield DifferenceRow(
            fate,
            SYSTEM_NAMES.get(entry.system, entry.system),
            entry.code,
            (earlier if fate == "left" else later).code(entry.code, entry.system),
            entry.display or entry.label,
        )
