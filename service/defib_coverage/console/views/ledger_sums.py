"""What the page of the ledger's sums tells, out of what was counted."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup  # noqa: TC002 - the type of a field

from defib_coverage.console.drawing import Part, bar, drawn
from defib_coverage.console.ledger_query import CLASSES, USUAL_DAYS
from defib_coverage.explaining.reasons import VERDICTS
from defib_coverage.ledger.browsing import Line
from defib_coverage.ledger.charts import by_status, columns
from defib_coverage.ledger.durations import STEPS, Durations, together
from defib_coverage.ledger.report import NO_FINDING, NO_REASON, NOBODY, Unmatched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.console.ledger_query import Query
    from defib_coverage.coverage.wording import Wording
    from defib_coverage.ledger.browsing import Sums
    from defib_coverage.ledger.report import Rates, Report

_PATH = "/ledger"
_PRESETS = ((7, "7 days"), (USUAL_DAYS, "30 days"), (90, "90 days"), (365, "A year"))
_SECOND = 1000
_NOTHING = "\N{EN DASH}"


class Link(msgspec.Struct, frozen=True):
    """A way to another period; ``current`` where it is the one that is shown."""

    words: str
    address: str
    current: bool


class Slice(msgspec.Struct, frozen=True):
    """A row of a list with a bar: its name, what it means, its numbers, and the bar's parts."""

    name: str
    words: str
    numbers: tuple[str, ...]
    parts: tuple[Part, ...]
    kind: str = ""


class Picture(msgspec.Struct, frozen=True):
    """A chart, and the same as a table."""

    svg: Markup
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Latency(msgspec.Struct, frozen=True):
    """How long calls took: in short, how they spread, and how it went over time."""

    half: str
    most: str
    slowest: str
    spread: Picture
    by_time: tuple[tuple[str, ...], ...]


class SumsView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of the ledger's sums; ``whole`` is a bar of all statuses."""

    first: str
    last: str
    client: str | None
    order_class: str | None
    clients: tuple[str, ...]
    classes: tuple[str, ...]
    presets: tuple[Link, ...]
    told: str
    begins: date | None
    ends: date | None
    decisions: int
    tiles: tuple[tuple[str, str], ...]
    statuses: tuple[Slice, ...]
    whole: tuple[Part, ...]
    over_time: Picture | None
    findings: tuple[Slice, ...]
    answers: tuple[Slice, ...]
    reasons: tuple[Slice, ...]
    latency: Latency | None
    by_client: tuple[tuple[str, ...], ...]
    by_policy: tuple[tuple[str, ...], ...]
    newest: tuple[Line, ...]
    unmatched: Unmatched
    nobody: str = NOBODY


def sums_view(sums: Sums, query: Query, wording: Wording) -> SumsView:
    """What the page tells.

    Args:
        sums: what was counted.
        query: what was asked for.
        wording: our words for findings and reasons.
    """
    report, period = sums.report, sums.period
    total = report.total
    return SumsView(
        first="" if period.first is None else period.first.isoformat(),
        last="" if period.last is None else period.last.isoformat(),
        client=query.choice.client,
        order_class=query.choice.order_class,
        clients=sums.clients,
        classes=CLASSES,
        presets=_presets(sums, query),
        told=_told(sums, query),
        begins=sums.first,
        ends=sums.last,
        decisions=total.decisions,
        tiles=(
            (f"{total.decisions:,}", "decisions"),
            (f"{total.cards:,}", "cards sent"),
            (f"{total.answered:,}", "cards answered"),
            (share(total.acceptance), "of them accepted"),
            (share(total.override), "of them overridden"),
            (f"{total.taken:,}", f"suggestions taken, of {total.offers:,} offered"),
        ),
        statuses=_statuses(report),
        whole=bar(_parts(report), total.decisions),
        over_time=_over_time(report),
        findings=_findings(report, wording),
        answers=_answers(report, wording),
        reasons=_reasons(report, wording),
        latency=_latency(sums.durations),
        by_client=tuple(_rates(one) for one in report.by_client),
        by_policy=tuple(_rates(one) for one in report.by_policy),
        newest=sums.newest,
        unmatched=report.unmatched,
    )


def share(value: float | None) -> str:
    """A share in percent; a dash where there is nothing to take it of."""
    return _NOTHING if value is None else f"{value:.0%}"


def milliseconds(value: float | None) -> str:
    """A time for people."""
    if value is None:
        return _NOTHING
    return f"{value / _SECOND:,.3g} s" if value >= _SECOND else f"{value:,.3g} ms"


def _told(sums: Sums, query: Query) -> str:
    period, choice = sums.period, query.choice
    if period.first is None and period.last is None:
        words = "All days"
    elif period.first == period.last:
        words = f"{period.first}"
    else:
        words = f"{period.first or 'From the first day'} to {period.last or 'today'}"
    if choice.client is not None:
        words += f", asked by {choice.client}"
    return words if choice.order_class is None else f"{words}, {choice.order_class}"


def _presets(sums: Sums, query: Query) -> tuple[Link, ...]:
    """Usual periods, up to the ledger's last day."""
    if sums.last is None:
        return ()
    kept = {"client": query.choice.client or "", "class": query.choice.order_class or ""}
    kept = {name: value for name, value in kept.items() if value}
    spans: list[tuple[str, str, str]] = [
        (words, (sums.last - timedelta(days=days - 1)).isoformat(), sums.last.isoformat())
        for days, words in _PRESETS
    ]
    spans.append(("All", "", ""))
    now = tuple(
        "" if day is None else day.isoformat() for day in (sums.period.first, sums.period.last)
    )
    return tuple(
        Link(
            words,
            f"{_PATH}?{urlencode({'from': first, 'to': last} | kept)}",
            (first, last) == now,
        )
        for words, first, last in spans
    )


def _parts(report: Report) -> list[tuple[str, int, str]]:
    shown = by_status(report.statuses)
    return [
        (kind, sum(numbers[place] for _, numbers in shown.rows), VERDICTS.get(name, name))
        for place, (name, kind) in enumerate(zip(shown.names, shown.classes, strict=True))
    ]


def _statuses(report: Report) -> tuple[Slice, ...]:
    whole = report.total.decisions
    return tuple(
        Slice(name, "", (f"{number:,}", share(number / whole if whole else None)), (), kind)
        for kind, number, name in _parts(report)
    )


def _over_time(report: Report) -> Picture | None:
    if not report.statuses:
        return None
    shown = by_status(report.statuses)
    names = tuple(VERDICTS.get(name, name) for name in shown.names)
    svg = columns("Decisions over time, by status", shown.rows, names, shown.classes)
    rows = ((time, *(f"{one:,}" for one in numbers)) for time, numbers in shown.rows)
    return Picture(drawn(svg), ("Time", *names), tuple(rows))


def _findings(report: Report, wording: Wording) -> tuple[Slice, ...]:
    """Findings by how many decisions have them, most first."""
    found = sorted(report.by_finding, key=lambda one: (-one.decisions, one.name))
    most = max((one.decisions for one in found), default=0)
    whole = report.total.decisions
    return tuple(
        Slice(
            one.name,
            _finding(one.name, wording),
            (f"{one.decisions:,}", share(one.decisions / whole if whole else None)),
            bar([("finding", one.decisions, "decisions")], most),
        )
        for one in found
        if one.decisions
    )


def _answers(report: Report, wording: Wording) -> tuple[Slice, ...]:
    """How the answered cards of each finding were taken."""
    found = [one for one in report.by_finding if one.answered]
    return tuple(
        Slice(
            one.name,
            _finding(one.name, wording),
            (f"{one.answered:,}", share(one.acceptance), share(one.override)),
            bar(
                [
                    ("accepted", one.accepted, "accepted"),
                    ("overridden", one.overridden, "overridden"),
                ],
                one.answered,
            ),
        )
        for one in found
    )


def _finding(name: str, wording: Wording) -> str:
    known = wording.findings.get(name)
    if name == NO_FINDING:
        return "nothing had to be told"
    return "" if known is None else known.short


def _reasons(report: Report, wording: Wording) -> tuple[Slice, ...]:
    most = max((one.number for one in report.reasons), default=0)
    slices = []
    for one in report.reasons:
        known = wording.overrides.get(one.code)
        words = "" if known is None else known.display
        if one.code != NO_REASON and known is None:
            words = one.system or ""
        parts = bar([("overridden", one.number, "overridden cards")], most)
        slices.append(Slice(one.code, words, (f"{one.number:,}",), parts))
    return tuple(slices)


def _rates(one: Rates) -> tuple[str, ...]:
    return (
        one.name,
        f"{one.decisions:,}",
        f"{one.cards:,}",
        f"{one.answered:,}",
        share(one.acceptance),
        share(one.override),
    )


def _latency(times: Sequence[Durations]) -> Latency | None:
    if not times:
        return None
    whole = together(times)
    return Latency(
        half=milliseconds(whole.within(0.5)),
        most=milliseconds(whole.within(0.95)),
        slowest=milliseconds(whole.slowest),
        spread=_spread(whole),
        by_time=tuple(
            (
                one.time,
                f"{one.number:,}",
                milliseconds(one.within(0.5)),
                milliseconds(one.within(0.95)),
                milliseconds(one.slowest),
            )
            for one in times
        ),
    )


def _spread(whole: Durations) -> Picture:
    """How many decisions each step has, without the empty steps on either side."""
    names = [f"to {milliseconds(end)}" for end in STEPS]
    names.append(f"over {milliseconds(STEPS[-1])}")
    taken = [place for place, number in enumerate(whole.steps) if number]
    kept = slice(taken[0], taken[-1] + 1)
    rows = [(name, (number,)) for name, number in zip(names, whole.steps, strict=True)][kept]
    svg = columns("Decisions by how long they took", rows, ("decisions",), ("taken",))
    told = tuple((name, f"{numbers[0]:,}") for name, numbers in rows)
    return Picture(drawn(svg), ("Milliseconds", "decisions"), told)
