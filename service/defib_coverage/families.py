"""The official titles behind code families, and the releases of the code systems they come from.

A pattern says which codes count; a published value set must name each of them. The lists hold the
billable codes of one release that our patterns match, and the titles of the listed codes that have
none in their value set.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.checks import decode
from defib_coverage.content import data_root
from defib_coverage.coverage.codes import CodePattern, normalise
from defib_coverage.errors import DataError, Fault
from defib_coverage.tables import near, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = "valuesets/families"
RELEASES = f"{FOLDER}/releases.toml"
SYSTEMS = ("icd10cm", "icd10pcs")
"""The code systems whose codes are checked against a table."""
_COLUMNS = ["code", "display"]
_YEAR = re.compile(r"20\d\d")
REMEDY = "make families writes the file anew"


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The release of a code system that our codes were checked against.

    ``year`` is its fiscal year: ``2026`` is in force from 2025-10-01 through 2026-09-30. ``update``
    is the first day of the release within that year, ``codes`` how many billable codes it holds,
    ``table`` the package that holds its table, ``checked`` the day of the last check.
    """

    year: str
    update: date
    codes: int
    table: str
    checked: date


class Lifetime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code of ours that is not billable in every release: its first and last fiscal year."""

    system: str
    code: str
    first: str | None = None
    last: str | None = None


class _ReleasesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    releases: dict[str, Release]
    lifetimes: tuple[Lifetime, ...] = ()


class Families(msgspec.Struct, frozen=True):
    """What ``valuesets/families`` holds, by the short names of the code systems.

    ``titles`` are code -> official title in the order of codes, ``lifetimes`` the closed list of
    codes that only some releases have.
    """

    releases: Mapping[str, Release]
    titles: Mapping[str, Mapping[str, str]]
    lifetimes: tuple[Lifetime, ...]

    def release_of(self, system: str, code: str, year: str) -> str:
        """The release, of those that have the code as billable, that is nearest to a fiscal year.

        Of codes without a lifetime that year's own: what changed after the checked release is not
        known here.
        """
        for one in self.lifetimes:
            if (one.system, one.code) == (system, code):
                return min(max(year, one.first or year), one.last or "9999")
        return year

    def in_release(self, system: str, code: str, year: str) -> bool:
        """Whether the release of a fiscal year, 2018 or later, has one of our codes as billable."""
        return self.release_of(system, code, year) == year

    def title(self, system: str, code: str) -> str | None:
        """The official title of a code of the lists, None for any other."""
        return self.titles.get(system, {}).get(code)

    def members(self, rule: CodePattern) -> Mapping[str, str]:
        """The codes of a family with their titles, in the order of codes."""
        pattern = re.compile(rule.pattern)
        listed = self.titles.get(rule.system, {})
        return {code: title for code, title in listed.items() if pattern.fullmatch(code)}


def load_families(root: Path | None = None) -> Families:
    """Load the lists and check each by itself.

    Args:
        root: the data root; the product's own by default.

    Raises:
        DataError: with every fault found.
    """
    root = data_root() if root is None else root
    faults: list[Fault] = []
    file = None
    table = read_table(root / RELEASES, RELEASES, faults)
    if table is not None:
        file = decode(table, _ReleasesFile, RELEASES, faults)
    titles = {system: _read_titles(root, system, faults) for system in SYSTEMS}
    if file is not None:
        found = [*_release_faults(file), *_lifetime_faults(file)]
        faults.extend(Fault(RELEASES, *fault) for fault in found)
    if faults or file is None:
        raise DataError(faults)
    return Families(file.releases, titles, file.lifetimes)


def _read_titles(root: Path, system: str, faults: list[Fault]) -> dict[str, str]:
    """The rows of one list; what is wrong with them becomes a fault."""
    name = f"{FOLDER}/{system}.csv"
    try:
        text = (root / name).read_text(encoding="utf-8")
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        faults.append(Fault(name, "-", reason, "Check path and permissions"))
        return {}
    except UnicodeDecodeError:
        faults.append(Fault(name, "-", "is not UTF-8 text", "Save the file as UTF-8"))
        return {}
    try:
        head, *rows = [*csv.reader(text.splitlines(), strict=True)] or [[]]
    except csv.Error as error:
        faults.append(Fault(name, "-", f"is not valid CSV: {error}", REMEDY))
        return {}
    if head != _COLUMNS:
        reason = f"the columns are not {' and '.join(_COLUMNS)}"
        faults.append(Fault(name, "line 1", reason, REMEDY))
        return {}
    titles: dict[str, str] = {}
    last = ""
    for number, row in enumerate(rows, start=2):
        wrong = _row_fault(system, row, last, titles)
        if wrong is not None:
            faults.append(Fault(name, f"line {number}", wrong, REMEDY))
            continue
        last, title = row
        titles[last] = title
    return titles


def _row_fault(system: str, row: list[str], last: str, titles: Mapping[str, str]) -> str | None:
    """What is wrong with a row that follows the code ``last``."""
    if len(row) != len(_COLUMNS) or not all(row):
        return "is no code with its title"
    code = row[0]
    if normalise(system, code) != code:
        return f"{code} is not in its canonical spelling"
    if code in titles:
        return f"{code} stands there twice"
    return f"{code} comes after {last}" if code < last else None


def fiscal_start(year: str) -> date:
    """The first day of a fiscal year."""
    return date(int(year) - 1, 10, 1)


def fiscal_end(year: str) -> date:
    """The last day of a fiscal year."""
    return date(int(year), 9, 30)


def _release_faults(file: _ReleasesFile) -> Iterator[tuple[str, str, str]]:
    for system in SYSTEMS:
        if system not in file.releases:
            yield f"releases.{system}", "the release is missing", "Name it"
    for system, release in file.releases.items():
        key = f"releases.{system}"
        if system not in SYSTEMS:
            yield key, "has no list of codes", near(system, SYSTEMS)
        if _YEAR.fullmatch(release.year) is None:
            yield f"{key}.year", f"{release.year!r} is no fiscal year", "Write it as '2026'"
        elif not fiscal_start(release.year) <= release.update <= fiscal_end(release.year):
            reason = f"{release.update} is not in the fiscal year {release.year}"
            yield f"{key}.update", reason, "It runs from 1 October through 30 September"


def _lifetime_faults(file: _ReleasesFile) -> Iterator[tuple[str, str, str]]:
    seen: set[tuple[str, str]] = set()
    for number, lifetime in enumerate(file.lifetimes):
        key = f"lifetimes[{number}] {lifetime.code}"
        years = [year for year in (lifetime.first, lifetime.last) if year is not None]
        if lifetime.system not in file.releases:
            yield key, f"{lifetime.system!r} has no release", near(lifetime.system, SYSTEMS)
        elif not years or not all(_YEAR.fullmatch(year) for year in years):
            yield key, "needs a first or a last fiscal year", "Write it as '2026'"
        elif sorted(years) != years or years[-1] > file.releases[lifetime.system].year:
            yield key, "its years are not in order", "The checked release comes last"
        elif lifetime.last == file.releases[lifetime.system].year:
            yield key, "is billable in the checked release", "Leave 'last' out"
        if (lifetime.system, lifetime.code) in seen:
            yield key, "the code stands there twice", "Write one entry"
        seen.add((lifetime.system, lifetime.code))
