"""Whether a display is one that a code has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.exchanged import Issue
from defib_coverage.terminology.operations.errors import issue, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defib_coverage.terminology.operations.known_systems import KnownCode
    from defib_coverage.terminology.resources import Contains


class Names(msgspec.Struct, frozen=True):
    """The names of a code: the ``display`` of its system where it is held here, and all names."""

    display: str | None
    all: frozenset[str]

    def check(self, asked: str | None, what: str, *, lenient: bool, place: str) -> Iterator[Issue]:
        """What is wrong with a display.

        Args:
            asked: the display; None or one that the code has is right.
            what: the code with its system, for the message.
            lenient: whether a wrong one is only a warning.
            place: where it stands.
        """
        if asked is None or asked in self.all or plain(asked) in {plain(n) for n in self.all}:
            return
        if self.display is None:
            text = f"no display of {what} is held here: {quoted(asked)} was not checked"
            yield issue("information", "informational", text, tx="display-comment", place=place)
            return
        others = sorted(self.all - {self.display})
        beside = f"; also {', '.join(quoted(name) for name in others)}" if others else ""
        text = f"{quoted(asked)} is no display of {what}: it is {quoted(self.display)}{beside}"
        severity = "warning" if lenient else "error"
        yield issue(severity, "invalid", text, tx="invalid-display", place=place)


def plain(name: str) -> str:
    """A name without what does not tell names apart: case, and white space beyond one space."""
    return " ".join(name.casefold().split())


def names_of(sources: Iterable[Contains | KnownCode | None]) -> Names:
    """The names of a code by what holds some of them; the first display is the one to show."""
    display = None
    found: set[str] = set()
    for source in sources:
        if source is None:
            continue
        display = display or source.display
        found.update(one.value for one in source.designation)
        if source.display is not None:
            found.add(source.display)
    return Names(display, frozenset(found))
