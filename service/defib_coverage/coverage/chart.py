"""The chart as the rules read it: dated facts, each with the value sets its codes belong to."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage.codes import CodeEntry
from defib_coverage.coverage.dates import DateSpan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

GapKind = Literal[
    "not-found",
    "not-fetched",
    "unreadable",
    "too-imprecise",
    "conflicting",
    "judgement",
]
Need = Literal[
    "patient",
    "coverage",
    "conditions",
    "procedures",
    "observations",
    "medications",
    "encounters",
    "devices",
    "requests",
    "documents",
]

Payer = Literal["medicare", "other", "unrecognised"]


class Kind(StrEnum):
    """What sort of record a fact comes from."""

    CONDITION = "condition"
    PROCEDURE = "procedure"
    OBSERVATION = "observation"
    MEDICATION = "medication"
    ENCOUNTER = "encounter"
    DOCUMENT = "document"
    DEVICE = "device"
    REQUEST = "request"
    ORDER_REASON = "order-reason"


class Quantity(msgspec.Struct, frozen=True, gc=False):
    """A measured value as an interval.

    ``high`` is None for no upper bound, ``low`` for none below. ``low_open``: the value is greater
    than ``low``, not equal. ``suspect``: unit and value do not fit together. ``text``: as recorded.
    """

    low: float | None
    high: float | None
    text: str
    low_open: bool = False
    suspect: bool = False


class Clinician(StrEnum):
    """Who held a visit, as far as the chart tells."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not-accepted"
    UNKNOWN = "unknown"


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record of the chart that bears on the policy.

    ``reference`` is ``Type/id``. ``confirmed`` is False for a provisional, preliminary or
    interrupted record. ``current`` says whether a condition or therapy is still going on.
    ``when`` is the day it happened (onset, performed, effective, start); ``recorded`` the day it
    was written down; ``encountered`` the visit at which it was noted; ``ended`` its end.
    ``planned`` marks what is yet to be done, ``in_words`` what was recognised by its text only.
    """

    reference: str
    kind: Kind
    confirmed: bool = True
    current: bool = True
    planned: bool = False
    in_words: bool = False
    when: DateSpan | None = None
    recorded: DateSpan | None = None
    encountered: DateSpan | None = None
    ended: DateSpan | None = None
    quantity: Quantity | None = None
    classes: tuple[int, ...] = ()
    modality: str | None = None
    clinician: Clinician = Clinician.UNKNOWN

    @property
    def dated(self) -> DateSpan | None:
        """The fact's date: when it happened, else when it was recorded or noted at a visit."""
        return self.when or self.recorded or self.encountered


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A fact and the code by which it belongs to a value set."""

    fact: Fact
    entry: CodeEntry


class Insurance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One Coverage of the chart.

    ``reference`` is ``Type/id``, None for one without an id; ``active`` whether its status says so;
    ``start`` and ``end`` bound it. ``plan`` is the configured payer that it was recognised as,
    ``insurer`` the payer's name as the chart has it. ``unread`` is what would say more of its payer
    and did not come along.
    """

    reference: str | None
    payer: Payer
    active: bool = True
    start: DateSpan | None = None
    end: DateSpan | None = None
    plan: str | None = None
    insurer: str | None = None
    unread: tuple[str, ...] = ()

    def in_force(self, day: date) -> bool:
        """Whether it may hold on ``day``; an imprecise bound is read in its favour."""
        begun = self.start is None or self.start.low <= day
        return self.active and begun and (self.end is None or day <= self.end.high)


class Missing(msgspec.Struct, frozen=True, gc=False):
    """A part of the record that could not be had or read."""

    need: Need
    kind: GapKind
    reason: str
    reference: str | None = None


class Chart(msgspec.Struct, frozen=True):
    """All facts that bear on the policy, by value set.

    ``missing`` names what could not be had; ``other_patient`` counts the resources that were
    dropped because they are not this patient's; ``insurances`` are the patient's Coverages;
    ``appointments`` gives the booked day of an order by its reference.
    """

    hits: dict[str, tuple[Hit, ...]]
    missing: tuple[Missing, ...] = ()
    other_patient: int = 0
    insurances: tuple[Insurance, ...] = ()
    appointments: dict[str, DateSpan] = {}

    @property
    def has_all_coverages(self) -> bool:
        """Whether every Coverage could be had and read; who pays one may still not be known."""
        return not any(
            one.need == "coverage" and not (one.reference or "").startswith("Organization/")
            for one in self.missing
        )


class ChartView:
    """The chart as it counts for one service date.

    A fact dated after the service date does not count, nor does one written down after
    ``known_at`` (None: whatever is in the chart is known); dates are capped at the service date
    (rules 3 and 6).
    """

    def __init__(
        self,
        chart: Chart,
        service_date: date,
        known_at: date | None,
        reasons: Iterable[tuple[str, Hit]] = (),
    ) -> None:
        """View ``chart`` on ``service_date``, with the order's own reasons added.

        ``names`` are the value sets in which anything stands at all.
        """
        self.chart = chart
        self.service_date = service_date
        self._known_at = known_at
        self._hits = chart.hits
        self._reasons: defaultdict[str, list[Hit]] = defaultdict(list)
        for value_set, hit in reasons:
            self._reasons[value_set].append(hit)
        own = self._reasons.keys()
        self.names: AbstractSet[str] = self._hits.keys() | own if own else self._hits.keys()
        self._seen: dict[str, tuple[Hit, ...]] = {}
        self._later: dict[str, list[Hit]] = {}
        self._missing: dict[Need, Missing] = {}
        for missing in chart.missing:
            self._missing.setdefault(missing.need, missing)

    def find(self, value_set: str) -> tuple[Hit, ...]:
        """The hits of a value set that count, the order's own reasons last."""
        if value_set not in self.names:
            return ()
        seen = self._seen.get(value_set)
        if seen is None:
            found = self._counting(value_set)
            seen = self._seen[value_set] = (*found, *self._reasons.get(value_set, ()))
        return seen

    def find_all(self, value_sets: Iterable[str]) -> tuple[Hit, ...]:
        """The hits of several value sets."""
        found: tuple[Hit, ...] = ()
        for value_set in value_sets:
            if value_set in self.names:
                found += self.find(value_set)
        return found

    def later(self, value_sets: Iterable[str]) -> list[Hit]:
        """The hits that were left out because they are dated after the service date."""
        found: list[Hit] = []
        for value_set in value_sets:
            if value_set in self._hits:
                self.find(value_set)
                found += self._later.get(value_set, ())
        return found

    def missing(self, needs: Iterable[Need]) -> tuple[Missing, ...]:
        """What is missing of the parts of the record that a criterion relies on."""
        return tuple(self._missing[need] for need in needs if need in self._missing)

    def _as_of(self, hit: Hit, ended: DateSpan) -> Hit:
        """The hit as it stood on the service date: what ended later was still current then."""
        over = ended.high <= self.service_date
        # Over on a day that may be before or after the service date: perhaps still there.
        certain = over or ended.low > self.service_date
        fact = msgspec.structs.replace(
            hit.fact,
            current=not over,
            confirmed=hit.fact.confirmed and certain,
        )
        return Hit(fact, hit.entry)

    def _counting(self, value_set: str) -> list[Hit]:
        """The hits of the chart that count, each as it stood on the service date."""
        day, known_at = self.service_date, self._known_at
        found: list[Hit] = []
        for hit in self._hits.get(value_set, ()):
            fact = hit.fact
            recorded = fact.recorded
            dated = fact.when or recorded or fact.encountered
            if dated is not None and dated.low > day and not fact.planned:
                self._later.setdefault(value_set, []).append(hit)
            elif known_at is None or recorded is None or recorded.low <= known_at:
                found.append(hit if fact.ended is None else self._as_of(hit, fact.ended))
        return found
