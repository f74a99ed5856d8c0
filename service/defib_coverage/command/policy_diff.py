"""``policy diff``: what changed between two days, or between two policy files, in sentences."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.command.policy_page import known_today
from defib_coverage.content import load, load_version
from defib_coverage.documents.document import InputError
from defib_coverage.explaining.code_changes import code_changes, come_words, gone_words
from defib_coverage.explaining.policy_changes import policy_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.command.page import Page
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.policy import PolicyLibrary, PolicyVersion


class _Side(msgspec.Struct, frozen=True):
    """One side: a policy version (None before the first), and the day where one was named."""

    name: str
    version: PolicyVersion | None
    day: date | None


def print_differences(before: str, after: str, page: Page) -> None:
    """Print what changed from ``before`` to ``after``, each a day or a policy file.

    Codes are compared where both are days, since value sets are dated by themselves.

    Raises:
        InputError: a side is neither a day nor a policy file that can be used.
    """
    knowledge, _ = known_today()
    old, new = (_side(text, knowledge.library) for text in (before, after))
    page.line(f"From {old.name} to {new.name}", style="bold")
    changed = False
    if old.day is not None and new.day is not None:
        changed = _print_codes(knowledge.index, old.day, new.day, page)
    sentences = list(_version_changes(old, new))
    if sentences:
        page.heading("Rules")
        for sentence in sentences:
            page.item(sentence)
    if not changed and not sentences:
        page.line("Nothing changed.")


def _side(text: str, library: PolicyLibrary) -> _Side:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is not None:
        return _Side(text, library.in_force(day), day)
    path = Path(text)
    if not path.exists():
        message = f"{text}: is neither a day such as 2026-11-20 nor a policy file"
        raise InputError(message)
    return _Side(text, load_version(path, load()), None)


def _version_changes(old: _Side, new: _Side) -> Iterator[str]:
    if old.version is None or new.version is None:
        if old.version is not new.version:
            for side in (old, new):
                yield (
                    f"On {side.name} no version of the policy is in force."
                    if side.version is None
                    else f"On {side.name} version {side.version.version} is in force."
                )
        return
    yield from policy_changes(old.version, new.version)


# ------------------------------------------------------------------------------------------- codes


def _print_codes(index: CodeIndex, before: date, after: date, page: Page) -> bool:
    """Print the codes that came or went in each value set; whether any did."""
    changed = False
    for found in code_changes(index, before, after):
        changed = True
        page.heading(f"{found.value_set.title} ({found.value_set.id})")
        for entry in found.gone:
            page.item(gone_words(entry))
        for entry in found.come:
            page.item(come_words(entry))
    return changed
