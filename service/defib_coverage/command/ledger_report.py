"""``ledger report``: counted by the database, printed, and written as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from defib_coverage.command.ledger_open import open_books
from defib_coverage.command.ledger_tables import print_report
from defib_coverage.command.page import Page
from defib_coverage.documents.document import InputError
from defib_coverage.ledger.counting import count
from defib_coverage.ledger.page import page_of
from defib_coverage.ledger.report import report

if TYPE_CHECKING:
    from pathlib import Path

    from defib_coverage.ledger.report import Period


def print_ledger_report(period: Period, html: Path | None) -> None:
    """Print the report of a period, and write its page.

    Raises:
        InputError: the page cannot be written.
        SettingsError: there is no ledger, or it cannot be used.
    """
    with open_books() as books:
        found = report(count(books.connection, period))
    title = f"Decisions {_days(period)}"
    print_report(found, title, Page())
    if html is None:
        return
    try:
        html.write_bytes(page_of(found, title))
    except OSError as error:
        message = f"{html}: cannot be written ({error.strerror})"
        raise InputError(message) from error
    typer.echo(f"\n{html}: written")


def _days(period: Period) -> str:
    if period.first is None and period.last is None:
        return "of all days"
    return f"from {period.first or 'the first day'} to {period.last or 'today'}"
