"""The answers to what is asked most: a code that is in a published value set, made beforehand."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from defib_coverage.terminology.operations.shelf import Key, Prepared, Shelf
    from defib_coverage.terminology.resources import Parameters


class Ready(msgspec.Struct, frozen=True, gc=False):
    """The answer for a member: as JSON, for a call without a display or with one of its own."""

    content: bytes
    displays: frozenset[str]


class QuickAnswers:
    """Whether a code is in a value set, for codes that are and calls without anything unusual."""

    def __init__(
        self, shelf: Shelf, made: Callable[[Prepared, Key], tuple[Parameters, frozenset[str]]]
    ) -> None:
        """Make the answers.

        Args:
            shelf: the published sets.
            made: the answer for a member of a set, and the displays that are right for it.
        """
        encode = msgspec.json.Encoder().encode
        self._ready: Mapping[str, Mapping[Key, Ready]] = {
            name: {
                key: Ready(encode(parameters), displays)
                for key in prepared.members
                for parameters, displays in (made(prepared, key),)
            }
            for name, prepared in shelf.by_id.items()
        }
        self._by_version = {
            (one.published.url, one.published.version): self._ready[name]
            for name, one in shelf.by_id.items()
        }
        self._days: Mapping[str, Sequence[tuple[date, date, Mapping[Key, Ready]]]] = {
            url: [
                (
                    one.release.effective,
                    one.release.until or date.max,
                    self._ready[one.published.resource_id],
                )
                for one in versions
            ]
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
        """The Parameters that say that a code is in a value set, as JSON.

        Args:
            url: of the value set, without a version.
            version: its version; None for the one of the day.
            day: the day that was asked for, or today.
            system: the code system's uri.
            code: the code.
            display: the display to check; None for none.

        Returns:
            None where the answer is another one, or not to be had without looking closer: then
            the operation itself must be run.
        """
        held = self._on(url, day) if version is None else self._by_version.get((url, version))
        if held is None:
            return None
        found = held.get((system, code))
        if found is None or (display is not None and display not in found.displays):
            return None
        return found.content

    def of(self, instance: str) -> Mapping[Key, Ready] | None:
        """The answers for the members of a value set by its id; None for an unknown one."""
        return self._ready.get(instance)

    def _on(self, url: str, day: date) -> Mapping[Key, Ready] | None:
        for first, last, held in self._days.get(url, ()):
            if first <= day <= last:
                return held
        return None
