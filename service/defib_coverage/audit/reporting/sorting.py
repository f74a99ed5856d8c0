"""Sorting more entries than memory should hold: in parts on the disk, then merged."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.audit.reporting.ranking import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Some 20 MB of entries.
PART = 20_000
"""How many entries memory holds."""


class Sorter:
    """Takes entries in any order and gives them back the worst first."""

    def __init__(self, folder: Path, part: int = PART) -> None:
        """Keep parts in a folder that the caller removes; each holds ``part`` entries."""
        self._folder = folder
        self._part = part
        self._held: list[Entry] = []
        self._files: list[Path] = []
        self.number = 0

    def add(self, entry: Entry) -> None:
        """Take an entry.

        Raises:
            OSError: a part cannot be written.
        """
        self.number += 1
        self._held.append(entry)
        if len(self._held) == self._part:
            self._held.sort(key=lambda one: one.place)
            path = self._folder / f"part-{len(self._files)}"
            encode = msgspec.json.Encoder().encode
            with path.open("xb") as file:
                file.writelines(encode(one) + b"\n" for one in self._held)
            self._files.append(path)
            self._held = []

    def entries(self) -> Iterator[Entry]:
        """All entries, the worst first.

        Raises:
            OSError: a part cannot be read.
        """
        self._held.sort(key=lambda one: one.place)
        parts = [*(_read(path) for path in self._files), iter(self._held)]
        return heapq.merge(*parts, key=lambda one: one.place)


def _read(path: Path) -> Iterator[Entry]:
    decode = msgspec.json.Decoder(Entry).decode
    with path.open("rb") as file:
        yield from (decode(line) for line in file)
