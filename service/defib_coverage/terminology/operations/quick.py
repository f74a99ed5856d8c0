"""Answers to plain questions whether a code is in a published set; those for members are ready."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.operations.checking import Checker
from defib_coverage.terminology.operations.composing import canonical
from defib_coverage.terminology.operations.displays import names_of
from defib_coverage.terminology.operations.verdicts import Place, answer
from defib_coverage.terminology.resources import Coding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.terminology.operations.scope import Scope
    from defib_coverage.terminology.operations.shelf import Key, Prepared, Shelf

_encode = msgspec.json.Encoder().encode
_HERE = Place()


class Ready(msgspec.Struct, frozen=True, gc=False):
    """The answer for a member: as JSON, for a call without a display or with one of its own."""

    content: bytes
    displays: frozenset[str]


class QuickSet(msgspec.Struct, frozen=True):
    """A published set with the answers for its members, and what answers for all other codes."""

    first: date
    last: date
    name: str
    ready: dict[Key, Ready]
    checker: Checker

    def validate(self, system: str, code: str, display: str | None) -> bytes:
        """Whether a code is in the set, as JSON."""
        found = self.ready.get((system, code))
        if found is not None and (display is None or display in found.displays):
            return found.content
        verdict = self.checker.check(Coding(system=system, code=code, display=display), _HERE)
        return _encode(answer([verdict], used=self.name))


class QuickAnswers:
    """Whether a code is in a published set, for questions without anything unusual."""

    def __init__(self, shelf: Shelf, scope: Scope) -> None:
        """Make the answers for members.

        Args:
            shelf: the published sets.
            scope: of a request that says nothing. Its day is not looked at: nothing here asks for
                a release.
        """
        made = {name: _quick(one, scope) for name, one in shelf.by_id.items()}
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
    ) -> bytes | None:
        """The Parameters that say whether a code is in a value set, as JSON.

        Args:
            url: of the value set, without a version.
            version: its version; None for the one of the day.
            day: the day that was asked for, or today.
            system: the code system's uri, not empty.
            code: the code, not empty.
            display: the display to check; None for none.

        Returns:
            None for a value set that is not published, or not in this version or on this day, and
            for texts that cannot be written: the operation itself says what is wrong.
        """
        held = self._on(url, day) if version is None else self._by_version.get((url, version))
        if held is None:
            return None
        try:
            return held.validate(system, code, display)
        except UnicodeEncodeError:
            return None

    def _on(self, url: str, day: date) -> QuickSet | None:
        for held in self._by_url.get(url, ()):
            if held.first <= day <= held.last:
                return held
        return None


def _quick(prepared: Prepared, scope: Scope) -> QuickSet:
    name = canonical(prepared.value_set)
    checker = Checker(scope, prepared.members, name)
    ready = {}
    for key, member in prepared.members.items():
        system, code = key
        verdict = checker.check(Coding(system=system, code=code), _HERE)
        known = scope.system(system)
        names = names_of((member, None if known is None else known.find(code)))
        ready[key] = Ready(_encode(answer([verdict], used=name)), names.all)
    release = prepared.release
    return QuickSet(release.effective, release.until or date.max, name, ready, checker)
