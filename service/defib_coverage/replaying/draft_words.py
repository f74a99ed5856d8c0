"""What a draft changes, in sentences: rules that say something else, codes that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.dates import DAY
from defib_coverage.explaining.policy_changes import policy_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.coverage.codes import CodeEntry, ValueSet
    from defib_coverage.coverage.determine import Knowledge


def draft_changes(before: Knowledge, after: Knowledge) -> Iterator[str]:
    """Every change from the present rules and codes to those with drafts, a sentence each."""
    present = {version.effective: version for version in before.library.versions}
    for version in after.library.versions:
        old = present.get(version.effective)
        if old is version:
            continue
        if old is None:
            old = before.library.in_force(version.effective - DAY)
            yield f"A version of the policy begins on {version.effective}."
        if old is not None:
            # The days of two versions differ anyway.
            old_day = f"The policy: the first day in force changed from {old.effective}"
            yield from (s for s in policy_changes(old, version) if not s.startswith(old_day))
    for name, value_set in after.index.value_sets.items():
        known = before.index.value_sets.get(name)
        if known is None:
            yield f"The value set {name} is new, with {len(value_set.codes)} codes."
        elif known != value_set:
            yield from _set_changes(known, value_set)


def _set_changes(old: ValueSet, new: ValueSet) -> Iterator[str]:
    was = {(one.system, one.code): one for one in old.codes}
    now = {(one.system, one.code): one for one in new.codes}
    for key, entry in was.items():
        if key not in now:
            yield f"{new.id}: {_named(entry)} is gone."
    for key, entry in now.items():
        known = was.get(key)
        if known is None:
            yield f"{new.id}: {_named(entry)} is new."
        elif known != entry:
            fields = [f for f in entry.__struct_fields__ if getattr(entry, f) != getattr(known, f)]
            yield f"{new.id}: {_named(entry)} has another {', '.join(_field(f) for f in fields)}."
    parts = ("patterns", "words", "abbreviations", "role", "order_class", "resource")
    for part in parts:
        if getattr(old, part) != getattr(new, part):
            yield f"{new.id}: {_field(part)} changed."


def _named(entry: CodeEntry) -> str:
    meaning = entry.display or entry.label
    return f"{entry.code} ({meaning})" if meaning else entry.code


def _field(name: str) -> str:
    """A field as its file calls it, in words."""
    return {"start": "first day", "until": "last day"}.get(name, name.replace("_", " "))
