"""What a server says of a fault, as it may be shown: short, and without what names a patient."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.fhir.outcomes import outcome_of

if TYPE_CHECKING:
    from defib_coverage.network.transport import Reply

_LONGEST = 300
_MOST_ISSUES = 3
# A reference, a date, a number as long as an identifier, what looks like a token.
_NAMING = re.compile(
    r"\b(?!Group/)[A-Z][A-Za-z]+/[A-Za-z0-9.-]+|\b\d{4}-\d\d(?:-\d\d)?\b|\d{5,}|[\w.~+/=-]{40,}"
)
_REFERENCE = re.compile(r"\b[A-Z][A-Za-z]+/[A-Za-z0-9.-]+")
_LONGEST_PROGRESS = 100


class _OAuthFault(msgspec.Struct, frozen=True):
    error: str | None = None
    error_description: str | None = None


def told(reply: Reply) -> str:
    """A refusal in a few words: the status, and what the server says of it."""
    outcome = outcome_of(reply.body)
    if outcome is None:
        return f"{reply.status}, without an OperationOutcome"
    texts = [said for issue in outcome.issue if (said := issue.said or issue.code)][:_MOST_ISSUES]
    return f"{reply.status}: {shown('; '.join(texts))}" if texts else str(reply.status)


def told_by_token_server(reply: Reply) -> str:
    """The same for an answer of OAuth."""
    try:
        found = msgspec.json.decode(reply.body, type=_OAuthFault)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return str(reply.status)
    texts = [text for text in (found.error, found.error_description) if text]
    return f"{reply.status}: {shown(', '.join(texts))}" if texts else str(reply.status)


def shown(text: str) -> str:
    """A server's words on one line, without what may name a patient or be a secret."""
    return _cut(_NAMING.sub("***", _line(text)), _LONGEST)


def progress(text: str) -> str:
    """How far a server says that it is; numbers are counts there."""
    return _cut(_REFERENCE.sub("***", _line(text)), _LONGEST_PROGRESS)


def _line(text: str) -> str:
    # Far more than is shown, so that nothing is cut where it can no longer be told what it was.
    text = text[: 4 * _LONGEST]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
