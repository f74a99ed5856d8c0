"""What a client asks with: typed values by name."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, TypeVar

import msgspec

from defib_coverage.terminology.elements import CodeableConcept, Coding
from defib_coverage.terminology.operations.errors import refusal
from defib_coverage.terminology.resources import CodeSystem, ConceptMap, ValueSet

if TYPE_CHECKING:
    from collections.abc import Mapping


class Day(msgspec.Struct, frozen=True):
    """A day, and the text that it was asked with."""

    text: str
    day: date


Value = str | bool | int | Day | Coding | CodeableConcept | ValueSet | CodeSystem | ConceptMap
T = TypeVar("T", bound=Value)

MOST_CODINGS = 100


class Given:
    """The values that an operation was asked with, by name in the order asked."""

    def __init__(self, values: Mapping[str, tuple[Value, ...]]) -> None:
        """Keep the values: every name has at least one, each of its input's type."""
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        """A text, code or uri."""
        return self.one(name, str)

    def texts(self, name: str) -> tuple[str, ...]:
        """All texts, codes or uris of a name."""
        return tuple(value for value in self.values.get(name, ()) if isinstance(value, str))

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        found = self.one(name, bool)
        return default if found is None else found

    def number(self, name: str) -> int | None:
        """A whole number from 0.

        Raises:
            TerminologyError: 400 for a negative one.
        """
        found = self.one(name, int)
        if found is not None and found < 0:
            raise refusal(400, "invalid", f"{name} must be 0 or more, not {found}", place=name)
        return found

    def day(self, name: str) -> date | None:
        """A day."""
        found = self.one(name, Day)
        return None if found is None else found.day

    def one(self, name: str, kind: type[T]) -> T | None:
        """The first value of a name, None where it was not asked."""
        found = next(iter(self.values.get(name, ())), None)
        return found if isinstance(found, kind) else None

    def every(self, name: str, kind: type[T]) -> tuple[T, ...]:
        """All values of a name that are of a type."""
        return tuple(value for value in self.values.get(name, ()) if isinstance(value, kind))

    def only_one_of(self, *names: str) -> str | None:
        """The one of these names that was asked, None for none.

        Raises:
            TerminologyError: 400 for two that say the same thing in two ways.
        """
        asked = [name for name in names if name in self.values]
        if len(asked) > 1:
            text = f"{' and '.join(asked)} contradict each other: ask with one of them"
            raise refusal(400, "invalid", text, place=asked[1])
        return asked[0] if asked else None

    def concept(self, name: str) -> CodeableConcept | None:
        """A CodeableConcept of no more codings than are looked at.

        Raises:
            TerminologyError: 422 for more.
        """
        found = self.one(name, CodeableConcept)
        if found is not None and len(found.coding) > MOST_CODINGS:
            text = f"{name} has {len(found.coding)} codings, and {MOST_CODINGS} are looked at"
            raise refusal(422, "too-costly", text, place=name)
        return found

    def goes_with(self, name: str, *others: str) -> None:
        """Check that a value stands beside what it belongs to.

        Raises:
            TerminologyError: 400 where it stands without one of the others.
        """
        if name in self.values and not any(other in self.values for other in others):
            text = f"{name} means something only beside {' or '.join(others)}"
            raise refusal(400, "invalid", text, place=name)
