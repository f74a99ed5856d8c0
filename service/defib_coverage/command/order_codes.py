"""Order codes as a user names them: which code system, and whether they order a defibrillator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.command.documents import InputError
from defib_coverage.coverage.codes import normalise
from defib_coverage.explaining.near_codes import near_entries

if TYPE_CHECKING:
    from defib_coverage.coverage.codes import CodeIndex

OrderSystem = Literal["cpt", "hcpcs", "icd10pcs", "snomed"]
SYSTEMS: tuple[OrderSystem, ...] = ("cpt", "hcpcs", "icd10pcs", "snomed")


class OrderedCode(msgspec.Struct, frozen=True):
    """A code to be judged: its system's short name, its spelling, and the type that orders it."""

    system: OrderSystem
    code: str
    resource_type: str


def ordered_code(text: str, system: OrderSystem | None, index: CodeIndex) -> OrderedCode:
    """Find the order code that a user means.

    Args:
        text: the code in any spelling.
        system: its code system; None looks for the one order value set that holds it. A code of a
            named system may be none of ours: its order is then judged as not applicable.
        index: the value sets.

    Raises:
        InputError: no order value set holds the code.
    """
    for candidate in SYSTEMS if system is None else (system,):
        for match in index.find(candidate, text):
            value_set = index.value_sets[match.value_set]
            if value_set.order_class is not None:
                resource_type = value_set.resource or "ServiceRequest"
                return OrderedCode(candidate, match.entry.code, resource_type)
    if system is not None:
        return OrderedCode(system, normalise(system, text), "ServiceRequest")
    raise InputError(_unknown(text, index))


def _unknown(text: str, index: CodeIndex) -> str:
    known = next(
        (m for s in SYSTEMS for m in index.find(s, text)),
        None,
    )
    if known is not None:
        return (
            f"--order {text}: is known ({index.label(known)}) but orders no defibrillator; "
            f"to judge it all the same add --order-system {known.entry.system}"
        )
    orders = (one for one in index.value_sets.values() if one.order_class is not None)
    close = near_entries(text, orders)
    hint = f"near: {'; '.join(map(str, close))}" if close else "`policy show` lists the order codes"
    return f"--order {text}: is no defibrillator order code; {hint}"
