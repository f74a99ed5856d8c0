"""Codes that look like one that is not known."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Less than this much alike is another code rather than a slip.
_ALIKE = 0.6


def near_codes(text: str, codes: Iterable[str], most: int = 5) -> list[str]:
    """The codes most like ``text`` in any spelling, the best first.

    Codes are built from the left: a common beginning says more than a common end.

    Args:
        text: the unknown code.
        codes: the known codes.
        most: how many to return at most.
    """
    wanted = _letters(text)
    ranked = []
    for code in dict.fromkeys(codes):
        known = _letters(code)
        alike = SequenceMatcher(None, wanted, known).ratio()
        if alike >= _ALIKE:
            ranked.append((-same_beginning(wanted, known), -alike, code))
    return [code for _, _, code in sorted(ranked)[:most]]


def _letters(code: str) -> str:
    return code.strip().upper().replace(".", "")


def same_beginning(one: str, other: str) -> int:
    """How many letters two texts begin with in common."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
