"""The sections on what is missing: the partners of diagnoses, and what findings tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.audit.reporting.charts import Kind, Stack, bars
from defib_coverage.audit.reporting.hiding import WITHHELD, Hidden, Limit, Number
from defib_coverage.audit.reporting.population import Population
from defib_coverage.audit.reporting.section import Section
from defib_coverage.audit.reporting.table import Cell, Table
from defib_coverage.audit.reporting.tally import Pair, Tally
from defib_coverage.audit.reporting.telling import kind_of, known, part_told
from defib_coverage.coverage.findings import FINDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAIR_KINDS = (
    Kind("no partner on file", "not-covered"),
    Kind("partner in other words", "conditional"),
)
# Each event in a window, or with a missing pair, has them: beside the tables of those they would
# tell what is hidden there.
_TOLD_ELSEWHERE = frozenset({"waiting-period-open", "secondary-diagnosis-missing"})


def pairs(tally: Tally, found: Sequence[Population], limit: Limit | None) -> Section:
    """Which primary diagnosis lacks which partner."""
    shown = [one for one in found if one.shown]
    done = {one.performed for one in shown}
    lacking = {pair for (performed, pair) in tally.missing if performed in done}
    # The most frequent first, as far as that may be told.
    cells = {pair: [_pair(tally, one, pair, limit) for one in shown] for pair in sorted(lacking)}
    ordered = sorted(cells, key=lambda pair: (-sum(known(part[0]) for part in cells[pair]), pair))
    rows = tuple(
        (pair.primary, " ".join(pair.any_of), *(n for part in cells[pair] for n in part))
        for pair in ordered
    )
    heads = ["primary", "needs one of"]
    charts = []
    for at, one in enumerate(shown):
        heads += [one.name, f"{one.name}: partner in other words"]
        stacks = [_pair_stack(pair, cells[pair][at], limit) for pair in ordered]
        if any(known(cells[pair][at][0]) for pair in ordered):
            kinds = _PAIR_KINDS if limit is None else (kind_of(one),)
            charts.append(bars(f"Events with a missing pair: {one.name}", kinds, stacks))
    note = (
        "Events with a primary diagnosis whose partner is not on file. In some the chart documents "
        "a partner in other words: a code can be added. One event may lack several."
    )
    table = Table("missing-pairs", "Missing pairs", tuple(heads), rows, words=2)
    return Section("pairs", "Missing pairs", (note,), tuple(charts), (table,))


def _pair_stack(pair: Pair, cell: tuple[Number, Number], limit: Limit | None) -> Stack:
    """The bar of a pair; where numbers are hidden it is not split."""
    lacking, supported = cell
    parts = (lacking,) if limit else (known(lacking) - known(supported), supported)
    return Stack(f"{pair.primary} alone", parts)


def _pair(tally: Tally, one: Population, pair: Pair, limit: Limit | None) -> tuple[Number, Number]:
    """How many events lack a partner, and of how many the chart supports one."""
    lacking = tally.missing[one.performed, pair]
    supported = tally.supported[one.performed, pair]
    if limit is None:
        return lacking, supported
    told = part_told(lacking, one.total, limit)
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
        key=lambda code: (_is_info(code), -sum(known(cell) for cell in cells[code]), code),
    )
    heads = ["finding", "meaning", *(one.name for one in shown)]
    rows: list[tuple[Cell, ...]] = [(code, shorts.get(code, ""), *cells[code]) for code in ordered]
    if limit is None:
        heads += [f"{one.name}: as a warning" for one in shown]
        rows = [
            (*row, *(tally.warnings[one.performed, code] for one in shown))
            for code, row in zip(ordered, rows, strict=True)
        ]
    note = (
        "How many events have each finding. One event may have several. Those that only inform "
        "stand last, and in no picture."
    )
    if limit is not None:
        note += (
            f" What fewer than {limit.least} events have is not listed, and here "
            f"{limit.small.text} may be none; open windows and missing pairs stand above."
        )
    charts = [
        bars(
            f"Events by finding: {one.name}",
            [kind_of(one)],
            [
                Stack(code, (cells[code][at],))
                for code in ordered
                if known(cells[code][at]) and not _is_info(code)
            ],
        )
        for at, one in enumerate(shown)
    ]
    table = Table("findings", "Findings", tuple(heads), tuple(rows), words=2)
    return Section("findings", "Findings", (note,), tuple(charts), (table,))


def _finding(tally: Tally, one: Population, code: str, limit: Limit | None) -> Number:
    count = tally.findings[one.performed, code]
    # So many codes may go unlisted that none of them can be told from the events without any.
    return limit.small if limit and not count else part_told(count, one.total, limit)


def _is_info(code: str) -> bool:
    """Whether a finding is never a warning."""
    return FINDINGS.get(code) == "info"


def _is_listed(cell: Number, limit: Limit | None) -> bool:
    return limit is None or cell != limit.small
