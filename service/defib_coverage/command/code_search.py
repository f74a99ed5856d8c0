"""The code that a person types, looked up in all lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.codes import CodeEntry
from defib_coverage.explaining.code_facts import facts_of, system_named
from defib_coverage.explaining.fact_models import CodeFacts
from defib_coverage.explaining.near_codes import NearCode, near_entries

if TYPE_CHECKING:
    from datetime import date

    from defib_coverage.coverage.codes import ValueSet
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.families import Families

# As claims write it: 33249:Q0, or with a hyphen.
_MODIFIED = re.compile(r"\s*([0-9A-Z]{5})((?:[:-][0-9A-Z]{2})+)\s*", re.IGNORECASE)
_WITH_MODIFIERS = ("cpt", "hcpcs")


class CodesAnswer(msgspec.Struct, frozen=True):
    """What ``--json`` prints: the facts by code system; where there is no such code those near it.

    ``modifiers`` are those of the question that were left out, such as ``Q0``.
    """

    codes: tuple[CodeFacts, ...]
    near: tuple[NearCode, ...]
    modifiers: tuple[str, ...] = ()


def is_code(facts: CodeFacts) -> bool:
    """Whether there is such a code, as far as that can be told."""
    return facts.checked_through is None


class CodeSearch:
    """Looks up codes as of a day."""

    def __init__(self, knowledge: Knowledge, families: Families, day: date) -> None:
        """Look in these lists, as of a day."""
        self._knowledge = knowledge
        self._families = families
        self._day = day

    def answer(self, text: str, system: str | None = None) -> CodesAnswer:
        """What is known of a code.

        Args:
            text: the code in any spelling, of CPT and HCPCS also with modifiers.
            system: the code system, by short name, name or URI; all if None.
        """
        facts = self._facts(text, system)
        modifiers: tuple[str, ...] = ()
        modified = _MODIFIED.fullmatch(text)
        if modified is not None and not facts:
            plain = self._facts(modified[1], system)
            facts = tuple(found for found in plain if found.system in _WITH_MODIFIERS)
            modifiers = tuple(re.findall(r"\w+", modified[2].upper())) if facts else ()
        near = () if any(map(is_code, facts)) else self._near(text, system)
        return CodesAnswer(facts, near, modifiers)

    def _facts(self, text: str, system: str | None) -> tuple[CodeFacts, ...]:
        return facts_of(text, self._knowledge, self._families, self._day, system)

    def _near(self, text: str, system: str | None) -> tuple[NearCode, ...]:
        index = self._knowledge.index
        wanted = None if system is None else system_named(system, index)
        return near_entries(text, map(self._whole, index.value_sets.values()), wanted)

    def _whole(self, value_set: ValueSet) -> ValueSet:
        """A value set that lists what its families of codes stand for."""
        members = (
            CodeEntry(system=rule.system, code=code, display=title)
            for rule in value_set.patterns
            for code, title in self._families.members(rule).items()
        )
        return msgspec.structs.replace(value_set, codes=(*value_set.codes, *members))
