"""Pages of text for a person: headings, paragraphs and items, wrapped to the terminal."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

_NARROW = 40
_WIDE = 100


def plain(text: str) -> str:
    """Text that may come from a chart or a file, without what would steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


class Page:
    """Prints one page."""

    def __init__(self, console: Console | None = None) -> None:
        """Print to stdout by default; wide terminals get lines that can still be read."""
        self._console = console or Console(highlight=False)
        self.width = max(_NARROW, min(self._console.width, _WIDE))

    def heading(self, text: str) -> None:
        """A line that stands out, with space above."""
        self._console.print()
        self.line(text, style="bold")

    def line(self, text: str, indent: int = 0, style: str = "") -> None:
        """A paragraph."""
        self._wrapped(text, " " * indent, " " * indent, style)

    def item(self, text: str, indent: int = 2) -> None:
        """An item of a list."""
        self._wrapped(text, " " * indent + "- ", " " * (indent + 2), "")

    def show(self, renderable: RenderableType) -> None:
        """Anything that rich can draw, within the page's width."""
        self._console.print(renderable, width=self.width)

    def _wrapped(self, text: str, first: str, later: str, style: str) -> None:
        lines = wrap(
            plain(text),
            self.width,
            initial_indent=first,
            subsequent_indent=later,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines:
            self._console.print(Text(line, style=style), soft_wrap=True)
