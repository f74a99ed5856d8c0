"""Why an export cannot be fetched, in one line, and which faults pass by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.errors import DefibCoverageError
from defib_coverage.network.transfer import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSING = frozenset({Reason.NAME_UNKNOWN, Reason.NOT_REACHABLE, Reason.TOO_LATE})
"""What may be gone at the next attempt."""
BUSY = frozenset({429, 502, 503, 504})
"""Statuses of a server that asks for patience."""
REASONS: Mapping[Reason, str] = {
    Reason.ADDRESS_REFUSED: "has an address that is never connected to",
    Reason.NAME_UNKNOWN: "is a host that nobody knows",
    Reason.NOT_REACHABLE: "cannot be reached, or broke the connection off",
    Reason.CERTIFICATE_REFUSED: (
        "has a certificate that is not trusted; DEFIB_COVERAGE_CA_BUNDLE names your own authority"
    ),
    Reason.TOO_LATE: "did not answer in time",
    Reason.TOO_LARGE: "answers more than is taken",
    Reason.REDIRECTED: "leads elsewhere, where it must answer itself",
    Reason.BROKEN: "answers what cannot be read",
}


class FetchError(DefibCoverageError):
    """An export that cannot be fetched, said in one line."""


class UnsureError(FetchError):
    """A request after which nobody knows whether the server has begun an export."""


class FileError(FetchError):
    """A file of an export that cannot be loaded; others may be."""


class StoppedError(Exception):
    """Somebody asked to stop."""
