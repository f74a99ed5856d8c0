"""Differences between two states of the rules for a terminal: a table of statuses, and orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from defib_coverage.explaining.reasons import VERDICTS
from defib_coverage.replaying.summary import STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.command.page import Page
    from defib_coverage.replaying.difference import Difference
    from defib_coverage.replaying.summary import Counted

_MOST_REASONS = 25


def flip_words(before: str, after: str) -> str:
    """What a status was, and what it is now."""
    return f"{VERDICTS[before]} -> {VERDICTS[after]}"


def print_statuses(statuses: Mapping[str, Mapping[str, int]], page: Page) -> None:
    """Print orders by their status before, then after."""
    rows = [status for status in STATUSES if status in statuses]
    columns = [s for s in STATUSES if any(s in after for after in statuses.values())]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("before \\ after", overflow="fold")
    for status in columns:
        table.add_column(VERDICTS[status], justify="right")
    for status in rows:
        numbers = (statuses[status].get(after, 0) for after in columns)
        table.add_row(VERDICTS[status], *(str(number or "-") for number in numbers))
    page.show(table)


def print_reasons(title: str, reasons: Sequence[Counted], page: Page) -> None:
    """Print how many orders differ for each reason; an order may have several."""
    if not reasons:
        return
    page.show(Text(title, style="bold"))
    for one in reasons[:_MOST_REASONS]:
        page.line(f"{one.orders:>7}  {one.reason}", 2)
    if len(reasons) > _MOST_REASONS:
        page.line(f"{len(reasons) - _MOST_REASONS} more: --json has all of them", 2)


def print_difference(title: str, difference: Difference | None, page: Page) -> None:
    """Print what differs for one order, every reason a sentence; None where it was not kept."""
    page.heading(title)
    if difference is None:
        return
    met = (difference.indications_before, difference.indications_after)
    if met[0] != met[1]:
        page.line(f"indications met: {_listed(met[0])} -> {_listed(met[1])}", 2)
    days = (difference.earliest_before, difference.earliest_after)
    if days[0] != days[1]:
        page.line(f"first eligible day: {days[0] or 'none'} -> {days[1] or 'none'}", 2)
    for sentence in difference.sentences:
        page.item(sentence)


def _listed(indications: Sequence[str]) -> str:
    return ", ".join(indications) or "none"
