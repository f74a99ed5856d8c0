"""The sections on when: events by status and year, and by days before the first eligible day.

With a limit each number stands in one line whose sum is told, or is a part of one number that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.audit.reporting.charts import Kind, Stack, columns
from defib_coverage.audit.reporting.hiding import Limit, Number
from defib_coverage.audit.reporting.population import STATUSES, Population
from defib_coverage.audit.reporting.section import Section
from defib_coverage.audit.reporting.table import Table
from defib_coverage.audit.reporting.tally import BINS, WINDOW_EVENTS, EventName, Tally
from defib_coverage.audit.reporting.telling import kind_of, line_told, part_told, sum_told
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def by_year(tally: Tally, found: Sequence[Population], limit: Limit | None) -> Section:
    """How many events came to each status in each year."""
    shown = [one for one in found if one.shown]
    done = {one.performed for one in shown}
    years = _years({year for (performed, _, year) in tally.statuses if performed in done})
    charts, rows = [], []
    for one in shown:
        lines = [
            line_told(
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
        sums = [sum_told(parts) for parts in cells] if len(years) > 1 else [one.total]
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
    table = Table(
        "status-by-year", "Events by status and year", heads, tuple(rows), words=2, grouped=True
    )
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
    kinds = [kind_of(one) for one in shown]
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
    total = part_told(sum(counts), one.total, limit)
    return (*line_told(counts, total, limit), total)


def _certainties(tally: Tally) -> Table:
    """How sure the windows are, and which are lifted by an exception."""
    both = tally.certainty + tally.exempt
    kinds = sorted({(name, kind) for (_, name, kind) in both})
    rows = tuple(
        (name, kind, both[True, name, kind], both[False, name, kind]) for name, kind in kinds
    )
    heads = ("window", "how it stands", "performed", "ordered only")
    caption = "How sure open windows are, and which an exception lifts"
    return Table("window-certainty", caption, heads, rows, words=2)
