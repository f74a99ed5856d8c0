"""The order codes of each class, with their meaning in our own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.fhir.systems import SYSTEM_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from defib_coverage.coverage.codes import CodeIndex, OrderClass


class OrderCode(msgspec.Struct, frozen=True):
    """An order code; ``shared`` says that it also serves pacemakers."""

    system: str
    system_name: str
    code: str
    meaning: str
    shared: bool


def order_codes(order_class: OrderClass, index: CodeIndex, day: date) -> Iterator[OrderCode]:
    """The codes of a class that are in force on a day, in the order of the files."""
    for value_set in index.value_sets.values():
        if value_set.order_class != order_class:
            continue
        for entry in value_set.codes:
            if entry.in_force(day):
                yield OrderCode(
                    entry.system,
                    SYSTEM_NAMES.get(entry.system, entry.system),
                    entry.code,
                    entry.display or entry.label or value_set.title,
                    entry.shared,
                )
