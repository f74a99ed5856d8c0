"""Whoever wants to know the hidden numbers of a report: all that it tells, as equations.

``Attack`` reads the CSV files, and knows what the marks mean and which numbers add up to which.
``worst_case`` gives for each hidden cell the least and the most that it can be, found by an exact
solver over whole numbers.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from audit_samples import read_csv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MOST = 100_000
STATUSES = ("covered", "conditional", "not covered")
Cell = tuple[str, ...]


class Attack:
    """What a report tells; ``told`` are its cells by place, as they stand."""

    def __init__(self, folder: Path, least: int) -> None:
        self._least = least
        self.told: dict[Cell, str] = {}
        self._ends: dict[Cell, tuple[int, int]] = {}
        self._sums: list[tuple[dict[Cell, int], int, int]] = []
        self._wholes: list[tuple[Cell, tuple[Cell, ...]]] = []
        files = {path.stem: list(read_csv(path)) for path in folder.glob("*.csv")}
        self.populations = [
            row["events"] for row in files.get("status-by-year", []) if row["year"] == "all"
        ]
        if self.populations:
            self._years(files["status-by-year"])
            self._windows(files["open-windows"])
            self._pairs(files["missing-pairs"])
            self._findings(files["findings"])
            for name in ("sites", "operators"):
                self._rates(name, files.get(name, []))
            self._money(files.get("money-at-risk", []))

    def hidden(self) -> list[Cell]:
        """The cells whose number is not told."""
        return [cell for cell, text in self.told.items() if not text.isdigit()]

    def range(self, cell: Cell) -> tuple[int, int]:
        """The least and the most that a cell can be."""
        return self._extreme(cell, 1), self._extreme(cell, -1)

    def remainders(self) -> list[int]:
        """What remains of the wholes that are told, without their parts that are told."""
        return [
            int(self.told[whole]) - sum(int(self.told[part]) for part in parts)
            for whole, parts in self._wholes
            if all(self.told[one].isdigit() for one in (whole, *parts))
        ]

    def allows(self, truth: Mapping[Cell, int]) -> bool:
        """Whether what is true is among what the attack holds possible."""
        known = all(low <= truth[cell] <= high for cell, (low, high) in self._ends.items())
        return known and all(
            low <= sum(factor * truth[cell] for cell, factor in parts.items()) <= high
            for parts, low, high in self._sums
        )

    @cached_property
    def _model(self) -> tuple[dict[Cell, int], LinearConstraint, Bounds]:
        """The place of each cell, what adds up, and between which ends each cell is."""
        places = {one: at for at, one in enumerate(self._ends)}
        rows = np.zeros((len(self._sums), len(places)))
        for number, (parts, _, _) in enumerate(self._sums):
            for one, factor in parts.items():
                rows[number, places[one]] = factor
        lows, highs = zip(*self._ends.values(), strict=True)
        least, most = ([ends[at] for ends in self._sums] for at in (1, 2))
        return places, LinearConstraint(csr_array(rows), least, most), Bounds(lows, highs)

    def _extreme(self, cell: Cell, sign: int) -> int:
        places, sums, bounds = self._model
        aim = np.zeros(len(places))
        aim[places[cell]] = sign
        found = milp(aim, constraints=sums, bounds=bounds, integrality=np.ones(len(places)))
        assert found.success, found.message
        return sign * round(float(found.fun))

    def _cell(self, cell: Cell, text: str, withheld: tuple[int, int] = (0, _MOST)) -> None:
        self.told[cell] = text
        if text.isdigit():
            self._ends[cell] = (int(text), int(text))
        elif text == "withheld":
            self._ends[cell] = withheld
        else:
            assert text == f"<{self._least}", text
            self._ends[cell] = (1, self._least - 1)

    def _line(self, cells: dict[Cell, str]) -> None:
        """Cells that add up: where one of them is told or marked, withheld ones are not small."""
        whole = all(text == "withheld" for text in cells.values())
        for cell, text in cells.items():
            self._cell(cell, text, (0 if whole else self._least, _MOST))

    def _add_up(self, cells: Sequence[Cell], total: Cell) -> None:
        self._sums.append(({**dict.fromkeys(cells, 1), total: -1}, 0, 0))

    def _within(self, cell: Cell, whole: Cell) -> None:
        """A part of a whole; where it is withheld beside it, what remains is small."""
        self._wholes.append((whole, (cell,)))
        low = high = None
        if self.told[cell] == "withheld" and self.told[whole].isdigit():
            low, high = 1, self._least - 1
        parts = {whole: 1, cell: -1}
        self._sums.append((parts, low or 0, _MOST if high is None else high))

    def _years(self, rows: Sequence[Mapping[str, str]]) -> None:
        for name in self.populations:
            lines = {row["year"]: row for row in rows if row["events"] == name}
            years = [year for year in lines if year != "all"]
            self._line({("years", name, s, "all"): lines["all"][s] for s in STATUSES})
            self._cell(("years", name, "all", "all"), lines["all"]["all"])
            for status in STATUSES:
                cells: dict[Cell, str] = {
                    ("years", name, status, year): lines[year][status] for year in years
                }
                self._line(cells)
                self._add_up(list(cells), ("years", name, status, "all"))
            for year in (*years, "all"):
                total = ("years", name, "all", year)
                if year != "all":
                    self._cell(total, lines[year]["all"])
                self._add_up([("years", name, status, year) for status in STATUSES], total)

    def _windows(self, rows: Sequence[Mapping[str, str]]) -> None:
        for column in list(rows[0])[1:]:
            name = column.partition(" ")[2]
            cells: dict[Cell, str] = {
                ("windows", column, row["days early"]): row[column] for row in rows
            }
            total = ("windows", column, "all")
            self._cell(total, cells.pop(total), (self._least, _MOST))
            self._line(cells)
            self._add_up(list(cells), total)
            self._within(total, ("years", name, "all", "all"))

    def _pairs(self, rows: Sequence[Mapping[str, str]]) -> None:
        for row in rows:
            for name in self.populations:
                key = ("pairs", row["primary"], row["needs one of"], name)
                part = (*key, "supported")
                self._cell(key, row[name], (self._least, _MOST))
                known = row[name].isdigit()
                text = row[f"{name}: partner in other words"]
                self._cell(part, text, (self._least if known else 0, _MOST))
                self._within(part, key)
                if row[name] != "withheld":
                    self._within(key, ("years", name, "all", "all"))

    def _findings(self, rows: Sequence[Mapping[str, str]]) -> None:
        for row in rows:
            for name in self.populations:
                cell = ("findings", row["finding"], name)
                self._cell(cell, row[name], (self._least, _MOST))
                if not row[name].isdigit() and row[name] != "withheld":
                    self._ends[cell] = (0, self._least - 1)
                self._within(cell, ("years", name, "all", "all"))

    def _rates(self, name: str, rows: Sequence[Mapping[str, str]]) -> None:
        if not rows:
            return
        basis = self.populations[0]
        one = name.removesuffix("s")
        cells: dict[Cell, str] = {
            (name, row[one], "not covered"): row["not covered"] for row in rows
        }
        self._line(cells)
        self._add_up(list(cells), ("years", basis, "not covered", "all"))
        for row in rows:
            events, part = (name, row[one], "events"), (name, row[one], "not covered")
            self._cell(events, row["events"])
            self._sums.append(({events: 1, part: -1}, 0, _MOST))
            self._wholes.append((events, (part,)))
        self._add_up([(name, row[one], "events") for row in rows], ("years", basis, "all", "all"))

    def _money(self, rows: Sequence[Mapping[str, str]]) -> None:
        for status in STATUSES[1:]:
            found = [row for row in rows if row["status"] == status and row["amount"]]
            parts = {("money", status, row["code"], row["amount"]): row["events"] for row in found}
            for cell, text in parts.items():
                self._cell(cell, text)
            if parts:
                whole = ("years", self.populations[0], status, "all")
                self._sums.append(({whole: 1, **dict.fromkeys(parts, -1)}, 0, _MOST))
                self._wholes.append((whole, tuple(parts)))
