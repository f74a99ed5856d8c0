"""What the day of an order rests on, in a reviewer's words."""

from __future__ import annotations

RECORDED = "as recorded"
"""The day is the one that the record itself gives."""
_WORDS = {
    "occurrence": RECORDED,
    "appointment": "the booked day",
    "authored-assumed": "the day it was written",
    "today": "unknown: today",
}


def day_words(basis: str) -> str:
    """What a ``serviceDateBasis`` means; one that is not known stays as it is."""
    return _WORDS.get(basis, basis)
