"""``publish``: the value sets of a release or of all of them, written to files."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec
import typer

from defib_coverage.command.options import counted
from defib_coverage.command.publish_files import write_files
from defib_coverage.documents.document import InputError
from defib_coverage.fhir.systems import CANONICAL_BASE
from defib_coverage.publication import read_catalogue
from defib_coverage.settings import canonical_base_fault, read_settings
from defib_coverage.terminology.guide import FREE_ID, PACKAGE_ID
from defib_coverage.terminology.history import transaction_of
from defib_coverage.terminology.listing import listing_of
from defib_coverage.terminology.package import package_of
from defib_coverage.terminology.pages import page_of
from defib_coverage.terminology.spreadsheet import csv_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.releases import Release, Releases

_INSTALL = "pip install 'defib-coverage[publish]'"
_WORKBOOK_TITLE = "Defibrillator coverage: value sets"


class Wanted(msgspec.Struct, frozen=True):
    """What to publish, and where to: ``canonical`` is the base, the setting's where None."""

    output: Path
    canonical: str | None
    without_cpt: bool


def canonical_base(canonical: str | None) -> str:
    """The canonical base that is asked for; that of the settings where it is None.

    Raises:
        InputError: it cannot be one.
        SettingsError: a setting cannot be used.
    """
    base = read_settings(os.environ).canonical_base if canonical is None else canonical
    fault = canonical_base_fault(base)
    if fault is not None:
        message = f"--canonical {base}: {fault}"
        raise InputError(message)
    return base


def open_catalogue(canonical: str | None) -> Catalogue:
    """Everything that is published, under a canonical base or that of the settings.

    Raises:
        InputError: the base cannot be one.
        SettingsError: a setting cannot be used.
        DataError: the data cannot be used.
    """
    base = canonical_base(canonical)
    if base == CANONICAL_BASE:
        typer.echo(
            "The canonical base is an example's: set DEFIB_COVERAGE_CANONICAL_BASE or --canonical "
            "to a URL of yours before others use this",
            err=True,
        )
    return read_catalogue(base)


def publish_package(wanted: Wanted, on: date | None, revision: str | None) -> None:
    """Write the package of a release: of a day's, a revision's, or today's.

    Raises:
        InputError: there is no such release, or the file cannot be written.
    """
    catalogue = _wanted_catalogue(wanted)
    release = find_release(catalogue.releases, on, revision)
    licensed = not wanted.without_cpt
    package = package_of(release, catalogue.of(release), catalogue.base, licensed=licensed)
    write_files(wanted.output, {package.filename: package.body})
    typer.echo(f"  {release.title}")
    _echo_counts(package.counts)


def _wanted_catalogue(wanted: Wanted) -> Catalogue:
    catalogue = open_catalogue(wanted.canonical)
    return catalogue.free() if wanted.without_cpt else catalogue


def publish_history(wanted: Wanted) -> None:
    """Write all versions of everything as a transaction.

    Raises:
        InputError: the file cannot be written.
    """
    catalogue = _wanted_catalogue(wanted)
    resources = catalogue.resources
    name = FREE_ID if wanted.without_cpt else PACKAGE_ID
    body = msgspec.json.encode(transaction_of(resources, catalogue.base)) + b"\n"
    write_files(wanted.output, {f"{name}-history.json": body})
    kinds = [type(one).__name__ for one in resources]
    _echo_counts({kind: kinds.count(kind) for kind in dict.fromkeys(kinds)})


def publish_tables(wanted: Wanted) -> None:
    """Write the tables: each as CSV, and all as one workbook.

    Raises:
        InputError: a file cannot be written, or what writes workbooks is missing.
    """
    try:
        from defib_coverage.terminology.workbook import workbook_of  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        message = f"publish tables: needs xlsxwriter: {_INSTALL}"
        raise InputError(message) from error
    catalogue = open_catalogue(wanted.canonical)
    tables = tables_of(listing_of(catalogue, licensed=not wanted.without_cpt))
    published = catalogue.releases.latest.published
    files = {f"{table.name}.csv": csv_of(table) for table in tables}
    files["value-sets.xlsx"] = workbook_of(tables, _WORKBOOK_TITLE, published)
    write_files(wanted.output, files)
    for table in tables:
        typer.echo(f"  {table.name}: {counted(len(table.rows), 'row')}")


def publish_page(wanted: Wanted) -> None:
    """Write the page.

    Raises:
        InputError: the file cannot be written.
    """
    catalogue = open_catalogue(wanted.canonical)
    listing = listing_of(catalogue, licensed=not wanted.without_cpt)
    write_files(wanted.output, {"index.html": page_of(listing)})
    typer.echo(f"  {counted(len(listing.sets), 'value set')}")


def find_release(releases: Releases, on: date | None, revision: str | None) -> Release:
    """The release of a day, of a revision or version, or of today.

    Raises:
        InputError: there is none.
    """
    if revision is not None:
        found = releases.named(revision) or releases.versioned(revision)
        if found is None:
            names = ", ".join(name for release in releases.all for name in release.revisions)
            versions = ", ".join(release.version for release in releases.all)
            message = f"--revision {revision}: is none of {names}, nor of the versions {versions}"
            raise InputError(message)
        return found
    day = on or datetime.now(read_settings(os.environ).time_zone).date()
    found = releases.on(day)
    if found is None:
        message = f"--on {day}: nothing is in force before {releases.all[0].effective}"
        raise InputError(message)
    return found


def _echo_counts(counts: Mapping[str, int]) -> None:
    each = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    typer.echo(f"  {counted(sum(counts.values()), 'resource')}: {each}")
