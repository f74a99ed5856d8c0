"""The types of resources that may be asked for, and which is meant by a name that is none."""

from __future__ import annotations

from difflib import get_close_matches

from defib_coverage.documents.document import InputError
from defib_coverage.fhir.resources import TYPE_NAMES

_LONGEST = 64


def check_kind(name: str, option: str) -> None:
    """Refuse a type that there is not: a server may leave it out without a word.

    Args:
        name: what should be a type.
        option: what names it.

    Raises:
        InputError: FHIR R4 has none of that name; the nearest one is told.
    """
    if name in TYPE_NAMES:
        return
    if len(name) > _LONGEST:
        message = f"{option}: {name[:_LONGEST]!r}... is no type such as Condition"
        raise InputError(message)
    by_small = {kind.lower(): kind for kind in TYPE_NAMES}
    nearest = get_close_matches(name.lower(), sorted(by_small), n=1)
    meant = f"; is {by_small[nearest[0]]} meant?" if nearest else ", such as Condition"
    message = f"{option}: {name!r} is no type of FHIR R4{meant}"
    raise InputError(message)
