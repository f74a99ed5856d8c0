"""The search of codes as its page tells it: what was asked, what was found, all value sets."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from defib_coverage.console.views.change_bar import ChosenDay
from defib_coverage.console.views.notices import notices_of
from defib_coverage.console.views.shown_codes import STATUS_WORDS, meaning_of
from defib_coverage.explaining.code_facts import status_of
from defib_coverage.explaining.code_search import Answer, Only
from defib_coverage.explaining.code_sentences import LISTS
from defib_coverage.explaining.fact_models import Status
from defib_coverage.explaining.near_codes import near_entries
from defib_coverage.fhir.systems import SYSTEM_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.console.views.linking import Linker
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.explaining.code_search import CodeSearch, ListedCode

ON_A_PAGE = 40
"""How many codes are shown at once."""
# What is longer is no slip in a code, and comparing it takes long.
_LONGEST_NEAR = 32


class Choice(msgspec.Struct, frozen=True):
    """Something that a search can be limited to."""

    value: str
    name: str


class Wanted(msgspec.Struct, frozen=True):
    """What a visitor asks for; ``page`` counts from 1."""

    text: str
    only: Only
    page: int = 1

    @property
    def is_narrowed(self) -> bool:
        """Whether it is limited to something."""
        return self.only != Only()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not self.text and not self.is_narrowed

    def query(self, chosen: ChosenDay, page: int = 1) -> str:
        """The same question as the query of an address, for a page of the answer."""
        told = {
            "q": self.text,
            "system": self.only.system,
            "role": self.only.role,
            "list": self.only.value_set,
            "on": None if chosen.day == chosen.today else chosen.day.isoformat(),
            "page": str(page) if page > 1 else None,
        }
        return urlencode({name: text for name, text in told.items() if text})


class FoundCode(msgspec.Struct, frozen=True):
    """A code that was found: its page, its meaning, whether it counts on the day, its sets."""

    system_name: str
    code: str
    href: str
    meaning: str
    status: Status
    status_words: str
    lists: tuple[str, ...]
    more_lists: int


class SetLink(msgspec.Struct, frozen=True):
    """A value set: its page, its title, how many codes it names on the day."""

    title: str
    href: str
    count: int
    families: int


class SetGroup(msgspec.Struct, frozen=True):
    """The value sets of one role."""

    role: str
    name: str
    sets: tuple[SetLink, ...]


class SearchView(msgspec.Struct, frozen=True):
    """The page: what was asked, the codes of this page of the answer, what is near where none is.

    ``pages`` counts the pages of the answer; ``before`` and ``after`` are the addresses of its
    neighbours. ``told`` says the result in one sentence; ``table`` is the address of all value sets
    in one file.
    """

    chosen: ChosenDay
    wanted: Wanted
    systems: tuple[Choice, ...]
    roles: tuple[Choice, ...]
    lists: tuple[Choice, ...]
    told: str
    found: tuple[FoundCode, ...]
    pages: int
    before: str | None
    after: str | None
    near: tuple[FoundCode, ...]
    meant: Choice | None
    groups: tuple[SetGroup, ...]
    table: str
    notices: tuple[str, ...]


def search_view(
    wanted: Wanted, chosen: ChosenDay, knowledge: Knowledge, search: CodeSearch, linker: Linker
) -> SearchView:
    """What the page tells of a question."""
    index = knowledge.index
    answer = Answer(()) if wanted.is_empty else search.search(wanted.text, wanted.only)
    found = answer.found
    pages = max(1, -(-len(found) // ON_A_PAGE))
    page = min(wanted.page, pages)
    begin = (page - 1) * ON_A_PAGE
    here = found[begin : begin + ON_A_PAGE]
    near = () if wanted.is_empty or found else tuple(_near(wanted, search, index))
    shown = (*here, *near)
    meant = None if wanted.is_empty or found else search.meant(wanted.text)
    made = _Maker(chosen, index, linker)
    ways = {
        number: f"/codes?{wanted.query(chosen, number)}"
        for number in (page - 1, page + 1)
        if 1 <= number <= pages
    }
    return SearchView(
        chosen=chosen,
        wanted=wanted,
        systems=_systems(search),
        roles=tuple(Choice(role, _ROLE_NAMES[role]) for role in LISTS),
        lists=tuple(Choice(vs.id, vs.title) for vs in index.value_sets.values()),
        told=_told(wanted, len(found), begin, len(here)) + _read(answer),
        found=tuple(made.code(one) for one in here),
        pages=pages,
        before=ways.get(page - 1),
        after=ways.get(page + 1),
        near=tuple(made.code(one) for one in near),
        meant=None
        if meant is None
        else Choice(f"/codes?{Wanted(meant, wanted.only).query(chosen)}", meant),
        groups=tuple(made.groups()) if wanted.is_empty else (),
        table=linker.every_table(),
        notices=notices_of({one.system for one in shown}, chosen.day),
    )


_ROLE_NAMES = {
    "coverage": "Diagnoses of a claim",
    "order": "Order codes",
    "evidence": "What a chart may show",
}


def _systems(search: CodeSearch) -> tuple[Choice, ...]:
    systems = dict.fromkeys(one.system for one in search.codes)
    names = [Choice(system, SYSTEM_NAMES.get(system, system)) for system in systems]
    return tuple(sorted(names, key=lambda choice: choice.name.casefold()))


def _read(answer: Answer) -> str:
    return "" if answer.read_as is None else f" Your words were read as: {answer.read_as}."


def _told(wanted: Wanted, total: int, begin: int, here: int) -> str:
    if wanted.is_empty:
        return "Type a number or a word."
    if not total:
        return "No code was found."
    if total == 1:
        return "1 code was found."
    if here == total:
        return f"{total} codes were found."
    return f"{total} codes were found; these are {begin + 1} to {begin + here}."


def _near(wanted: Wanted, search: CodeSearch, index: CodeIndex) -> Iterator[ListedCode]:
    """Codes that look like the text, of the systems that were asked for; none for a sentence."""
    text = wanted.text
    if len(text) > _LONGEST_NEAR or (" " in text and not any(map(str.isdigit, text))):
        return
    for near in near_entries(text, index.value_sets.values(), wanted.only.system):
        yield from (
            one for one in search.codes if (one.system, one.code) == (near.system, near.code)
        )


class _Maker:
    """Makes what is shown of codes and sets on a day."""

    def __init__(self, chosen: ChosenDay, index: CodeIndex, linker: Linker) -> None:
        self._chosen = chosen
        self._index = index
        self._linker = linker

    def code(self, one: ListedCode) -> FoundCode:
        status = status_of(one.matches, self._index, self._chosen.day)
        titles = [self._index.value_sets[match.value_set].title for match in one.matches]
        return FoundCode(
            SYSTEM_NAMES.get(one.system, one.system),
            one.code,
            self._linker.code(one.code, one.system),
            meaning_of(one.system, one.display, one.words, titles[0]),
            status,
            STATUS_WORDS[status],
            tuple(titles[:2]),
            max(0, len(titles) - 2),
        )

    def groups(self) -> Iterator[SetGroup]:
        for role in LISTS:
            found = [vs for vs in self._index.value_sets.values() if vs.role == role]
            yield SetGroup(
                role,
                _ROLE_NAMES[role],
                tuple(
                    SetLink(
                        vs.title,
                        self._linker.value_set(vs.id),
                        len(self._index.codes_in_force(vs.id, self._chosen.day)),
                        len(vs.patterns),
                    )
                    for vs in sorted(found, key=lambda vs: vs.title)
                ),
            )
