"""References between FHIR resources, in every form that charts use."""

from __future__ import annotations

import re

from defib_coverage.fhir.resources import Reference

# More than FHIR allows an id: servers in use have underscores, and longer ones. Nothing that means
# something else in a URL (as .. and _search), in a search or in markdown, and nothing that makes
# an answer explode.
_is_id = re.compile(r"(?!_|\.{1,2}(?![A-Za-z0-9_.-]))[A-Za-z0-9_.-]{1,128}").fullmatch


def is_id(identifier: str | None) -> bool:
    """Whether something is the id of a resource, one that may be asked for and repeated."""
    return identifier is not None and _is_id(identifier) is not None


def tail(reference: str) -> str:
    """``Type/id`` of a relative, absolute or versioned reference; others are returned unchanged."""
    if reference.count("/") <= 1 and "_history" not in reference:
        return reference  # nearly all are Type/id
    if reference.startswith(("urn:", "#")):
        return reference
    parts = reference.split("/")
    if "_history" in parts:
        parts = parts[: parts.index("_history")]
    return "/".join(parts[-2:])


def names_nobody(subject: Reference | list[Reference] | None) -> bool:
    """Whether a subject refers to no record at all, as one that is an identifier only."""
    if isinstance(subject, Reference):
        return subject.reference is None
    return subject is None or all(one.reference is None for one in subject)


class PatientCheck:
    """Tells whose a resource is; ``names`` are the references that mean the patient."""

    def __init__(self, patient_id: str) -> None:
        """Accept references to ``Patient/<patient_id>``."""
        self.names = {f"Patient/{patient_id}"}

    def also(self, full_url: str) -> None:
        """Accept a further name of the patient, such as the ``urn:uuid:`` of its Bundle entry."""
        self.names.add(full_url)

    def __call__(self, subject: Reference | list[Reference] | None) -> bool:
        """Whether the subject is the patient; one without subject is nobody's."""
        if isinstance(subject, Reference):
            reference = subject.reference
            return reference is not None and (
                reference in self.names or tail(reference) in self.names
            )
        return subject is not None and any(self(one) for one in subject)
