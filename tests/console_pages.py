"""What a page of the console says to a reader, and where its links lead.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_GAP = re.compile(r"\s+")
_BLOCK = re.compile(r"<(?:p|div|li|tr|td|th|dt|dd|h[1-6]|section|summary|span|option)\b")


def words(page: str) -> str:
    """The text of a page, one space between words."""
    body = page.partition("<body>")[2] or page
    apart = _BLOCK.sub(lambda found: " " + found[0], body)
    return _GAP.sub(" ", html.unescape(re.sub(r"<[^>]*>", "", apart)))


def told(text: str) -> str:
    """A text as it stands in `words`."""
    return _GAP.sub(" ", text).strip()


def links(page: str) -> tuple[str, ...]:
    """The addresses of all links of a page, each once."""
    found = re.findall(r'<a\s[^>]*?href="([^"]*)"', page)
    return tuple(dict.fromkeys(html.unescape(address) for address in found))


def ids(page: str) -> tuple[str, ...]:
    """The ids of a page, as often as they stand there."""
    return tuple(html.unescape(one) for one in re.findall(r'\sid="([^"]*)"', page))


def codes_linked(page: str) -> Iterator[str]:
    """The codes to whose pages a page links."""
    for address in links(page):
        found = re.fullmatch(r"/codes/([^/?]+)(?:\?.*)?", address)
        if found is not None:
            yield found[1]
