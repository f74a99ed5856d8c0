"""Which codes came into the value sets and left them between two days, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.codes import CodeEntry, ValueSet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from defib_coverage.coverage.codes import CodeIndex


class CodeChanges(msgspec.Struct, frozen=True):
    """A value set that differs between two days, its codes in the order of its file.

    ``gone`` stand on the first day only, ``come`` on the second only, ``kept`` on both.
    """

    value_set: ValueSet
    gone: tuple[CodeEntry, ...]
    come: tuple[CodeEntry, ...]
    kept: tuple[CodeEntry, ...]


def code_changes(index: CodeIndex, before: date, after: date) -> Iterator[CodeChanges]:
    """The value sets in which codes came or went from ``before`` to ``after``."""
    for value_set in index.value_sets.values():
        dated = [(e, e.in_force(before), e.in_force(after)) for e in value_set.codes]
        found = CodeChanges(
            value_set,
            gone=tuple(e for e, was, is_in in dated if was and not is_in),
            come=tuple(e for e, was, is_in in dated if is_in and not was),
            kept=tuple(e for e, was, is_in in dated if was and is_in),
        )
        if found.gone or found.come:
            yield found


def gone_words(entry: CodeEntry) -> str:
    """That a code left, and why it is not there on the second day."""
    text = f"{_named(entry)} left"
    if entry.until is not None:
        text += f"; its last day is {entry.until}"
    if entry.start is not None and entry.until is None:
        text += f"; its first day is {entry.start}"
    if entry.successors:
        text += f"; use {', '.join(entry.successors)}"
    return text + "."


def come_words(entry: CodeEntry) -> str:
    """That a code came, and since when it counts."""
    text = f"{_named(entry)} came"
    if entry.start is not None:
        text += f"; its first day is {entry.start}"
    return text + "."


def _named(entry: CodeEntry) -> str:
    meaning = entry.display or entry.label
    return f"{entry.code} ({meaning})" if meaning else entry.code
