"""What a server says of a fault, as it may be shown: short, and without what names a patient."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.network.transport import Reply

_LONGEST = 300
_MOST_ISSUES = 3
_SEVERITIES = frozenset({"fatal", "error", "warning", "information"})
# A reference, a date, a number as long as an identifier, what looks like a token.
_NAMING = re.compile(
    r"\b(?!Group/)[A-Z][A-Za-z]+/[A-Za-z0-9.-]+|\b\d{4}-\d\d(?:-\d\d)?\b|\d{5,}|[\w.~+/=-]{40,}"
)
_REFERENCE = re.compile(r"\b[A-Z][A-Za-z]+/[A-Za-z0-9.-]+")
_LONGEST_PROGRESS = 100
TRANSIENT = frozenset({"transient", "lock-error", "no-store", "timeout", "throttled"})
"""Types of issues that may be gone at the next attempt."""


class _Read(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of an answer; other elements are left aside."""


class _Text(_Read, frozen=True):
    text: str | None = None


class _Issue(_Read, frozen=True):
    severity: str | None = None
    code: str | None = None
    details: _Text | None = None
    diagnostics: str | None = None

    @property
    def words(self) -> str | None:
        """What it says."""
        said = (self.details.text if self.details is not None else None) or self.diagnostics
        return said or self.code


class Outcome(_Read, frozen=True):
    """An OperationOutcome."""

    resource_type: str | None = None
    issue: tuple[_Issue, ...] = ()

    @property
    def is_transient(self) -> bool:
        """Whether it says that the next attempt may do better."""
        return any(issue.code in TRANSIENT for issue in self.issue)

    @property
    def severities(self) -> Iterator[str]:
        """How bad each of its issues is; one of an unknown kind counts as an error."""
        for one in self.issue:
            known = one.severity
            yield known if known is not None and known in _SEVERITIES else "error"


class _OAuthFault(msgspec.Struct, frozen=True):
    error: str | None = None
    error_description: str | None = None


def outcome_of(body: bytes) -> Outcome | None:
    """The OperationOutcome of an answer; None if it is something else."""
    try:
        found = msgspec.json.decode(body, type=Outcome)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return found if found.resource_type == "OperationOutcome" else None


def told(reply: Reply) -> str:
    """A refusal in a few words: the status, and what the server says of it."""
    outcome = outcome_of(reply.body)
    if outcome is None:
        return f"{reply.status}, without an OperationOutcome"
    texts = [said for issue in outcome.issue if (said := issue.words)][:_MOST_ISSUES]
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
