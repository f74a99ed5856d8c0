"""What is wrong with a terminology request, as issues that clients of terminology servers know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.errors import RequestError
from defib_coverage.terminology.elements import CodeableConcept, Coding
from defib_coverage.terminology.exchanged import Issue, OperationOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

TX_ISSUES = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"
_LONGEST = 200


def quoted(text: str) -> str:
    """A client's text within a message: quoted, and no longer than a message bears."""
    return f"'{text}'" if len(text) <= _LONGEST else f"'{text[:_LONGEST]}…'"


def issue(
    severity: str, code: str, text: str, *, tx: str | None = None, place: str | None = None
) -> Issue:
    """One issue.

    Args:
        severity: error, warning or information.
        code: FHIR's issue type.
        text: what is wrong, for people.
        tx: its kind among terminology servers, where that list has one.
        place: the element that it is about, as FHIRPath.
    """
    coding = () if tx is None else (Coding(system=TX_ISSUES, code=tx),)
    places = () if place is None else (place,)
    return Issue(
        severity, code, CodeableConcept(coding, text=text), location=places, expression=places
    )


class TerminologyError(RequestError):
    """A terminology request that cannot be answered; ``issues`` say why."""

    def __init__(self, status: int, issues: Sequence[Issue]) -> None:
        """Keep at least one issue."""
        first = issues[0]
        text = "" if first.details is None else first.details.text or ""
        super().__init__(status, first.code, text, next(iter(first.expression), None))
        self.issues = tuple(issues)


def outcome_of(error: RequestError) -> OperationOutcome:
    """What is wrong with a request, as a resource."""
    if isinstance(error, TerminologyError):
        return OperationOutcome(issue=error.issues)
    return OperationOutcome(issue=(issue("error", error.code, error.message, place=error.place),))


def refusal(
    status: int, code: str, text: str, *, tx: str | None = None, place: str | None = None
) -> TerminologyError:
    """An error of one issue; the arguments as for ``issue``."""
    return TerminologyError(status, [issue("error", code, text, tx=tx, place=place)])


def not_found(text: str, *, place: str | None = None) -> TerminologyError:
    """422: what the request names is not known here."""
    return refusal(422, "not-found", text, tx="not-found", place=place)
