"""Tells which configured payer a Coverage is of: by an identifier, a type or a name (rule 1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from defib_coverage.coverage.codes import normalise
from defib_coverage.fhir.systems import alias_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.fhir.plans import Plan
    from defib_coverage.fhir.resources import Coding, Identifier


def identifier_key(system: str, value: str) -> str:
    """An identifier as it is compared: exactly, but for white space around."""
    return f"{system.strip()}|{value.strip()}"


def type_key(system: str, code: str) -> str:
    """A type as it is compared: every spelling of a known code system is the same."""
    system = system.strip()
    name = alias_of(system) or system
    return f"{name}|{normalise(name, code)}"


def name_key(name: str) -> str:
    """A name as it is compared: the case of letters and the width of gaps say nothing."""
    return " ".join(name.split()).casefold()


class Payers:
    """The configured payers, by what tells them."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        """Look among ``plans``; of two that share a name the first is found."""
        self._identifiers: dict[str, str] = {}
        self._types: dict[str, str] = {}
        self._names: list[tuple[re.Pattern[str], str]] = []
        for plan in plans:
            for text in plan.identifiers:
                system, _, value = text.partition("|")
                self._identifiers[identifier_key(system, value)] = plan.id
            for text in plan.types:
                # The URI of a code system may hold its version after a bar; a code holds none.
                system, _, code = text.rpartition("|")
                self._types[type_key(system, code)] = plan.id
            for name in plan.names:
                # Whole words: one plan's name may stand inside another word.
                words = re.compile(rf"(?<!\w){re.escape(name_key(name))}(?!\w)")
                self._names.append((words, plan.id))
        self.by_organization = bool(self._identifiers or self._names)
        """Whether who pays may tell a payer where the Coverage itself does not."""
        self._any = bool(self._types or self.by_organization)

    def find(
        self,
        identifiers: Iterable[Identifier],
        types: Iterable[Coding],
        names: Sequence[str],
    ) -> str | None:
        """The id of the payer that is told, None where none is.

        Args:
            identifiers: of whoever pays.
            types: of the Coverage.
            names: of payer, class and type.
        """
        if not self._any:
            return None
        for identifier in identifiers:
            key = identifier_key(identifier.system or "", identifier.value or "")
            if key in self._identifiers:
                return self._identifiers[key]
        for coding in types:
            key = type_key(coding.system or "", coding.code or "")
            if key in self._types:
                return self._types[key]
        written = [name_key(name) for name in names]
        for words, plan in self._names:
            if any(words.search(name) for name in written):
                return plan
        return None
