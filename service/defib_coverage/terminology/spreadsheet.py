"""The value sets as plain tables: rows of texts, and rows as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.terminology.listing import Listing

_CODES = (
    "value set",
    "title",
    "role",
    "indications",
    "order class",
    "code system",
    "system URI",
    "system releases",
    "code",
    "official title",
    "own words",
    "first service day",
    "last service day",
    "companions",
    "remarks",
    "paragraph",
    "versions",
)
_SETS = (
    "value set",
    "title",
    "role",
    "indications",
    "order class",
    "purpose",
    "paragraph",
    "what the paragraph says",
    "codes in the latest version",
    "versions",
    "URL",
)
_CHANGES = (
    "version",
    "first service day",
    "version before",
    "value set",
    "change",
    "code system",
    "code",
    "meaning",
    "successors",
)
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


Cell = str | int


class Table(msgspec.Struct, frozen=True):
    """A table of texts and counts; every row is as long as ``columns``."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables_of(listing: Listing) -> tuple[Table, ...]:
    """The tables: codes, value sets, notices and releases, changes between releases."""
    return (
        Table("codes", _CODES, tuple(_code_rows(listing))),
        Table("value-sets", _SETS, tuple(_set_rows(listing))),
        Table("notices", ("about", "text"), tuple(_notice_rows(listing))),
        Table("changes", _CHANGES, tuple(_change_rows(listing))),
    )


def csv_of(table: Table) -> bytes:
    """A table as CSV in UTF-8.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, as one typed in
    by hand would.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([_guarded(cell) for cell in row])
    return text.getvalue().encode()


def _guarded(cell: Cell) -> Cell:
    is_formula = isinstance(cell, str) and cell.startswith(_STARTS_FORMULA)
    return f"'{cell}" if is_formula else cell


def _code_rows(listing: Listing) -> Iterator[tuple[str, ...]]:
    for one in listing.sets:
        for code in one.codes:
            yield (
                one.id,
                one.title,
                one.role,
                " ".join(one.indications),
                one.order_class,
                code.system,
                code.uri,
                " ".join(code.editions),
                code.code,
                code.display,
                code.words,
                "" if code.first is None else code.first.isoformat(),
                "" if code.last is None else code.last.isoformat(),
                code.beside,
                code.remarks,
                one.cite,
                " ".join(code.versions),
            )


def _set_rows(listing: Listing) -> Iterator[tuple[Cell, ...]]:
    latest = listing.releases[-1].version
    for one in listing.sets:
        yield (
            one.id,
            one.title,
            one.role,
            " ".join(one.indications),
            one.order_class,
            one.purpose,
            one.cite,
            one.paragraph,
            sum(latest in code.versions for code in one.codes),
            " ".join(one.versions),
            one.url,
        )


def _notice_rows(listing: Listing) -> Iterator[tuple[str, ...]]:
    for release in listing.releases:
        yield release.version, f"{release.policy.citation.partition(',')[0]}: {release.title}"
    for notice in listing.notices:
        yield "notice", notice
    yield "notice", "This is not legal or coding advice, and CMS has not endorsed it."


def _change_rows(listing: Listing) -> Iterator[tuple[str, ...]]:
    for change in listing.changes:
        yield (
            change.release.version,
            change.release.effective.isoformat(),
            change.before,
            change.value_set,
            "came" if change.came else "left",
            change.code.system,
            change.code.code,
            change.code.meaning,
            "" if change.came else " ".join(change.code.successors),
        )
