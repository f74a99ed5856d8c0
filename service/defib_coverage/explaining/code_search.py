"""Finds codes by number, in any spelling, and by words of what they mean."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.codes import Match
from defib_coverage.explaining.code_facts import systems_of
from defib_coverage.explaining.code_synonyms import is_slip, said_otherwise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from defib_coverage.coverage.codes import CodeIndex, ValueSet

_WORD = re.compile(r"[^\W_]+")
# How well a code fits, the best first: the code itself, its beginning, a word of its meaning, a
# word of its value sets, then the beginning of a word of either.
_EXACT, _BEGINS, _WORD_OF, _OF_SET, _WORD_BEGINS, _SET_BEGINS = range(6)
# They stand in nearly every title; asked beside other words they narrow nothing.
_FILLING = frozenset({"a", "an", "and", "by", "for", "in", "of", "on", "or", "the", "to", "with"})
# Less than this much alike is another word rather than a slip.
_ALIKE = 0.75
_MOST_WORDS = 4
_ROLES = ("coverage", "order", "evidence")
_PREFERRED = ("icd10cm", "cpt", "hcpcs", "icd10pcs")


class ListedCode(msgspec.Struct, frozen=True):
    """A code of one system, and the value sets that hold it, the article's own first.

    ``display`` is an official title, None where it may not be shown; ``words`` are our own.
    """

    system: str
    code: str
    display: str | None
    words: str | None
    matches: tuple[Match, ...]


class Only(msgspec.Struct, frozen=True):
    """What a search is limited to: a code system, a role of value sets, one set; None for all."""

    system: str | None = None
    role: str | None = None
    value_set: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """The codes that were found; ``read_as`` is the text without its slips, where it had some."""

    found: tuple[ListedCode, ...]
    read_as: str | None = None


_EVERYTHING = Only()


class CodeSearch:
    """Every known code under its words; made once, then asked often."""

    def __init__(self, index: CodeIndex) -> None:
        """Read the words of all codes."""
        self._index = index
        self._systems = systems_of(index)
        self._codes = tuple(_listed(index))
        self._keys = {(one.system, one.code): n for n, one in enumerate(self._codes)}
        self._own: defaultdict[str, set[int]] = defaultdict(set)
        self._of_set: defaultdict[str, set[int]] = defaultdict(set)
        self._letters = [_compact(one.code) for one in self._codes]
        for number, one in enumerate(self._codes):
            for word in words_of(f"{one.display or ''} {one.words or ''}"):
                self._own[word].add(number)
            for match in one.matches:
                for word in _set_words(index.value_sets[match.value_set]):
                    self._of_set[word].add(number)
        self._own_words = sorted(self._own)
        self._set_words = sorted(self._of_set)

    @property
    def codes(self) -> tuple[ListedCode, ...]:
        """All codes, in the order of their value sets."""
        return self._codes

    def find(self, text: str, only: Only = _EVERYTHING) -> tuple[ListedCode, ...]:
        """The codes that a text names or describes, the best first; all of them for no text.

        Every part of the text must fit: as the beginning of the code in any spelling, or as the
        beginnings of words of its meaning or of its value sets.
        """
        if not text.strip():
            return tuple(one for one in self._codes if self._fits(one, only))
        ranked = self._ranked(text)
        found = [self._codes[n] for n in sorted(ranked, key=lambda n: self._place(n, ranked))]
        if not any(rank == _EXACT for rank in ranked.values()):
            found = [*self._of_families(text), *found]
        return tuple(one for one in found if self._fits(one, only))

    def search(self, text: str, only: Only = _EVERYTHING) -> Answer:
        """The same, and what is called so in other words; a slip of one letter is put right.

        What is called by the very words comes first, then the other words, then beginnings.
        """
        found = self.find(text, only)
        others = [one for said in said_otherwise(text) for one in self.find(said, only)]
        if found or others:
            ranked = self._ranked(text) if others else {}
            whole = [one for one in found if self._rank(one, ranked) <= _OF_SET]
            each = {(one.system, one.code): one for one in (*whole, *others, *found)}
            return Answer(tuple(each.values()))
        right = " ".join(self._put_right(word) for word in words_of(text)[:_MOST_WORDS])
        found = () if right == " ".join(words_of(text)) else self.find(right, only)
        return Answer(found, right if found else None)

    def _rank(self, one: ListedCode, ranked: Mapping[int, int]) -> int:
        number = self._keys.get((one.system, one.code))
        return _EXACT if number is None else ranked.get(number, _EXACT)

    def _put_right(self, word: str) -> str:
        """The known word that differs in one letter, where nothing begins like this one."""
        if next(_beginning(word, self._own_words), None) is not None:
            return word
        return next((known for known in self._own_words if is_slip(word, known)), word)

    def meant(self, text: str) -> str | None:
        """A text that finds something, in place of one with words that nothing is called by."""
        known = [word for word in self._own_words if not word.isdecimal()]
        asked = words_of(text)[:_MOST_WORDS]
        near = {
            word: get_close_matches(word, known, 1, _ALIKE)
            for word in asked
            if next(_beginning(word, self._own_words), None) is None
        }
        meant = " ".join(near[word][0] if near.get(word) else word for word in asked)
        return meant if any(near.values()) and self.find(meant) else None

    def _ranked(self, text: str) -> dict[int, int]:
        """How well each code fits, by its number."""
        parts = [part for part in text.split() if _compact(part)]
        telling = [part for part in parts if part.casefold() not in _FILLING] or parts
        ranked: dict[int, int] | None = None
        for part in telling:
            found = self._part(part)
            if ranked is None:
                ranked = found
            else:
                ranked = {n: max(ranked[n], rank) for n, rank in found.items() if n in ranked}
        whole = self._by_letters(_compact(text))
        return {**(ranked or {}), **whole}

    def _part(self, part: str) -> dict[int, int]:
        """How well each code fits a part of a text: as a code, or by all of its words."""
        fitting: dict[int, int] | None = None
        for word in words_of(part):
            found = self._by_word(word)
            if fitting is None:
                fitting = found
            else:
                fitting = {n: max(fitting[n], r) for n, r in found.items() if n in fitting}
        return {**(fitting or {}), **self._by_letters(_compact(part))}

    def _by_letters(self, letters: str) -> dict[int, int]:
        if not letters:
            return {}
        return {
            number: _EXACT if known == letters else _BEGINS
            for number, known in enumerate(self._letters)
            if known.startswith(letters)
        }

    def _by_word(self, word: str) -> dict[int, int]:
        found: dict[int, int] = {}
        for known in _beginning(word, self._set_words):
            found.update(dict.fromkeys(self._of_set[known], _SET_BEGINS))
        for known in _beginning(word, self._own_words):
            found.update(dict.fromkeys(self._own[known], _WORD_BEGINS))
        found.update(dict.fromkeys(self._of_set.get(word, ()), _OF_SET))
        found.update(dict.fromkeys(self._own.get(word, ()), _WORD_OF))
        return found

    def _of_families(self, text: str) -> Iterator[ListedCode]:
        """Codes that no list names and a family of codes knows."""
        for system in self._systems:
            matches = self._index.find(system, text)
            if matches and (system, matches[0].entry.code) not in self._keys:
                entry = matches[0].entry
                yield ListedCode(system, entry.code, entry.display, entry.label, matches)

    def _place(self, number: int, ranked: Mapping[int, int]) -> tuple[int, int, int, str]:
        one = self._codes[number]
        system = _PREFERRED.index(one.system) if one.system in _PREFERRED else len(_PREFERRED)
        role = _ROLES.index(self._index.value_sets[one.matches[0].value_set].role)
        return ranked[number], role, system, one.code

    def _fits(self, one: ListedCode, only: Only) -> bool:
        sets = [self._index.value_sets[match.value_set] for match in one.matches]
        return (
            only.system in {None, one.system}
            and (only.role is None or any(vs.role == only.role for vs in sets))
            and (only.value_set is None or any(vs.id == only.value_set for vs in sets))
        )


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text: small letters, without accents, each once."""
    return tuple(dict.fromkeys(_WORD.findall(_plain(text))))


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()


def _compact(code: str) -> str:
    return "".join(_WORD.findall(_plain(code)))


def _beginning(word: str, known: list[str]) -> Iterator[str]:
    """The words that begin like one, of words in order."""
    for number in range(bisect_left(known, word), len(known)):
        if not known[number].startswith(word):
            return
        yield known[number]


def _set_words(value_set: ValueSet) -> Iterable[str]:
    told = (value_set.title, *value_set.words, *value_set.abbreviations)
    return words_of(" ".join(told))


def _listed(index: CodeIndex) -> Iterator[ListedCode]:
    """Every listed code once."""
    keys = dict.fromkeys((e.system, e.code) for vs in index.value_sets.values() for e in vs.codes)
    for system, code in keys:
        found = index.find(system, code)
        matches = sorted(found, key=lambda m: _ROLES.index(index.value_sets[m.value_set].role))
        entries = [match.entry for match in matches]
        yield ListedCode(
            system,
            code,
            next((e.display for e in entries if e.display), None),
            next((e.label for e in entries if e.label), None),
            tuple(matches),
        )
