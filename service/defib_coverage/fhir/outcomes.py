"""What a FHIR server says of a fault: an OperationOutcome, as far as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEVERITIES = frozenset({"fatal", "error", "warning", "information"})
_TRANSIENT = frozenset({"transient", "lock-error", "no-store", "timeout", "throttled"})


class _Read(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of an answer; other elements are left aside."""


class _Text(_Read, frozen=True):
    text: str | None = None


class Issue(_Read, frozen=True):
    """One thing that is wrong."""

    severity: str | None = None
    code: str | None = None
    details: _Text | None = None
    diagnostics: str | None = None

    @property
    def said(self) -> str | None:
        """What it says in words."""
        return (self.details.text if self.details is not None else None) or self.diagnostics


class Outcome(_Read, frozen=True):
    """An OperationOutcome."""

    resource_type: str | None = None
    issue: tuple[Issue, ...] = ()

    @property
    def codes(self) -> frozenset[str | None]:
        """The types of its issues."""
        return frozenset(issue.code for issue in self.issue)

    @property
    def is_transient(self) -> bool:
        """Whether it says that the next attempt may do better."""
        return not _TRANSIENT.isdisjoint(self.codes)

    @property
    def severities(self) -> Iterator[str]:
        """How bad each of its issues is; one of an unknown kind counts as an error."""
        for one in self.issue:
            known = one.severity
            yield known if known is not None and known in _SEVERITIES else "error"


def outcome_of(body: bytes) -> Outcome | None:
    """The OperationOutcome of an answer; None if it is something else."""
    try:
        found = msgspec.json.decode(body, type=Outcome)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return found if found.resource_type == "OperationOutcome" else None
