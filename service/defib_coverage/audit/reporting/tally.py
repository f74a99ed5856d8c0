"""What the report counts while it goes through the events: numbers only, no patient."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.audit.reporting.payment import Priced, codes_of

if TYPE_CHECKING:
    from decimal import Decimal

    from defib_coverage.audit.reporting.events import Event
    from defib_coverage.coverage.determination import Status

EventName = Literal["MI", "CABG", "PCI"]
WINDOW_EVENTS: tuple[EventName, ...] = ("MI", "CABG", "PCI")
AT_RISK: tuple[Status, ...] = ("not-covered", "conditional")
"""The statuses whose payment is in question."""
NOT_STATED = "(not stated)"
_BIN = 10
_BINS = 9
BINS = (*(f"{n * _BIN + 1}-{(n + 1) * _BIN}" for n in range(_BINS)), f"over {_BINS * _BIN}")
"""How many days before the first eligible day, in steps."""


class Pair(msgspec.Struct, frozen=True, order=True):
    """A primary diagnosis, and the partners of which it needs one."""

    primary: str
    any_of: tuple[str, ...]


class Tally:
    """Counters of events; ``performed`` in a key tells what was done from what was only ordered.

    ``windows`` counts by event and step of days early, each kind of waiting period of an event once
    by the one that ends last. ``exempt`` counts open waiting periods that an exception lifts.
    ``money`` counts by status, code and amount; ``unpriced`` by status, for each code that the
    payment table lacks.
    """

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.statuses: Counter[tuple[bool, Status, int]] = Counter()
        self.foreign = 0
        self.windows: Counter[tuple[bool, EventName, int]] = Counter()
        self.certainty: Counter[tuple[bool, EventName, str]] = Counter()
        self.exempt: Counter[tuple[bool, EventName, str]] = Counter()
        self.in_window: Counter[bool] = Counter()
        self.missing: Counter[tuple[bool, Pair]] = Counter()
        self.supported: Counter[tuple[bool, Pair]] = Counter()
        self.with_missing: Counter[bool] = Counter()
        self.sites: Counter[tuple[bool, str, Status]] = Counter()
        self.operators: Counter[tuple[bool, str, Status]] = Counter()
        self.findings: Counter[tuple[bool, str]] = Counter()
        self.warnings: Counter[tuple[bool, str]] = Counter()
        self.money: Counter[tuple[bool, Status, str, Decimal]] = Counter()
        self.unpriced: Counter[tuple[bool, Status]] = Counter()
        self.lacking: Counter[tuple[bool, str]] = Counter()

    def add(self, event: Event, priced: Priced | None) -> None:
        """Count an event; ``priced`` is what it pays, None where that is not known."""
        if event.status == "not-applicable":
            self.foreign += 1
            return
        done = event.performed
        self.statuses[done, event.status, event.day.year] += 1
        self.sites[done, event.site or NOT_STATED, event.status] += 1
        self.operators[done, event.operator or NOT_STATED, event.status] += 1
        self._add_windows(event)
        self._add_missing(event)
        codes = {f.code: f.severity == "warning" for f in event.findings}
        for finding in event.findings:
            codes[finding.code] |= finding.severity == "warning"
        self.findings.update((done, code) for code in codes)
        self.warnings.update((done, code) for code, warns in codes.items() if warns)
        if event.status in AT_RISK:
            self._add_money(event, priced)

    def _add_windows(self, event: Event) -> None:
        done = event.performed
        last: dict[EventName, tuple[int, str]] = {}
        exempt = set()
        for window in event.windows:
            if window.applies:
                days = (window.days_remaining, window.certainty)
                last[window.event] = max(last.get(window.event, days), days)
            else:
                exempt.add((done, window.event, window.exception or "does not bind"))
        for name, (remaining, certainty) in last.items():
            self.windows[done, name, min((remaining - 1) // _BIN, _BINS)] += 1
            self.certainty[done, name, certainty] += 1
        self.exempt.update(exempt)
        self.in_window[done] += bool(last)

    def _add_missing(self, event: Event) -> None:
        pairs: dict[Pair, bool] = {}
        for one in event.missing:
            pair = Pair(one.primary, tuple(sorted(one.any_of)))
            pairs[pair] = pairs.get(pair, False) or bool(one.supported)
        done = event.performed
        self.missing.update((done, pair) for pair in pairs)
        self.supported.update((done, pair) for pair, found in pairs.items() if found)
        self.with_missing[done] += bool(pairs)

    def _add_money(self, event: Event, priced: Priced | None) -> None:
        done = event.performed
        if priced is not None:
            self.money[done, event.status, priced.code, priced.amount] += 1
        else:
            self.unpriced[done, event.status] += 1
            self.lacking.update((done, code) for code in codes_of(event))

    def total(self, *, performed: bool) -> int:
        """How many events were performed, or only ordered."""
        return sum(n for (done, *_), n in self.statuses.items() if done is performed)
