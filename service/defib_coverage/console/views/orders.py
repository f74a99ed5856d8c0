"""The order codes to choose from, by what they order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.documents.document import InputError
from defib_coverage.documents.order_codes import SYSTEMS, OrderedCode, ordered_code

if TYPE_CHECKING:
    from defib_coverage.coverage.codes import CodeIndex

_SYSTEMS = {"cpt": "CPT", "hcpcs": "HCPCS", "icd10pcs": "ICD-10-PCS", "snomed": "SNOMED CT"}
_CLASSES = {
    "initial-implant": "A whole system",
    "generator-only": "A generator onto leads in place",
    "replacement": "A generator exchanged",
    "lead-only": "Leads",
    "revision": "Something revised",
    "removal": "Something taken out",
    "pacemaker-combo": "Bundles with a pacemaker",
}


class OrderChoice(msgspec.Struct, frozen=True):
    """One code: how a form sends it, and what it means in our own words."""

    value: str
    code: str
    label: str


class OrderGroup(msgspec.Struct, frozen=True):
    """The codes of one class."""

    name: str
    choices: tuple[OrderChoice, ...]


def order_groups(index: CodeIndex) -> tuple[OrderGroup, ...]:
    """All order codes, CPT first in each class."""
    found: dict[str, list[OrderChoice]] = {name: [] for name in _CLASSES.values()}
    for system in SYSTEMS:
        for value_set in index.value_sets.values():
            if value_set.order_class is None:
                continue
            found[_CLASSES[value_set.order_class]] += [
                OrderChoice(
                    f"{entry.system}|{entry.code}",
                    f"{_SYSTEMS[system]} {entry.code}",
                    entry.label or value_set.title,
                )
                for entry in value_set.codes
                if entry.system == system
            ]
    return tuple(OrderGroup(name, tuple(choices)) for name, choices in found.items())


def wanted_order(value: str, index: CodeIndex) -> OrderedCode:
    """The code that a form sends.

    Raises:
        InputError: it is none of ours.
    """
    system, _, code = value.partition("|")
    for known in SYSTEMS:
        if known == system:
            found = ordered_code(code[:64], known, index)
            if index.order_label(found.code) is not None:
                return found
    message = f"Order: {value[:64]!r} is none of the codes to choose from"
    raise InputError(message)
