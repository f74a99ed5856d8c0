"""The sections that count events: by status and year, by open window, by missing pair, by finding.

With a limit each number stands in one line whose sum is told, or is a part of one number that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.audit.reporting.charts import Kind, Stack, bars, columns
from defib_coverage.audit.reporting.hiding import WITHHELD, Hidden, Limit, Number, Part
from defib_coverage.audit.reporting.population import STATUSES, Population
from defib_coverage.audit.reporting.section import Section
from defib_coverage.audit.reporting.table import Cell, Table
from defib_coverage.audit.reporting.tally import BINS, WINDOW_EVENTS, EventName, Pair, Tally
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ALL = "all"
_HEADS = tuple(VERDICTS[status] for status in STATUSES)
_KINDS = tuple(Kind(VERDICTS[status], status) for status in STATUSES)
_EVENT_WORDS = {
    "MI": "infarction (MI)",
    "CABG": "bypass (CABG)",
    "PCI": "coronary intervention (PCI)",
}
# A longer axis than a working life shows only the years that there are.
_MOST_YEARS = 40
# Each event in a window, or with a missing pair, has them: beside the tables of those they would
# tell what is hidden there.
_TOLD_ELSEWHERE = frozenset({"waiting-period-open", "secondary-diagnosis-missing"})


def by_year(tally: Tally, found: Sequence[Population], limit: Limit | None) -> Section:
    """How many events came to each status in each year."""
    shown = [one for one in found if one.shown]
    done = {one.performed for one in shown}
    years = _years({year for (performed, _, year) in tally.statuses if performed in done})
    charts, rows = [], []
    for one in shown:
        lines = [
            _line(
                [tally.statuses[one.performed, status, year] for year in years],
                one.statuses[status],
                limit,
            )
            for status in STATUSES
        ]
        cells = list(zip(*lines, strict=True))
        stacks = [Stack(str(year), parts) for year, parts in zip(years, cells, strict=True)]
        charts.append(columns(f"Events by status and year: {one.name}", _KINDS, stacks))
        # Of a single year everything is the same as of all.
        sums = [_sum(parts) for parts in cells] if len(years) > 1 else [one.total]
        rows += [
            (one.name, str(year), *parts, whole)
            for year, parts, whole in zip(years, cells, sums, strict=True)
        ]
        rows.append((one.name, _ALL, *(one.statuses[status] for status in STATUSES), one.total))
    heads = ("events", "year", *_HEADS, _ALL)
    note = (
        "An event is what was ordered, done and billed for one patient on one service date. It "
        "counts once: with the worst status of what was performed, or, where nothing was, of what "
        "was ordered."
    )
    table = Table("status-by-year", "Events by status and year", heads, tuple(rows), words=2)
    return Section("years", "Status by year", (note,), tuple(charts), (table,))


def _years(present: set[int]) -> tuple[int, ...]:
    if not present:
        return ()
    first, last = min(present), max(present)
    every = last - first < _MOST_YEARS
    return tuple(range(first, last + 1)) if every else tuple(sorted(present))


def windows(tally: Tally, found: Sequence[Population], limit: Limit | None) -> Section:
    """How many days before the first eligible day events were, by what began the window."""
    shown = [one for one in found if one.shown]
    lines = {
        (one.performed, name): _window_line(tally, one, name, limit)
        for name in WINDOW_EVENTS
        for one in shown
    }
    kinds = [Kind(one.name, "performed" if one.performed else "ordered") for one in shown]
    charts = [
        columns(
            f"Open windows by days early: {_EVENT_WORDS[name]}",
            kinds,
            [
                Stack(step, tuple(lines[one.performed, name][at] for one in shown))
                for at, step in enumerate(BINS)
            ],
        )
        for name in WINDOW_EVENTS
    ]
    heads = ("days early", *(f"{name} {one.name}" for name in WINDOW_EVENTS for one in shown))
    order = [(one.performed, name) for name in WINDOW_EVENTS for one in shown]
    rows = tuple(
        (step, *(lines[key][at] for key in order)) for at, step in enumerate((*BINS, _ALL))
    )
    tables = [Table("open-windows", "Open windows by days early", heads, rows)]
    if limit is None:
        tables.append(_certainties(tally))
    note = (
        "Events inside a waiting period that applies: how many days before the first eligible day "
        "they were. One that is inside two kinds of window counts in both; of several of a kind "
        "the one that ends last counts."
    )
    return Section("windows", "Open windows at implant", (note,), tuple(charts), tuple(tables))


def _window_line(
    tally: Tally, one: Population, name: EventName, limit: Limit | None
) -> tuple[Number, ...]:
    """The steps of one kind of window, and their sum."""
    counts = [tally.windows[one.performed, name, at] for at in range(len(BINS))]
    total = _part(sum(counts), one.total, limit)
    return (*_line(counts, total, limit), total)


def _certainties(tally: Tally) -> Table:
    """How sure the windows are, and which are lifted by an exception."""
    kinds = sorted({kind for (_, _, kind) in (*tally.certainty, *tally.exempt)})
    rows = tuple(
        (
            name,
            kind,
            *(
                tally.certainty[performed, name, kind] + tally.exempt[performed, name, kind]
                for performed in (True, False)
            ),
        )
        for name in WINDOW_EVENTS
        for kind in kinds
        if any(
            tally.certainty[performed, name, kind] or tally.exempt[performed, name, kind]
            for performed in (True, False)
        )
    )
    heads = ("window", "how it stands", "performed", "ordered only")
    caption = "How sure open windows are, and which an exception lifts"
    return Table("window-certainty", caption, heads, rows, words=2)


def pairs(tally: Tally, found: Sequence[Population], limit: Limit | None) -> Section:
    """Which primary diagnosis lacks which partner."""
    shown = [one for one in found if one.shown]
    done = {one.performed for one in shown}
    lacking = {pair for (performed, pair) in tally.missing if performed in done}
    # The most frequent first, as far as that may be told.
    cells = {pair: [_pair(tally, one, pair, limit) for one in shown] for pair in sorted(lacking)}
    ordered = sorted(cells, key=lambda pair: (-sum(_known(part[0]) for part in cells[pair]), pair))
    rows = tuple(
        (pair.primary, " ".join(pair.any_of), *(n for part in cells[pair] for n in part))
        for pair in ordered
    )
    heads = ["primary", "needs one of"]
    charts = []
    for at, one in enumerate(shown):
        heads += [one.name, f"{one.name}: partner in other words"]
        stacks = [Stack(f"{pair.primary} alone", (cells[pair][at][0],)) for pair in ordered]
        if any(_known(stack.parts[0]) for stack in stacks):
            kind = Kind(one.name, "performed" if one.performed else "ordered")
            charts.append(bars(f"Events with a missing pair: {one.name}", [kind], stacks))
    note = (
        "Events with a primary diagnosis whose partner is not on file. In some the chart documents "
        "a partner in other words: a code can be added. One event may lack several."
    )
    table = Table("missing-pairs", "Missing pairs", tuple(heads), rows, words=2)
    return Section("pairs", "Missing pairs", (note,), tuple(charts), (table,))


def _pair(tally: Tally, one: Population, pair: Pair, limit: Limit | None) -> tuple[Number, Number]:
    """How many events lack a partner, and of how many the chart supports one."""
    lacking = tally.missing[one.performed, pair]
    supported = tally.supported[one.performed, pair]
    if limit is None:
        return lacking, supported
    told = _part(lacking, one.total, limit)
    if isinstance(told, Hidden):
        return told, WITHHELD
    part, whole = limit.share(supported, lacking)
    return whole, part


def findings(
    tally: Tally, found: Sequence[Population], limit: Limit | None, shorts: Mapping[str, str]
) -> Section:
    """Which findings occur most; ``shorts`` are their phrases by code."""
    shown = [one for one in found if one.shown]
    left_out = frozenset[str]() if limit is None else _TOLD_ELSEWHERE
    codes = sorted({code for (_, code) in tally.findings} - left_out)
    cells = {code: [_finding(tally, one, code, limit) for one in shown] for code in codes}
    ordered = sorted(
        (code for code in codes if any(_is_listed(cell, limit) for cell in cells[code])),
        key=lambda code: (-sum(_known(cell) for cell in cells[code]), code),
    )
    heads = ["finding", "meaning", *(one.name for one in shown)]
    rows: list[tuple[Cell, ...]] = [(code, shorts.get(code, ""), *cells[code]) for code in ordered]
    if limit is None:
        heads += [f"{one.name}: as a warning" for one in shown]
        rows = [
            (*row, *(tally.warnings[one.performed, code] for one in shown))
            for code, row in zip(ordered, rows, strict=True)
        ]
    note = "How many events have each finding. One event may have several."
    if limit is not None:
        note += (
            f" What fewer than {limit.least} events have is not listed, and here "
            f"{limit.small.text} may be none; open windows and missing pairs stand above."
        )
    charts = [
        bars(
            f"Events by finding: {one.name}",
            [Kind(one.name, "performed" if one.performed else "ordered")],
            [Stack(code, (cells[code][at],)) for code in ordered if _known(cells[code][at])],
        )
        for at, one in enumerate(shown)
    ]
    table = Table("findings", "Findings", tuple(heads), tuple(rows), words=2)
    return Section("findings", "Findings", (note,), tuple(charts), (table,))


def _finding(tally: Tally, one: Population, code: str, limit: Limit | None) -> Number:
    count = tally.findings[one.performed, code]
    # So many codes may go unlisted that none of them can be told from the events without any.
    return limit.small if limit and not count else _part(count, one.total, limit)


def _is_listed(cell: Number, limit: Limit | None) -> bool:
    return limit is None or cell != limit.small


def _part(count: int, total: Number, limit: Limit | None) -> Number:
    """A number of events, as it may be told beside the number of all."""
    if limit is None:
        return count
    return limit.share(count, total)[0] if isinstance(total, int) else WITHHELD


def _line(counts: Sequence[int], total: Number, limit: Limit | None) -> tuple[Number, ...]:
    """Numbers that add up to another, as they may be told beside it."""
    if limit is None:
        return tuple(counts)
    if isinstance(total, Hidden):
        return (WITHHELD,) * len(counts)
    return limit.line([Part(count) for count in counts], total)


def _sum(numbers: Sequence[Number]) -> Number:
    """A sum, which is told where all its parts are."""
    known = [number for number in numbers if isinstance(number, int)]
    return sum(known) if len(known) == len(numbers) else WITHHELD


def _known(number: Number) -> int:
    return number if isinstance(number, int) else 0
