"""Codes, value sets with first and last days, and the index that finds a code's value sets."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Strength = Literal["decide", "ask", "claim-only"]
OrderClass = Literal[
    "initial-implant",
    "generator-only",
    "replacement",
    "lead-only",
    "revision",
    "removal",
    "pacemaker-combo",
]
LONGEST_CODE = 64
_PLAIN = re.compile(r"[0-9A-Z.\-]+")


class CodeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """One code of a value set.

    ``display`` is an official title (only where its licence allows), ``label`` our own words.
    ``start`` (``from`` in the files) and ``until`` are the first and last service day, None for no
    bound. ``strength``:
    ``decide`` may settle a criterion, ``ask`` may only raise a question, ``claim-only`` counts as a
    claim code and says nothing about the patient. ``suggest`` and ``successors`` are ICD-10-CM
    codes; ``nyha`` is the class 1 to 4 that an answer stands for; ``shared`` marks order codes that
    also serve pacemakers; ``see_also`` are known codes, of any system, that people look up beside
    it.
    """

    system: str
    code: str
    display: str | None = None
    label: str | None = None
    start: date | None = None
    until: date | None = None
    strength: Strength = "decide"
    shared: bool = False
    modality: str | None = None
    nyha: int | None = None
    suggest: tuple[str, ...] = ()
    successors: tuple[str, ...] = ()
    see_also: tuple[str, ...] = ()
    note: str | None = None

    def in_force(self, day: date) -> bool:
        """Whether the code is in force for a service on ``day``."""
        return (self.start is None or self.start <= day) and (
            self.until is None or day <= self.until
        )


class CodePattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A family of codes: a regular expression that the whole code must match."""

    system: str
    pattern: str
    label: str
    strength: Strength = "decide"
    modality: str | None = None


class ValueSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of ``valuesets/``: codes and families of codes with one meaning.

    ``role``: ``coverage`` are the article's own lists of diagnoses, ``order`` its order codes,
    ``evidence`` what a chart may show. ``resource`` limits order codes to one FHIR type. ``words``
    and ``abbreviations`` are phrases whose presence in a text is a hint, never proof.
    """

    id: str
    title: str
    purpose: str
    cite: str
    role: Literal["coverage", "order", "evidence"]
    order_class: OrderClass | None = None
    resource: str | None = None
    codes: tuple[CodeEntry, ...] = ()
    patterns: tuple[CodePattern, ...] = ()
    words: tuple[str, ...] = ()
    abbreviations: tuple[str, ...] = ()


class Match(msgspec.Struct, frozen=True, gc=False):
    """A code found in a value set."""

    value_set: str
    entry: CodeEntry


def normalise(system: str, code: str) -> str:
    """The code in its canonical spelling: no white space around, upper case, dot where due.

    ``i5022`` and ``I50.22 `` become ``I50.22`` (ICD-10-CM); ``I5A`` stays. Systems whose codes are
    case-sensitive keep their case.
    """
    code = code.strip()
    if system == "icd10cm":
        code = code.upper().replace(".", "")
        return code if len(code) <= 3 else f"{code[:3]}.{code[3:]}"  # noqa: PLR2004 - ICD-10-CM's category length
    if system in {"cpt", "hcpcs", "icd10pcs", "loinc", "v2-0360", "dicom"}:
        return code.upper()
    return code


class CodeIndex:
    """Every value set, and for any (system, code) the value sets that hold it."""

    def __init__(self, value_sets: Iterable[ValueSet]) -> None:
        """Index the sets; patterns must be valid regular expressions (loading checks them)."""
        self.value_sets: Mapping[str, ValueSet] = {vs.id: vs for vs in value_sets}
        entries: defaultdict[tuple[str, str], list[Match]] = defaultdict(list)
        self._patterns: defaultdict[str, list[tuple[re.Pattern[str], str, CodePattern]]]
        self._patterns = defaultdict(list)
        for vs in self.value_sets.values():
            for entry in vs.codes:
                entries[entry.system, entry.code].append(Match(vs.id, entry))
            for rule in vs.patterns:
                self._patterns[rule.system].append((re.compile(rule.pattern), vs.id, rule))
        self._entries = {key: tuple(found) for key, found in entries.items()}
        self._order_labels = {
            entry.code: entry.label or vs.title
            for vs in self.value_sets.values()
            if vs.role == "order"
            for entry in vs.codes
        }

    def find(self, system: str, code: str) -> tuple[Match, ...]:
        """The value sets that hold the code, in any spelling; empty for a code of no set."""
        if len(code) > LONGEST_CODE:
            return ()
        code = normalise(system, code)
        found = self._entries.get((system, code), ())
        rules = self._patterns.get(system)
        if rules is None or _PLAIN.fullmatch(code) is None:
            return found
        already = {match.value_set for match in found}
        return found + tuple(
            Match(
                value_set,
                CodeEntry(
                    system=system,
                    code=code,
                    label=rule.label,
                    strength=rule.strength,
                    modality=rule.modality,
                ),
            )
            for pattern, value_set, rule in rules
            if value_set not in already and pattern.fullmatch(code)
        )

    def codes_in_force(self, value_set: str, day: date) -> tuple[str, ...]:
        """The codes of a set that are in force on ``day``, in the order of its file."""
        return tuple(e.code for e in self.value_sets[value_set].codes if e.in_force(day))

    def order_label(self, code: str) -> str | None:
        """What an order code means, in our own words; None for a code that is not ours."""
        return self._order_labels.get(code)

    def label(self, match: Match) -> str:
        """What the code means: the official title where we may show it, else our own words."""
        entry = match.entry
        return entry.display or entry.label or self.value_sets[match.value_set].title
