"""Answers to plain questions whether a code is in a published set, most of them ready."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.elements import Coding
from defib_coverage.terminology.operations.checking import Checker
from defib_coverage.terminology.operations.composing import canonical
from defib_coverage.terminology.operations.displays import names_of
from defib_coverage.terminology.operations.verdicts import Place, answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from defib_coverage.terminology.operations.scope import Scope
    from defib_coverage.terminology.operations.shelf import Key, Prepared, Shelf
    from defib_coverage.terminology.resources import Contains

_encode = msgspec.json.Encoder().encode
_PLACES: Mapping[bool, Place] = {False: Place(), True: Place.within("Coding")}
_KEPT, _LONGEST_KEPT = 4096, 400
# In place of a code that nobody knows: what is no code of any system.
_SOME = "~some code~"


class Ready(msgspec.Struct, frozen=True, gc=False):
    """The answer for a member: as JSON, for a call without a display or with one of its own.

    One that names a ``place`` is for codes that do not stand in a coding.
    """

    content: bytes
    displays: frozenset[str]
    place: bool


class QuickSet:
    """A published set with the answers for its members, and what answers for all other codes.

    Of codes that are in no set of ours the answers differ in nothing but the code: for each system
    one is made when it is asked for, and cut where the code stands.
    """

    def __init__(self, prepared: Prepared, scope: Scope) -> None:
        """Make the answers for members."""
        self.covers = prepared.release.covers
        self._scope = scope
        self._name = canonical(prepared.value_set)
        self._checker = Checker(scope, prepared.members, self._name)
        self._ready = {key: self._member(key, member) for key, member in prepared.members.items()}
        self._strangers: dict[tuple[str, bool], list[bytes]] = {}

    def _member(self, key: Key, member: Contains) -> Ready:
        system, code = key
        known = self._scope.system(system)
        names = names_of((member, None if known is None else known.find(code)))
        verdict = self._checker.check(Coding(system=system, code=code), _PLACES[False])
        content = _encode(answer([verdict], used=self._name))
        return Ready(content, names.all, bool(verdict.issues))

    def look(self, system: str, code: str, display: str | None, *, in_coding: bool) -> bytes:
        """Look at a code, however it may be: the answer as JSON."""
        coding = Coding(system=system, code=code, display=display)
        return _encode(answer([self._checker.check(coding, _PLACES[in_coding])], used=self._name))

    def ready(
        self, system: str, code: str, display: str | None, *, in_coding: bool
    ) -> bytes | None:
        """Whether a code is in the set, as JSON; None where it must be looked at."""
        found = self._ready.get((system, code))
        if found is not None and (display is None or display in found.displays):
            return None if in_coding and found.place else found.content
        if display is None and self._scope.index.is_stranger(system, code):
            parts = self._strangers.get((system, in_coding))
            if parts is None:
                made = self.look(system, _SOME, None, in_coding=in_coding)
                parts = self._strangers[system, in_coding] = made.split(_SOME.encode())
            return code.encode().join(parts)
        return None


class QuickAnswers:
    """Whether a code is in a published set, for questions without anything unusual."""

    def __init__(self, shelf: Shelf, scope: Scope) -> None:
        """Make the answers for members.

        Args:
            shelf: the published sets.
            scope: of a request that says nothing. Its day is not looked at: codes of which the
                day tells whether they are active are left to the operation.
        """
        # A population has few codes: what was looked at is asked again.
        self._looked = lru_cache(maxsize=_KEPT)(QuickSet.look)
        self._index = scope.index
        self._first = shelf.releases.all[0].effective
        made = {name: QuickSet(one, scope) for name, one in shelf.by_id.items()}
        self._by_version = {
            (one.published.url, one.published.version): made[name]
            for name, one in shelf.by_id.items()
        }
        self._by_url: Mapping[str, Sequence[QuickSet]] = {
            url: [made[one.published.resource_id] for one in versions]
            for url, versions in shelf.by_url.items()
        }

    def validate(  # noqa: PLR0913, PLR0917 - the parameters of the operation
        self,
        url: str,
        version: str | None,
        day: date,
        system: str,
        code: str,
        display: str | None = None,
        *,
        in_coding: bool = False,
    ) -> bytes | None:
        """The Parameters that say whether a code is in a value set, as JSON.

        Args:
            url: of the value set, without a version.
            version: its version; None for the one of the day.
            day: the day that was asked for, or today.
            system: the code system's uri, not empty.
            code: the code, not empty.
            display: the display to check; None for none.
            in_coding: whether the three stood in a coding, as issues say.

        Returns:
            None for a value set that is not published, or not in this version or on this day, for
            a code that has ended and for texts that cannot be written: the operation itself says
            what is wrong.
        """
        if day < self._first:
            return None
        held = self._on(url, day) if version is None else self._by_version.get((url, version))
        if held is None:
            return None
        found = held.ready(system, code, display, in_coding=in_coding)
        if found is not None:
            return found
        if self._index.has_ended(system, code):
            return None
        is_short = len(code) + len(system) + len(display or "") <= _LONGEST_KEPT
        look = self._looked if is_short else QuickSet.look
        try:
            return look(held, system, code, display, in_coding=in_coding)
        except UnicodeEncodeError:
            return None

    def _on(self, url: str, day: date) -> QuickSet | None:
        for held in self._by_url.get(url, ()):
            if held.covers(day):
                return held
        return None
