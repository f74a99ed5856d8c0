"""What the owners of code systems want to be told where their codes are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.terminology.systems import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

_NUMBERS_ONLY = " Only numbers of CPT are shown here; the words beside them are our own."


def notices_of(systems: Iterable[str], day: date) -> tuple[str, ...]:
    """The notices for code systems, by their short names, as of ``day``; each once."""
    used = set(systems)
    found = ((name, facts.notice_on(day)) for name, facts in FACTS.items() if name in used)
    return tuple(
        notice + (_NUMBERS_ONLY if name == "cpt" else "")
        for name, notice in found
        if notice is not None
    )
