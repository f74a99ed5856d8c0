"""Numbers of events, as they may be told beside those that they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.audit.reporting.charts import Kind
from defib_coverage.audit.reporting.hiding import WITHHELD, Hidden, Limit, Number, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.audit.reporting.population import Population


def kind_of(one: Population) -> Kind:
    """How the events of a population are drawn."""
    return Kind(one.name, "performed" if one.performed else "ordered")


def part_told(count: int, total: Number, limit: Limit | None) -> Number:
    """A number of events, as it may be told beside the number of all."""
    if limit is None:
        return count
    return limit.share(count, total)[0] if isinstance(total, int) else WITHHELD


def line_told(counts: Sequence[int], total: Number, limit: Limit | None) -> tuple[Number, ...]:
    """Numbers that add up to another, as they may be told beside it."""
    if limit is None:
        return tuple(counts)
    if isinstance(total, Hidden):
        return (WITHHELD,) * len(counts)
    return limit.line([Part(count) for count in counts], total)


def sum_told(numbers: Sequence[Number]) -> Number:
    """A sum, which is told where all its parts are."""
    parts = [number for number in numbers if isinstance(number, int)]
    return sum(parts) if len(parts) == len(numbers) else WITHHELD


def known(number: Number) -> int:
    """A number that is told; nothing where it is not."""
    return number if isinstance(number, int) else 0
