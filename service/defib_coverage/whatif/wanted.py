"""What a record could document that would settle a criterion, by the criterion's kind.

A fact is named as an "if": it is asked for because the rule reads it, never because it is likely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.dates import parse_span
from defib_coverage.coverage.policy import (
    Association,
    Criterion,
    Diagnosis,
    Episode,
    ExistingDevice,
    FunctionalClass,
    Measurement,
    Pairing,
    PolicyVersion,
    Therapy,
    Visit,
    WaitingPeriod,
)
from defib_coverage.whatif import changes, diagnoses
from defib_coverage.whatif.changes import (
    DIAGNOSES,
    AddDiagnosis,
    Change,
    HaveDevice,
    HoldVisit,
    MoveEvent,
    SetClass,
    SetLvef,
    TakeDrug,
)
from defib_coverage.whatif.days import last_day_before
from defib_coverage.whatif.telling import CLASSES, drug_in_words, method_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.coverage.chart import ChartView, Hit
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.policy import WaitingEvent
    from defib_coverage.whatif.diagnoses import Coded

# What a measured LVEF is taken to be where the rule sets no limit: no other rule is met by it.
_ANY_LVEF = 50.0
_MOST_EVENTS = 6
_THIS, _ONE_OF = "this diagnosis", "one of these diagnoses"
_DAYS = {"own": "on {}", "latest": "on {} or earlier", "example": "for example on {}"}


class Situation(msgspec.Struct, frozen=True):
    """An order on one service date: the rules, the chart as it counts then, what was found."""

    policy: PolicyVersion
    index: CodeIndex
    view: ChartView
    found: Determination

    @property
    def day(self) -> date:
        """The service date."""
        return self.view.service_date


class Wanted(msgspec.Struct, frozen=True):
    """A fact that would settle a criterion, if it is true.

    Any one of ``options`` says it; the first is the one that the chart bears out best.
    ``supported``: the chart already says it in other words. ``words`` begin with "if"; where they
    speak of diagnoses, ``codes`` are these.
    """

    criterion: str
    citation: str
    words: str
    options: tuple[Change, ...]
    supported: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """The ICD-10-CM codes of which any says it."""
        return tuple(o.code for o in self.options if isinstance(o, AddDiagnosis))


def narrowed(fact: Wanted, options: tuple[Change, ...]) -> Wanted:
    """A fact with only some of its options, its words in step."""
    words = fact.words
    if len(options) == 1:
        words = words.replace(_ONE_OF, _THIS)
    grades = [CLASSES[o.grade - 1] for o in fact.options if isinstance(o, SetClass)]
    left = [CLASSES[o.grade - 1] for o in options if isinstance(o, SetClass)]
    if left:
        words = words.replace(f"class is {_either(grades)},", f"class is {_either(left)},")
    return msgspec.structs.replace(fact, options=options, words=words)


def wanted(name: str, criterion: Criterion, at: Situation) -> Iterator[Wanted]:
    """The facts that would settle a criterion; none where a document can change nothing."""
    match criterion:
        case Diagnosis():
            yield from _diagnosis(name, criterion, diagnoses.claims(criterion, at))
        case Episode():
            yield from _diagnosis(name, criterion, diagnoses.first_episodes(criterion, at))
        case Association():
            yield from _diagnosis(name, criterion, diagnoses.other_episodes(criterion, at))
        case Pairing():
            yield from _partner(name, criterion, at)
        case Measurement() | FunctionalClass():
            yield _reading(name, criterion, at)
        case WaitingPeriod():
            yield from _exact_days(name, criterion, at)
        case Visit():
            yield _visit(name, criterion, at)
        case Therapy():
            yield from _drugs(name, criterion, at)
        case ExistingDevice():
            words = "if a defibrillator is in place"
            yield Wanted(name, criterion.cite, words, (HaveDevice(),))
        case _:
            # What must be absent is there or not; what a person judges no record can say.
            return


def _diagnosis(name: str, criterion: Criterion, coded: Coded) -> Iterator[Wanted]:
    if not coded.options:
        return
    if coded.supported:
        words = "if what the chart says in other words is confirmed and coded"
    elif isinstance(criterion, Association):
        words = f"if there was another episode, free of that cause: {_these(coded)}"
    else:
        words = f"if {_these(coded)} is confirmed and current"
    day = coded.options[0].day
    if day is not None and coded.bound is not None:
        words += f", {_DAYS[coded.bound].format(day.isoformat())}"
    yield Wanted(name, criterion.cite, words, coded.options, coded.supported)


def _partner(name: str, criterion: Pairing, at: Situation) -> Iterator[Wanted]:
    coded = diagnoses.partners(criterion, at)
    if not coded.options:
        return
    words = f"if {_these(coded)} is confirmed and current beside it"
    if coded.supported:
        words = "if what the chart says in other words is confirmed and coded beside it"
    yield Wanted(name, criterion.cite, words, coded.options, coded.supported)


def _these(coded: Coded) -> str:
    return _THIS if len(coded.options) == 1 else _ONE_OF


def _reading(name: str, criterion: Measurement | FunctionalClass, at: Situation) -> Wanted:
    by = f"on or before {at.day.isoformat()}, and after any other"
    if isinstance(criterion, FunctionalClass):
        classes = _either([CLASSES[grade - 1] for grade in criterion.allowed])
        words = f"if the NYHA class is {classes}, recorded {by}"
        grades = tuple(SetClass(grade, at.day) for grade in criterion.allowed)
        return Wanted(name, criterion.cite, words, grades)
    limit = criterion.limit
    value = _ANY_LVEF if limit is None else limit
    size = "is known, whatever its value" if limit is None else f"is {limit:g} % or less"
    methods = _either([method_in_words(modality) for modality in criterion.approved])
    words = f"if the LVEF {size}, measured by {methods} {by}"
    options = tuple(SetLvef(value, modality, at.day) for modality in criterion.approved)
    return Wanted(name, criterion.cite, words, options)


def _visit(name: str, criterion: Visit, at: Situation) -> Wanted:
    codes = at.index.value_sets[changes.ACCEPTED].codes
    holders = [entry for entry in codes if entry.system == "v2-0360"]
    who = _either([entry.label or entry.code for entry in holders])
    words = (
        "if a shared decision-making visit with an evidence-based tool was held "
        f"on or before {at.day.isoformat()} by a {who}"
    )
    options = tuple(HoldVisit(entry.code, day=at.day) for entry in holders)
    return Wanted(name, criterion.cite, words, options)


def _drugs(name: str, criterion: Therapy, at: Situation) -> Iterator[Wanted]:
    since = last_day_before(criterion.span, at.day, touching=True)
    for drug_class in criterion.classes:
        drugs = drug_in_words(drug_class, at.index)
        words = f"if {drugs} have been taken since {since.isoformat()} or earlier"
        instead = criterion.instead.get(drug_class, ())
        if instead:
            others = " with ".join(drug_in_words(other, at.index) for other in instead)
            words += f" (or {others} in their place)"
        yield Wanted(name, criterion.cite, words, (TakeDrug(drug_class, since),))


def _exact_days(name: str, criterion: WaitingPeriod, at: Situation) -> Iterator[Wanted]:
    """The exact day of an event that the chart dates to a month, a year, or not at all."""
    rule = at.policy.waiting[criterion.event]
    day = last_day_before(rule.length, at.day, touching=False)
    past = [h for h in at.view.find_all(rule.past_records) if _may_be(h, day, rule, past=True)]
    own = [h for h in at.view.find_all(rule.records) if _may_be(h, day, rule, past=False)]
    references = dict.fromkeys(hit.fact.reference for hit in (*own, *past))
    if len(references) > _MOST_EVENTS:
        return  # nobody looks up so many days; waiting is the answer
    for reference in references:
        words = f"if the {rule.label} of {reference} was on {day.isoformat()} or earlier"
        yield Wanted(name, criterion.cite, words, (MoveEvent(reference, day),))


def _may_be(hit: Hit, day: date, rule: WaitingEvent, *, past: bool) -> bool:
    """Whether the event of a record may have been on a day, by what the record says of its date."""
    fact = hit.fact
    if fact.planned or fact.reference.endswith("/unknown"):
        return False
    if fact.when is not None:
        # A graft that is there since some day was put in by then; any other whole day is exact.
        since = past and rule.past_after is None
        return since or (not fact.when.is_day and fact.when.low <= day)
    noted = fact.recorded or fact.encountered
    if noted is None or past or rule.recorded_within is None or hit.entry.system != DIAGNOSES:
        return True
    return day >= parse_span(rule.recorded_within).before(noted.low)


def _either(names: Sequence[str]) -> str:
    """Names as a choice: ``a, b or c``."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
