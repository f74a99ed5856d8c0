"""The types of resources that may be asked for, and which is meant by a name that is none."""

from __future__ import annotations

from difflib import get_close_matches
from typing import get_args

from defib_coverage.documents.document import InputError
from defib_coverage.fhir.resources import Resource, type_name

KINDS = frozenset(type_name(kind) for kind in get_args(Resource))
"""All types of FHIR R4."""
_LONGEST = 64


def check_kind(name: str, option: str) -> None:
    """Refuse a type that there is not: a server may leave it out without a word.

    Args:
        name: what should be a type.
        option: what names it.

    Raises:
        InputError: FHIR R4 has none of that name; the nearest one is told.
    """
    if name in KINDS:
        return
    if len(name) > _LONGEST:
        message = f"{option}: {name[:_LONGEST]!r}... is no type such as Condition"
        raise InputError(message)
    by_small = {kind.lower(): kind for kind in KINDS}
    nearest = get_close_matches(name.lower(), sorted(by_small), n=1)
    meant = f"; is {by_small[nearest[0]]} meant?" if nearest else ", such as Condition"
    message = f"{option}: {name!r} is no type of FHIR R4{meant}"
    raise InputError(message)
