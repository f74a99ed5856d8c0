"""What flips between two determinations of one order: before a change, and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defib_coverage.coverage.determination import (
        CriterionResult,
        Determination,
        MissingSecondary,
        WaitingPeriodResult,
    )

FlipKind = Literal[
    "status",
    "class",
    "service-date",
    "first-day",
    "indication",
    "criterion",
    "window",
    "pair",
    "finding",
]
_NOTHING = "none"
_NOT_ASKED = "not asked"


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: ``before`` and ``after`` in words; ``name`` says of what."""

    kind: FlipKind
    name: str
    before: str
    after: str
    citation: str | None = None

    @property
    def sentence(self) -> str:
        """The difference as one line of plain text."""
        return f"{self.name}: {self.before} → {self.after}"


def compare(before: Determination, after: Determination) -> tuple[Flip, ...]:
    """All that differs, the status first; empty where nothing does."""
    return (
        *_order(before, after),
        *_indications(before, after),
        *_criteria(before, after),
        *_windows(before, after),
        *_pairs(before, after),
        *_findings(before, after),
    )


def _order(before: Determination, after: Determination) -> Iterator[Flip]:
    first, second = before.earliest_eligible_date, after.earliest_eligible_date
    told: tuple[tuple[FlipKind, str, str, str], ...] = (
        ("status", "Status", VERDICTS[before.status], VERDICTS[after.status]),
        ("class", "Kind of order", _words(before.order.class_), _words(after.order.class_)),
        (
            "service-date",
            "Service date",
            before.order.service_date.isoformat(),
            after.order.service_date.isoformat(),
        ),
        (
            "first-day",
            "First eligible day",
            _NOTHING if first is None else first.isoformat(),
            _NOTHING if second is None else second.isoformat(),
        ),
    )
    for kind, name, old, new in told:
        if old != new:
            yield Flip(kind=kind, name=name, before=old, after=new)


def _words(name: str) -> str:
    return name.replace("-", " ")


def _indications(before: Determination, after: Determination) -> Iterator[Flip]:
    old = {i.id: _standing(before, i.id) for i in before.indications}
    new = {i.id: _standing(after, i.id) for i in after.indications}
    labels = {i.id: (i.label, i.citation) for i in (*before.indications, *after.indications)}
    for name, (label, cite) in labels.items():
        was, now = old.get(name, _NOT_ASKED), new.get(name, _NOT_ASKED)
        if was != now:
            title = f"{name}, {label}"
            yield Flip(kind="indication", name=title, before=was, after=now, citation=cite)


def _standing(found: Determination, name: str) -> str:
    """How an indication stands: met for the order, or what it came to, or no candidate."""
    if name in found.indications_met:
        return "met"
    indication = next(i for i in found.indications if i.id == name)
    return _words(indication.truth) if indication.candidate else "no candidate"


def _results(found: Determination) -> dict[str, CriterionResult]:
    """The criteria that were asked: of candidates, and of every indication."""
    asked = (c for i in found.indications if i.candidate for c in i.criteria)
    return {c.id: c for c in (*asked, *found.always)}


def _criteria(before: Determination, after: Determination) -> Iterator[Flip]:
    old, new = _results(before), _results(after)
    for name, result in (old | new).items():
        was = _words(old[name].truth) if name in old else _NOT_ASKED
        now = _words(new[name].truth) if name in new else _NOT_ASKED
        if was != now:
            yield Flip(
                kind="criterion",
                name=result.label,
                before=was,
                after=now,
                citation=result.citation,
            )


def _windows(before: Determination, after: Determination) -> Iterator[Flip]:
    old = {_key(w): w for w in before.waiting_periods}
    new = {_key(w): w for w in after.waiting_periods}
    for key, window in (old | new).items():
        was, now = _window(old.get(key)), _window(new.get(key))
        if was != now:
            yield Flip(
                kind="window",
                name=f"Waiting period of {window.event}, {window.reference}",
                before=was,
                after=now,
                citation=window.citation,
            )


def _key(window: WaitingPeriodResult) -> tuple[str, str]:
    return window.event, window.reference


def _window(window: WaitingPeriodResult | None) -> str:
    if window is None:
        return "closed"
    certainty = "" if window.certainty == "definite" else "perhaps "
    binding = "" if window.applies else ", binds nobody"
    return f"{certainty}open to {window.last_excluded_day.isoformat()}{binding}"


def _pairs(before: Determination, after: Determination) -> Iterator[Flip]:
    old, new = _by_primary(before.missing_secondary), _by_primary(after.missing_secondary)
    for primary, pair in (old | new).items():
        was, now = primary in old, primary in new
        if was != now:
            words = {True: "missing", False: "not missing"}
            yield Flip(
                kind="pair",
                name=f"Second diagnosis beside {primary}",
                before=words[was],
                after=words[now],
                citation=pair.citation,
            )


def _by_primary(pairs: Iterable[MissingSecondary]) -> dict[str, MissingSecondary]:
    return {pair.primary: pair for pair in pairs}


def _findings(before: Determination, after: Determination) -> Iterator[Flip]:
    old = {(f.code, f.text): f for f in before.findings}
    new = {(f.code, f.text): f for f in after.findings}
    for key, finding in (old | new).items():
        was = old[key].severity if key in old else _NOTHING
        now = new[key].severity if key in new else _NOTHING
        if was != now:
            yield Flip(
                kind="finding",
                name=finding.text,
                before=was,
                after=now,
                citation=finding.citation,
            )
