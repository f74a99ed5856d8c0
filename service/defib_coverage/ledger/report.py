"""What the ledger shows in sums: statuses, how cards were taken, and why they were passed over.

A pure sum over counts that the database has made; ``counting`` makes them.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NOBODY = "(open service)"
"""The client of calls that no token came with."""
NO_POLICY = "(no policy in force)"
NO_FINDING = "(no finding)"
NO_REASON = "(no reason given)"


class Period(msgspec.Struct, frozen=True):
    """The UTC days of decisions that are looked at; None is without bound."""

    first: date | None = None
    last: date | None = None


class Choice(msgspec.Struct, frozen=True):
    """Which decisions of a period are looked at: a client's, those of a class of orders, or all.

    ``client`` is its id, or NOBODY for calls that no token came with.
    """

    client: str | None = None
    order_class: str | None = None


class Decisions(msgspec.Struct, frozen=True):
    """How many decisions are alike: for whom they were made and by what, with which cards.

    ``cards`` counts their cards, ``offers`` those of them that had suggestions.
    """

    client: str | None
    policy: str | None
    status: str
    findings: tuple[str, ...]
    number: int
    cards: int
    offers: int


class Answers(msgspec.Struct, frozen=True):
    """How many last answers to a card are alike; ``taken``: with a suggestion of the card."""

    client: str | None
    policy: str | None
    findings: tuple[str, ...]
    kind: str
    outcome: str
    taken: bool
    reason_system: str | None
    reason_code: str | None
    number: int


class Unmatched(msgspec.Struct, frozen=True):
    """Answers that the report cannot place.

    ``unknown`` name a card that was never sent, ``purged`` one whose decision is kept no longer.
    """

    unknown: int = 0
    purged: int = 0


class Counts(msgspec.Struct, frozen=True):
    """What the database counted; ``kinds`` are the cards by kind.

    ``statuses`` are times, earliest first, with a status and how many decisions came to it.
    """

    decisions: Sequence[Decisions]
    statuses: Sequence[tuple[str, str, int]]
    kinds: Mapping[str, int]
    answers: Sequence[Answers]
    unmatched: Unmatched


class Rates(msgspec.Struct, frozen=True):
    """How the cards of one finding, kind, client or policy version were taken.

    ``offers`` are cards with suggestions, ``taken`` those of which a suggestion was accepted. Of a
    kind of card neither decisions nor offers are counted.
    """

    name: str
    decisions: int
    cards: int
    accepted: int
    overridden: int
    offers: int
    taken: int

    @property
    def answered(self) -> int:
        """Cards that a clinician answered; what is ignored is not reported."""
        return self.accepted + self.overridden

    @property
    def acceptance(self) -> float | None:
        """The share of answered cards that were accepted."""
        return self.accepted / self.answered if self.answered else None

    @property
    def override(self) -> float | None:
        """The share of answered cards that were passed over."""
        return self.overridden / self.answered if self.answered else None


class Reason(msgspec.Struct, frozen=True):
    """Why cards were passed over: the client's coding of the reason, and how often."""

    code: str
    system: str | None
    number: int


class Report(msgspec.Struct, frozen=True):
    """All of it; each list has the most frequent first, and ``statuses`` the earliest."""

    total: Rates
    by_finding: tuple[Rates, ...]
    by_kind: tuple[Rates, ...]
    by_client: tuple[Rates, ...]
    by_policy: tuple[Rates, ...]
    reasons: tuple[Reason, ...]
    statuses: tuple[tuple[str, Mapping[str, int]], ...]
    unmatched: Unmatched


class _Sums:
    """Sums for each name of one kind of thing."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}

    def add(self, name: str, **counts: int) -> None:
        self._counts.setdefault(name, Counter()).update(counts)

    def rates(self) -> tuple[Rates, ...]:
        found = [
            Rates(name, *(counts[field] for field in Rates.__struct_fields__[1:]))
            for name, counts in self._counts.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.cards, -one.decisions, one.name)))


def report(counts: Counts) -> Report:
    """Sum up what was counted."""
    sums = {name: _Sums() for name in ("total", "finding", "kind", "client", "policy")}
    sums["total"].add("")
    statuses: dict[str, dict[str, int]] = {}
    for time, status, number in counts.statuses:
        statuses.setdefault(time, {})[status] = number
    reasons: Counter[tuple[str, str | None]] = Counter()
    for one in counts.decisions:
        for kind, name in _names(one):
            sums[kind].add(name, decisions=one.number, cards=one.cards, offers=one.offers)
    for name, number in counts.kinds.items():
        sums["kind"].add(name, cards=number)
    for answer in counts.answers:
        taken = answer.number if answer.taken else 0
        for kind, name in (*_names(answer), ("kind", answer.kind)):
            sums[kind].add(name, **{answer.outcome: answer.number}, taken=taken)
        if answer.outcome == "overridden":
            reasons[answer.reason_code or NO_REASON, answer.reason_system] += answer.number
    return Report(
        total=sums["total"].rates()[0],
        by_finding=sums["finding"].rates(),
        by_kind=sums["kind"].rates(),
        by_client=sums["client"].rates(),
        by_policy=sums["policy"].rates(),
        reasons=_reasons(reasons),
        statuses=tuple(statuses.items()),
        unmatched=counts.unmatched,
    )


def _reasons(counted: Counter[tuple[str, str | None]]) -> tuple[Reason, ...]:
    found = [Reason(code, system, number) for (code, system), number in counted.items()]
    return tuple(sorted(found, key=lambda one: (-one.number, one.code, one.system or "")))


def _names(one: Decisions | Answers) -> Iterator[tuple[str, str]]:
    """What alike things count for: each finding, and one of everything else."""
    yield "total", ""
    yield "client", one.client or NOBODY
    yield "policy", one.policy or NO_POLICY
    for finding in one.findings or (NO_FINDING,):
        yield "finding", finding
