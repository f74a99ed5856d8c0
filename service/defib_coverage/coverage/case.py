"""A case: one view of a chart against one policy, with what every criterion needs at hand."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from defib_coverage.coverage.chart import GapKind, Kind
from defib_coverage.coverage.determination import (
    Evidence,
    Gap,
    PolicyReference,
    evidence_of_all,
)
from defib_coverage.coverage.policy import value_sets_of
from defib_coverage.coverage.results import Draft, Question, Result
from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from defib_coverage.coverage.baseline import Baseline
    from defib_coverage.coverage.chart import ChartView, Hit
    from defib_coverage.coverage.codes import CodeEntry, CodeIndex
    from defib_coverage.coverage.events import Waiting
    from defib_coverage.coverage.policy import Criterion, EventName, PolicyVersion
    from defib_coverage.coverage.wording import Wording

Item = TypeVar("Item")


class Rulebook:
    """The data that cases rest on: one policy version, the codes, the wording.

    It remembers what depends on nothing else: which criteria read a value set, which indications
    it may lead to, which events each indication waits for, and what silence comes to on a day
    (``baselines``).
    """

    def __init__(self, policy: PolicyVersion, index: CodeIndex, wording: Wording) -> None:
        """Join a policy version with codes and wording."""
        self.policy = policy
        self.index = index
        self.wording = wording
        sets = {
            name: value_sets_of(criterion, policy) for name, criterion in policy.criteria.items()
        }
        self.criteria_of = _by_value_set(sets)
        self.indications_of = _by_value_set(
            {
                name: frozenset[str]().union(*(sets[c] for c in indication.candidates))
                for name, indication in policy.indications.items()
            }
        )
        self.events_of = {
            name: policy.events_of(indication) for name, indication in policy.indications.items()
        }
        self.history_codes = frozenset(
            entry.code for name in policy.history for entry in index.value_sets[name].codes
        )
        self.pairings = policy.pairings()
        self.diagnoses = policy.diagnoses()
        self.reference = PolicyReference(
            id=policy.id,
            version=policy.version,
            effective=policy.effective,
            citation=policy.citation,
        )
        self.baselines: dict[date, Baseline] = {}


def _by_value_set(sets: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """What reads each value set, of what is given with the sets that it reads."""
    readers: defaultdict[str, list[str]] = defaultdict(list)
    for name, read in sets.items():
        for value_set in read:
            readers[value_set].append(name)
    return dict(readers)


class Case:
    """One chart on one service date, judged by one rulebook."""

    def __init__(
        self,
        rulebook: Rulebook,
        view: ChartView,
        removals_in_call: tuple[Evidence, ...],
        *,
        longer_reading: bool = False,
    ) -> None:
        """Open the case.

        ``removals_in_call`` are the removal orders of the same call. ``longer_reading``: a waiting
        period lasts until its longer reading is over too. ``windows`` and ``paced`` are
        filled before any criterion is judged: the waiting periods by event, and the reasons for a
        pacemaker that are on file.
        """
        self.rulebook = rulebook
        self.policy = rulebook.policy
        self.index = rulebook.index
        self.wording = rulebook.wording
        self.view = view
        self.removals_in_call = removals_in_call
        self.longer_reading = longer_reading
        self.windows: Mapping[EventName, Waiting] = {}
        self.paced: tuple[Hit, ...] = ()
        self.day = view.service_date
        self._remembered: dict[tuple[object, ...], Any] = {}

    def gap(self, kind: GapKind, ask: str, **facts: str) -> Gap:
        """A gap, with what to do about it."""
        return Gap(kind=kind, ask=self.wording.ask(ask, facts))

    def draft(self, code: str, cite: str, hits: Iterable[Hit] = (), **facts: str) -> Draft:
        """A finding, with its evidence."""
        return self.settled(code, cite, hits, facts, ())

    def settled(
        self,
        code: str,
        cite: str,
        hits: Iterable[Hit],
        facts: Mapping[str, str],
        settled_by: tuple[str, ...],
    ) -> Draft:
        """A finding, with its evidence and the codes that settle it."""
        text = self.wording.finding(code, facts)
        return Draft(code, cite, text, evidence_of_all(hits), settled_by)

    def question(
        self,
        code: str,
        cite: str,
        hits: Sequence[Hit],
        facts: Mapping[str, str],
        settled_by: tuple[str, ...] = (),
    ) -> Question:
        """A finding and the question that it leaves to a person's judgement."""
        draft = self.settled(code, cite, hits, facts, settled_by)
        return Question(draft, self.gap("judgement", code, **facts))

    def asked(self, code: str, cite: str, hits: Sequence[Hit]) -> Result:
        """A criterion that records make doubtful: unknown, with one question."""
        question = self.question(code, cite, hits, {"codes": codes_of(hits)})
        return Result(
            truth=Truth.UNKNOWN,
            evidence=question.draft.evidence,
            gaps=(question.gap,),
            drafts=(question.draft,),
        )

    def near_miss(self, cite: str, hits: Sequence[Hit], value_sets: Iterable[str]) -> Draft:
        """The finding of records that are close and do not count, with the reason of their set."""
        references = {h.fact.reference for h in hits}
        reasons = [
            self.index.value_sets[name].purpose
            for name in value_sets
            if any(h.fact.reference in references for h in self.view.find(name))
        ]
        return self.draft(
            "near-miss-diagnosis",
            cite,
            hits,
            codes=codes_of(hits),
            reason="; ".join(reasons),
        )

    def missing_gaps(self, criterion: Criterion) -> tuple[Gap, ...]:
        """The gaps that parts of the record leave which could not be had or read."""
        if not self.view.chart.missing:
            return ()
        return tuple(
            self.gap(m.kind, m.kind, label=m.need, reason=m.reason, reference=m.reference or m.need)
            for m in self.view.missing(criterion.needs)
        )

    def silent(self, criterion: Criterion, ask: str, label: str = "") -> Result:
        """What silence means for a criterion: clear where the policy says so, else unknown.

        Silence of a part of the record that could not be had is no silence: it is unknown.
        """
        gaps = self.missing_gaps(criterion)
        if criterion.if_not_documented == "clear":
            if gaps:
                return Result(truth=Truth.UNKNOWN, gaps=gaps)
            return Result(truth=Truth.MET, attest=True)
        gap = self.gap("not-found", ask, label=label, partners=label)
        return Result(truth=Truth.UNKNOWN, gaps=(gap, *gaps))

    def counts_still(self, hit: Hit) -> bool:
        """Whether a record is current, or of the kind that counts as history too (rule 3)."""
        return hit.fact.current or hit.entry.code in self.rulebook.history_codes

    def remember(self, key: tuple[object, ...], make: Callable[[], Item]) -> Item:
        """What several criteria of a case work out alike, worked out once."""
        if key not in self._remembered:
            self._remembered[key] = make()
        item: Item = self._remembered[key]
        return item


class Sorted(msgspec.Struct, frozen=True, gc=False):
    """The hits of a list of claim codes, by what they are worth on the service date."""

    claims: tuple[Hit, ...] = ()
    not_in_force: tuple[Hit, ...] = ()
    unconfirmed: tuple[Hit, ...] = ()
    not_current: tuple[Hit, ...] = ()


_NOTHING = Sorted()


def sort_claims(case: Case, value_set: str) -> Sorted:
    """Sort a list's hits: only a confirmed, current ICD-10-CM code in force is a claim code."""
    hits = case.view.find(value_set)
    if not hits:
        return _NOTHING
    day = case.day
    claims: list[Hit] = []
    not_in_force: list[Hit] = []
    unconfirmed: list[Hit] = []
    not_current: list[Hit] = []
    for hit in hits:
        if not (hit.fact.current or case.counts_still(hit)):
            not_current.append(hit)
        elif not hit.fact.confirmed:
            unconfirmed.append(hit)
        elif not hit.entry.in_force(day):
            not_in_force.append(hit)
        else:
            claims.append(hit)
    return Sorted(tuple(claims), tuple(not_in_force), tuple(unconfirmed), tuple(not_current))


def codes_of(hits: Iterable[Hit]) -> str:
    """The codes of hits, each once, as words; codes that few know by heart with their meaning."""
    return ", ".join(dict.fromkeys(_code_in_words(hit.entry) for hit in hits))


def _code_in_words(entry: CodeEntry) -> str:
    if entry.system == "icd10cm" or entry.label is None:
        return entry.code
    return f"{entry.code} ({entry.label})"


def in_chart(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """The hits that are records of the chart: an order's reason is a claim, not evidence."""
    return tuple(hit for hit in hits if hit.fact.kind is not Kind.ORDER_REASON)


def latest_of(readings: Sequence[Hit]) -> tuple[Hit, ...]:
    """The readings that may be the latest: none is certainly later than they are.

    A reading without a date may be the latest only if no reading has one.
    """
    if len(readings) == 1:
        return (readings[0],)
    dated = [(h, span) for h in readings if (span := h.fact.dated) is not None]
    if not dated:
        return tuple(readings)
    newest = max([span.low for _, span in dated])
    return tuple([h for h, span in dated if span.high >= newest])
