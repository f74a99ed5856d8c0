"""The tables as an XLSX workbook: codes are texts, counts numbers; the same bytes on every run."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from xlsxwriter import Workbook

from defib_coverage.terminology.describing import PUBLISHER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from xlsxwriter.worksheet import Worksheet

    from defib_coverage.terminology.spreadsheet import Table

_WIDEST = 60


def workbook_of(tables: Sequence[Table], title: str, published: date) -> bytes:
    """A workbook with a sheet for each table.

    Codes keep their leading zeros, and nothing is taken for a formula, a number or a link.

    Args:
        tables: what to show.
        title: what the document calls itself.
        published: the day that it calls its own.
    """
    written = io.BytesIO()
    # In memory, for its parts carry no hour of a file then.
    with Workbook(written, {"in_memory": True}) as book:
        created = datetime(published.year, published.month, published.day, tzinfo=UTC)
        properties = {"title": title, "author": PUBLISHER, "created": created.replace(tzinfo=None)}
        book.set_properties(properties)
        bold = book.add_format({"bold": True})
        text = book.add_format({"num_format": "@"})
        for table in tables:
            sheet = book.add_worksheet(table.name)
            for column, name in enumerate(table.columns):
                sheet.write_string(0, column, name, bold)
            for number, row in enumerate(table.rows, start=1):
                for column, cell in enumerate(row):
                    if isinstance(cell, int):
                        sheet.write_number(number, column, cell)
                    elif cell:
                        sheet.write_string(number, column, cell, text)
            _arrange(sheet, table)
    return written.getvalue()


def _arrange(sheet: Worksheet, table: Table) -> None:
    """Let a reader scroll and filter."""
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
    for column, name in enumerate(table.columns):
        longest = max((len(name), *(len(str(row[column])) for row in table.rows)))
        sheet.set_column(column, column, min(longest + 2, _WIDEST))
