"""Other names for what codes are called by, and slips of one letter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from defib_coverage.explaining.near_codes import same_beginning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What is asked for, and by which words it is found here.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "aicd": ("defibrillator",),
    "cabg": ("bypass surgery",),
    "cardiac arrest": ("arrest",),
    "ef": ("ejection fraction", "lvef"),
    "heart attack": ("infarction",),
    "hf": ("heart failure",),
    "icd": ("defibrillator",),
    "lvef": ("ejection fraction",),
    "mi": ("infarction",),
    "pci": ("angioplasty", "stent"),
    "sdm": ("shared decision",),
    "stent": ("angioplasty", "pci"),
    "vf": ("ventricular fibrillation",),
    "vt": ("ventricular tachycardia",),
}
_NAMES = re.compile(rf"\b(?:{'|'.join(sorted(_SYNONYMS, key=len, reverse=True))})\b")
_SHORTEST_SLIP = 6


def said_otherwise(text: str) -> Iterator[str]:
    """The same in other words, where a name in it has some."""
    plain = " ".join(text.casefold().split())
    found = _NAMES.search(plain)
    if found is not None:
        for words in _SYNONYMS[found[0]]:
            yield plain[: found.start()] + words + plain[found.end() :]


def is_slip(word: str, known: str) -> bool:
    """Whether a word of some length is a known one but for one letter, or two that changed places.

    Args:
        word: what was written.
        known: what may have been meant.
    """
    if len(word) < _SHORTEST_SLIP:
        return False
    place = same_beginning(word, known)
    one, other = word[place:], known[place:]
    turned = one[:2] == other[:2][::-1] and one[2:] == other[2:]
    return turned or one[1:] == other or one == other[1:] or one[1:] == other[1:]
