"""A table of the report: what its cells may be, and how they are written."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.audit.reporting.hiding import Hidden

if TYPE_CHECKING:
    from collections.abc import Sequence

# A spreadsheet takes what begins so for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}")


class Ratio(msgspec.Struct, frozen=True):
    """A share between 0 and 1."""

    value: float


Cell = str | int | Decimal | Ratio | Hidden | None
"""None is a cell that holds nothing."""


class Table(msgspec.Struct, frozen=True):
    """A table; every row is as long as ``heads``.

    ``name`` is that of its CSV file, ``words`` how many of its first columns are words. ``first``
    is how many rows the page shows; the file has all of them. ``grouped``: the page shows what
    stands in the first column once, above the rows that have it, which stand together.
    """

    name: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int = 1
    first: int = 40
    grouped: bool = False


def told(cell: Cell) -> str:
    """A cell as the page writes it."""
    match cell:
        case None:
            return "\N{EN DASH}"
        case Hidden():
            return cell.text
        case Ratio():
            return f"{cell.value:.1%}"
        case Decimal():
            return f"{cell:,.2f}"
        case int():
            return f"{cell:,}"
    return cell


def csv_of(table: Table) -> bytes:
    """A table as CSV, in UTF-8."""
    lines = [csv_line(table.heads), *(csv_line(row) for row in table.rows)]
    return b"".join(lines)


def csv_line(cells: Sequence[Cell]) -> bytes:
    """A line of CSV; a text that would be taken for a formula gets an apostrophe in front."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([_written(cell) for cell in cells])
    return text.getvalue().encode("utf-8", "replace")


def _written(cell: Cell) -> str | int:
    match cell:
        case None:
            return ""
        case Hidden():
            return cell.text
        case Ratio():
            return f"{cell.value:.4f}"
        case Decimal():
            return f"{cell:.2f}"
        case int():
            return cell
    # A space before it hides a formula from a look, not from every spreadsheet.
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULAS) else cell
