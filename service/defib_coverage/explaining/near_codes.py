"""Codes that look like one that is not known."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import takewhile
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.fhir.systems import SYSTEM_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.codes import ValueSet

# Less than this much alike is another code rather than a slip.
_ALIKE = 0.6
# Numbers given in turn: the like of one is another thing.
_NUMBERED = frozenset({"snomed", "rxnorm"})
_SHORTEST_NUMBER = 6
_MOST = 5


class NearCode(msgspec.Struct, frozen=True, rename="camel"):
    """A known code that may have been meant; ``words`` are its title where that may be shown."""

    system: str
    system_name: str
    code: str
    words: str

    def __str__(self) -> str:
        """As it is told."""
        return f"{self.system_name} {self.code} ({self.words})"


def near_entries(
    text: str, value_sets: Iterable[ValueSet], system: str | None = None
) -> tuple[NearCode, ...]:
    """The codes of value sets that are most like ``text`` in any spelling, the best first.

    Args:
        text: the unknown code.
        value_sets: the sets to look in.
        system: the only code system to look in, by its short name; all by default.
    """
    known: dict[tuple[str, str], str] = {}
    for value_set in value_sets:
        for entry in value_set.codes:
            if system in {None, entry.system}:
                words = entry.display or entry.label or value_set.title
                known.setdefault((entry.system, entry.code), words)
    ranked = []
    for (name, code), words in known.items():
        rank = _rank(text, code, is_number=name in _NUMBERED)
        if rank is not None:
            ranked.append((rank, name, code, words))
    return tuple(
        NearCode(name, SYSTEM_NAMES.get(name, name), code, words)
        for _, name, code, words in sorted(ranked)[:_MOST]
    )


def near_codes(text: str, codes: Iterable[str]) -> list[str]:
    """The codes of one system that are most like ``text`` in any spelling, the best first.

    Args:
        text: the unknown code.
        codes: the known codes.
    """
    ranks = {code: _rank(text, code) for code in codes}
    found = sorted((rank, code) for code, rank in ranks.items() if rank is not None)
    return [code for _, code in found[:_MOST]]


def _rank(text: str, code: str, *, is_number: bool = False) -> tuple[int, float] | None:
    """How near a code is, the nearest lowest; None where it is another code.

    Codes are built from the left: a common beginning says more than a common end, and without one
    nothing is near. Of long numbers only a slip in one digit is.
    """
    wanted, known = _letters(text), _letters(code)
    begin = same_beginning(wanted, known)
    if is_number or _is_number(wanted) or _is_number(known):
        pairs = zip(wanted, known, strict=False)
        is_slip = len(wanted) == len(known) and sum(a != b for a, b in pairs) == 1
        return (-begin, -1.0) if is_slip else None
    alike = SequenceMatcher(None, wanted, known).ratio()
    return (-begin, -alike) if begin and alike >= _ALIKE else None


def _is_number(letters: str) -> bool:
    return letters.isdigit() and len(letters) >= _SHORTEST_NUMBER


def _letters(code: str) -> str:
    return code.strip().upper().replace(".", "").replace("-", "")


def same_beginning(one: str, other: str) -> int:
    """How many letters two texts begin with in common."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
