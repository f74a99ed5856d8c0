"""Sentences with links: codes lead to their pages, paragraphs and indications to the policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.policy import PolicyVersion

# Codes of other systems are plain numbers that a sentence may mean in another way.
_SYSTEMS = frozenset({"icd10cm", "icd10pcs", "cpt", "hcpcs"})
_TOKEN = re.compile(r"[A-Z0-9]+(?:[.-][A-Z0-9]+)*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Piece(msgspec.Struct, frozen=True):
    """A part of a sentence, and where it leads; ``kind`` is what is named."""

    text: str
    href: str | None = None
    kind: Literal["words", "code", "part", "day"] = "words"


Sentence = tuple[Piece, ...]


class Linker:
    """Makes addresses and links that keep the day which a visitor chose."""

    def __init__(self, index: CodeIndex, version: PolicyVersion | None, on: date | None) -> None:
        """Link to what is known.

        Args:
            index: the codes.
            version: the policy whose parts may be named, None for none.
            on: the day that the visitor chose, None for today.
        """
        self._codes = {
            entry.code
            for value_set in index.value_sets.values()
            for entry in value_set.codes
            if entry.system in _SYSTEMS
        }
        parts = () if version is None else (*version.paragraphs, *version.indications)
        self._parts = frozenset(parts)
        self._on = on

    def code(self, code: str, system: str | None = None) -> str:
        """The address of a code's page; ``system`` where the code may be of several."""
        return f"/codes/{quote(code, safe='')}{self._query(system=system)}"

    def value_set(self, name: str) -> str:
        """The address of a value set's page."""
        return f"/codes/sets/{quote(name, safe='')}{self._query()}"

    def table(self, name: str) -> str:
        """The address of a value set as a table."""
        return f"/codes/sets/{quote(name, safe='')}.csv{self._query()}"

    def every_table(self) -> str:
        """The address of all value sets in one table."""
        return f"/codes/sets.csv{self._query()}"

    def policy(self, anchor: str = "") -> str:
        """The address of the policy, or of a part of it."""
        return f"/policy{self._query()}" + (f"#{anchor}" if anchor else "")

    def sentence(self, text: str) -> Sentence:
        """A sentence with links to the codes, paragraphs and indications that it names."""
        return tuple(self._pieces(text))

    def sentences(self, texts: Iterable[str]) -> tuple[Sentence, ...]:
        """The same for several; each begins with a capital letter."""
        return tuple(self.sentence(text[:1].upper() + text[1:]) for text in texts)

    def _pieces(self, text: str) -> Iterator[Piece]:
        begin = 0
        for found in _TOKEN.finditer(text):
            token = found[0]
            if token in self._codes:
                piece = Piece(token, self.code(token), "code")
            elif token in self._parts:
                piece = Piece(token, self.policy(token), "part")
            elif _DAY.fullmatch(token):
                piece = Piece(token, kind="day")
            else:
                continue
            if found.start() > begin:
                yield Piece(text[begin : found.start()])
            yield piece
            begin = found.end()
        if begin < len(text):
            yield Piece(text[begin:])

    def _query(self, **more: str | None) -> str:
        given = {name: value for name, value in more.items() if value is not None}
        if self._on is not None:
            given["on"] = self._on.isoformat()
        return f"?{urlencode(given)}" if given else ""
