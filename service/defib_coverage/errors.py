"""The faults that the product tells apart.

DefibCoverageError
 +-- DataError         our own data files are wrong: refuse to start
 +-- SettingsError     a setting is wrong: refuse to start
 +-- RequestError      the client's request is wrong: 4xx with an OperationOutcome
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class DefibCoverageError(Exception):
    """Base of all faults of this package."""


class Fault(msgspec.Struct, frozen=True):
    """One fault in a data file: where, what is wrong, what to do."""

    file: str
    key: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        """The fault on one line."""
        return f"{self.file}: {self.key}: {self.reason}. {self.remedy}."


class DataError(DefibCoverageError):
    """Data files that cannot be used; ``faults`` names every fault found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults; the message lists them, one a line."""
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class SettingsError(DefibCoverageError):
    """A setting that cannot be used."""


class RequestError(DefibCoverageError):
    """A request that breaks the rules.

    ``status`` is the HTTP status, ``code`` an issue type of FHIR, ``place`` where in the body.
    ``retry_after`` is in how many seconds the same request may go through.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        place: str | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        """Keep what the OperationOutcome needs; the message must not repeat patient data."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.place = place
        self.retry_after = retry_after
