"""What may be shown as the meaning of a code, and words for whether it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.explaining.fact_models import Status

STATUS_WORDS: Mapping[Status, str] = {
    "in-force": "in force",
    "not-yet-in-force": "not yet in force",
    "ended": "no longer in force",
    "chart-only": "chart only",
}


def meaning_of(system: str, display: str | None, words: str | None, title: str) -> str:
    """The official title where it may be shown, else our own words, else its value set's title.

    A site may bring titles of CPT in its overlay: its licence does not cover a page for everybody.
    """
    if system == "cpt":
        display = None
    return display or words or title
