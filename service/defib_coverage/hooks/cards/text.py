"""Text of cards: what comes from the chart as plain text within markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from defib_coverage.coverage.determination import Evidence, Finding

# What begins formatting, a link (also a bare address), HTML or an entity within a line. The set of
# all that it may be stands first: so most of a text is passed over at once.
_MARKDOWN = re.compile(
    r"[\\`*_\[\]<>|~&@:.](?:(?<![:.])|(?<=:)(?=//)|(?<=www\.))",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Text that may come from the chart, inside a line of markdown: no formatting, no HTML."""
    if text.isalnum():  # a code
        return text
    if not text.isprintable():
        text = " ".join(text.split())
    return _MARKDOWN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def source(evidence: Evidence) -> str:
    """A record as a reader finds it again."""
    parts = [evidence.reference]
    if evidence.value is not None:
        parts.append(evidence.value)
    if evidence.date is not None:
        parts.append(evidence.date[:10])
    return plain(" ".join(parts))


def bullet(finding: Finding) -> str:
    """A finding as an item of a list, with its paragraph and its records."""
    sources = ", ".join([source(e) for e in finding.evidence])
    return f"- {plain(finding.text)} ({finding.citation}{'; ' + sources if sources else ''})"
