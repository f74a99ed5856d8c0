"""What the controls of the panel "What if" offer to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.coverage.policy import Therapy
from defib_coverage.whatif.changes import DIAGNOSES
from defib_coverage.whatif.grammar import modalities, professions
from defib_coverage.whatif.telling import (
    CLASSES,
    drug_in_words,
    method_in_words,
    named,
    profession_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from defib_coverage.coverage.chart import Chart
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.orders import DeviceOrder
    from defib_coverage.coverage.policy import PolicyVersion


# So that a page stays light whatever a chart holds.
_MOST_EVENTS = 40


class Choice(NamedTuple):
    """Something to choose: what is sent, and what is shown."""

    value: str
    words: str


class Controls(msgspec.Struct, frozen=True):
    """The choices of each control.

    ``on_file`` are diagnoses to take off, ``events`` the latest records that opened or may
    open a waiting period.
    """

    on_file: tuple[Choice, ...]
    events: tuple[Choice, ...]
    methods: tuple[Choice, ...]
    classes: tuple[Choice, ...]
    holders: tuple[Choice, ...]
    drugs: tuple[Choice, ...]


def controls_of(
    knowledge: Knowledge, policy: PolicyVersion, orders: Sequence[DeviceOrder], chart: Chart
) -> Controls:
    """The choices that a chart and its orders leave."""
    index = knowledge.index
    on_file = {
        hit.entry.code
        for hits in (*chart.hits.values(), [hit for o in orders for _, hit in o.reasons])
        for hit in hits
        if hit.entry.system == DIAGNOSES
    }
    drugs = dict.fromkeys(
        name
        for criterion in policy.criteria.values()
        if isinstance(criterion, Therapy)
        for name in (*criterion.classes, *(c for i in criterion.instead.values() for c in i))
    )
    return Controls(
        on_file=tuple(Choice(code, named(code, index)) for code in sorted(on_file)),
        events=_latest(_events(policy, chart)),
        methods=tuple(Choice(name, method_in_words(name)) for name in modalities(index)),
        classes=tuple(Choice(str(n), name) for n, name in enumerate(CLASSES, start=1)),
        holders=tuple(Choice(c, profession_in_words(c, index)) for c in professions(index)),
        drugs=tuple(Choice(name, drug_in_words(name, index)) for name in drugs),
    )


def known_codes(index: CodeIndex) -> Iterator[Choice]:
    """The article's own diagnoses, then others that come close to them, each once."""
    seen: set[str] = set()
    for role in ("coverage", "evidence"):
        for value_set in index.value_sets.values():
            near = role == "coverage" or value_set.id.endswith("-near-miss")
            for entry in value_set.codes if value_set.role == role and near else ():
                if entry.system == DIAGNOSES and entry.code not in seen:
                    seen.add(entry.code)
                    yield Choice(entry.code, entry.display or entry.label or value_set.title)


def _latest(events: Iterable[tuple[str, Choice]]) -> tuple[Choice, ...]:
    """The events, of many the latest; those without a date count as such."""
    found = tuple(events)
    if len(found) > _MOST_EVENTS:
        found = tuple(sorted(found, key=lambda pair: pair[0], reverse=True)[:_MOST_EVENTS])
    return tuple(choice for _, choice in found)


def _events(policy: PolicyVersion, chart: Chart) -> Iterator[tuple[str, Choice]]:
    """The records of events that open waiting periods, each with its date in words."""
    seen: set[str] = set()
    for rule in policy.waiting.values():
        for value_set in (*rule.records, *rule.past_records):
            for hit in chart.hits.get(value_set, ()):
                fact = hit.fact
                if fact.planned or fact.reference in seen:
                    continue
                seen.add(fact.reference)
                dated = fact.dated
                day = "no date" if dated is None or dated.text is None else dated.text[:10]
                yield day, Choice(fact.reference, f"{day}, {hit.entry.code}, {fact.reference}")
