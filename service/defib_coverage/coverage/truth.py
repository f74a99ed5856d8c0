"""Three-valued logic after Kleene: met, not met, unknown."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Collection


class Truth(StrEnum):
    """What can be said of a criterion. Compare with ``is``; a truth has no boolean value."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        # `if truth:` would read unknown as true: exactly the mistake this type exists to prevent.
        message = "a Truth has three values: compare it with `is`"
        raise TypeError(message)


def all_of(truths: Collection[Truth]) -> Truth:
    """Kleene conjunction: not met if any is not met, else unknown if any is unknown, else met."""
    if Truth.NOT_MET in truths:
        return Truth.NOT_MET
    return Truth.UNKNOWN if Truth.UNKNOWN in truths else Truth.MET
