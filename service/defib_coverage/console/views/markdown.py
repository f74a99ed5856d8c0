"""The words of cards as an EHR draws them: markdown, whatever HTML is in it shown as text."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

# What a card's detail is made of; pictures would be fetched from elsewhere.
_RULES = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(
    ["image", "heading", "lheading", "hr", "html_block", "html_inline", "reference"]
)


def drawn(text: str) -> Markup:
    """Markdown as HTML: the only HTML that does not come from a template."""
    return Markup(_RULES.render(text))  # noqa: S704 - the renderer escapes all text, html is off
