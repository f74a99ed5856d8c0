"""Orders: which defibrillator service a code stands for, and on which day it is judged."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage.chart import Hit
from defib_coverage.coverage.codes import CodeEntry, OrderClass
from defib_coverage.coverage.dates import DateSpan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.codes import CodeIndex

ServiceDateBasis = Literal["occurrence", "appointment", "today", "authored-assumed"]

# Several of our codes in one order: the billing code says most about what will be claimed.
_PREFERENCE = {"cpt": 0, "hcpcs": 0, "icd10pcs": 1, "snomed": 2}
IMPLANTS: frozenset[OrderClass] = frozenset({"initial-implant", "generator-only", "replacement"})
FIRST_IMPLANTS: frozenset[OrderClass] = frozenset({"initial-implant", "generator-only"})


class OrderCode(msgspec.Struct, frozen=True, gc=False):
    """A code of ours that an order carries, with the system URI as the order wrote it."""

    system: str
    code: str
    entry: CodeEntry
    order_class: OrderClass


class DeviceOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One ServiceRequest or DeviceRequest of the call.

    ``code`` is None for an order that is not ours; ``system`` and ``text`` then still say what was
    ordered. ``refusal`` is the finding that says why an order of ours is not judged: not to
    perform, cancelled or entered in error, or for another patient.
    ``reasons`` are the order's own diagnoses (value set, hit); ``occurrence``, ``appointment`` and
    ``authored`` are its dates; ``insurance`` are the Coverages that it names, each as
    ``Coverage/id``; ``unread`` are members that could not be read.
    """

    reference: str
    code: OrderCode | None = None
    system: str | None = None
    text: str | None = None
    refusal: Literal["order-not-wanted", "order-of-other-patient"] | None = None
    completed: bool = False
    occurrence: DateSpan | None = None
    appointment: DateSpan | None = None
    authored: DateSpan | None = None
    reasons: tuple[tuple[str, Hit], ...] = ()
    insurance: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()

    @property
    def order_class(self) -> OrderClass | Literal["not-defibrillator"]:
        """The class of the order's code."""
        return "not-defibrillator" if self.code is None else self.code.order_class


def classify(
    codings: Iterable[tuple[str, str, str]],
    resource_type: str,
    index: CodeIndex,
) -> OrderCode | None:
    """Find the code of ours among (system alias, system URI, code); None for an order not ours.

    With several, CPT and HCPCS win over ICD-10-PCS over SNOMED CT.
    """
    best: OrderCode | None = None
    best_rank = len(_PREFERENCE)
    for system, uri, code in codings:
        for match in index.find(system, code):
            value_set = index.value_sets[match.value_set]
            if value_set.order_class is None:
                continue
            # Article procedure codes come in ServiceRequests, device codes in DeviceRequests.
            if (value_set.resource or "ServiceRequest") != resource_type:
                continue
            rank = _PREFERENCE[system]
            if rank < best_rank:
                best_rank = rank
                best = OrderCode(uri, match.entry.code, match.entry, value_set.order_class)
    return best


def service_date(
    order: DeviceOrder,
    booked: DateSpan | None,
    today: date,
) -> tuple[date, ServiceDateBasis]:
    """The day the order is judged on (rule 2), and where it comes from.

    The appointment being booked wins; then the order's occurrence; then a linked appointment that
    the chart holds (``booked``); then, for an order already carried out, the day it was written
    (assumed); else today.
    """
    if order.appointment is not None:
        return order.appointment.low, "appointment"
    if order.occurrence is not None:
        return order.occurrence.low, "occurrence"
    if booked is not None:
        return booked.low, "appointment"
    if order.completed and order.authored is not None:
        return order.authored.low, "authored-assumed"
    return today, "today"
