"""Pictures of pages: SVG with classes and numbers only, whose colours the style sheet knows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import tostring

import msgspec
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element


class Part(msgspec.Struct, frozen=True):
    """A part of a bar: its class, where it begins and how long it is in percent, and its words."""

    kind: str
    begin: str
    length: str
    words: str


def drawn(picture: Element) -> Markup:
    """A picture as markup; its writer has escaped every text in it."""
    return Markup(tostring(picture, encoding="unicode", method="html"))  # noqa: S704


def bar(parts: Iterable[tuple[str, int, str]], whole: int) -> tuple[Part, ...]:
    """The parts of one bar.

    Args:
        parts: of each its class, its number, and what it is called.
        whole: the number that the longest bar stands for.
    """
    made = []
    begin = 0
    for kind, number, name in parts:
        if number:
            made.append(
                Part(kind, _share(begin, whole), _share(number, whole), f"{number:,} {name}")
            )
        begin += number
    return tuple(made)


def _share(number: int, whole: int) -> str:
    return f"{100 * number / (whole or 1):.2f}%"
