"""The ledger's report as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from defib_coverage.command.page import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.command.page import Page
    from defib_coverage.ledger.report import Rates, Report

# What does not fit a terminal; the HTML report has all of it.
_MOST_ROWS = 25


def print_report(report: Report, title: str, page: Page) -> None:
    """Print a report."""
    page.show(Text(title, style="bold"))
    total = report.total
    page.line(
        f"{total.decisions} decisions, {total.cards} cards, {total.answered} answered: "
        f"{total.accepted} accepted, {total.overridden} overridden. "
        f"{total.offers} cards had suggestions, {total.taken} were accepted with one.",
    )
    unmatched = report.unmatched
    page.line(
        f"Answers to cards that were never sent: {unmatched.unknown}; to cards whose decision is "
        f"kept no longer: {unmatched.purged}. They count nowhere below.",
    )
    _rates("By finding", report.by_finding, page)
    _rates("By kind of card", report.by_kind, page)
    _rates("By client", report.by_client, page)
    _rates("By policy version", report.by_policy, page)
    _reasons(report, page)
    _statuses(report, page)


def share(value: float | None) -> str:
    """A share in words."""
    return "-" if value is None else f"{value:.0%}"


def _rates(title: str, rates: Sequence[Rates], page: Page) -> None:
    numbers = ("decided", "cards", "answered", "accepted", "overridden", "taken")
    table = _table(("", *numbers))
    for one in rates[:_MOST_ROWS]:
        table.add_row(
            plain(one.name),
            str(one.decisions or "-"),
            str(one.cards),
            str(one.answered),
            share(one.acceptance),
            share(one.override),
            str(one.taken),
        )
    _show(title, table, len(rates), page)


def _reasons(report: Report, page: Page) -> None:
    table = _table(("", "cards", "system"))
    table.columns[2].justify = "left"
    for one in report.reasons[:_MOST_ROWS]:
        table.add_row(plain(one.code), str(one.number), plain(one.system or "-"))
    _show("Reasons of overrides", table, len(report.reasons), page)


def _statuses(report: Report, page: Page) -> None:
    names = sorted({name for _, found in report.statuses for name in found})
    table = _table(("", *names))
    rows = report.statuses[-_MOST_ROWS:]
    for time, found in rows:
        table.add_row(time, *(str(found.get(name, 0)) for name in names))
    _show("Statuses over time", table, len(report.statuses), page)


def _table(headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    return table


def _show(title: str, table: Table, number: int, page: Page) -> None:
    page.heading(title)
    if not number:
        page.line("nothing", indent=2)
        return
    page.show(table)
    if number > _MOST_ROWS:
        page.line(f"{number - _MOST_ROWS} more: --html has all of them", indent=2)
