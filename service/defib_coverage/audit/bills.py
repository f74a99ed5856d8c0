"""Claims and explanations of benefit: each line as the order that it bills."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.audit.days import days_of
from defib_coverage.fhir.resources import CodeableConcept, Order, OrderConcept, Period, Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


# Why a patient came, or what was thought of: none of it is what the bill claims.
_NOT_CLAIMED = frozenset({"admitting", "differential", "patientreasonforvisit", "reason-for-visit"})


class _Diagnosis(msgspec.Struct, rename="camel"):
    sequence: int | None = None
    type: list[CodeableConcept] = []
    diagnosis_codeable_concept: CodeableConcept | None = None
    diagnosis_reference: Reference | None = None

    @property
    def is_claimed(self) -> bool:
        """Whether it is claimed for the bill as a whole."""
        roles = {coding.code for one in self.type for coding in one.coding}
        return not roles or not roles <= _NOT_CLAIMED


class _SubDetail(msgspec.Struct, rename="camel"):
    sequence: int | None = None
    product_or_service: OrderConcept | None = None


class _Detail(_SubDetail):
    sub_detail: list[_SubDetail] = []


class _Item(_SubDetail):
    detail: list[_Detail] = []
    serviced_date: str | None = None
    serviced_period: Period | None = None
    location_reference: Reference | None = None
    diagnosis_sequence: list[int] = []
    care_team_sequence: list[int] = []


class _AddedItem(_Item):
    """A line that the payer has added, for the lines of the claim that it names."""

    item_sequence: list[int] = []
    provider: list[Reference] = []


class _Procedure(msgspec.Struct, rename="camel"):
    sequence: int | None = None
    date: str | None = None
    procedure_codeable_concept: OrderConcept | None = None


class _Insurance(msgspec.Struct):
    coverage: Reference | None = None


class _Member(msgspec.Struct):
    sequence: int | None = None
    provider: Reference | None = None


class Bill(msgspec.Struct, rename="camel"):
    """A Claim or an ExplanationOfBenefit, as far as orders are told by it."""

    status: str | None = None
    use: str | None = None
    patient: Reference | None = None
    billable_period: Period | None = None
    created: str | None = None
    provider: Reference | None = None
    facility: Reference | None = None
    item: list[_Item] = []
    add_item: list[_AddedItem] = []
    procedure: list[_Procedure] = []
    diagnosis: list[_Diagnosis] = []
    insurance: list[_Insurance] = []
    care_team: list[_Member] = []

    @property
    def is_billed(self) -> bool:
        """Whether it bills what was done; else it asks beforehand whether it would be paid."""
        return self.use in {None, "claim"}


class BillLine(NamedTuple):
    """A line: its name within the bill, the order that it bills, where and by whom.

    ``days`` are the texts that may date it, the best first.
    """

    name: str
    order: Order
    days: tuple[str | None, ...]
    site: Reference | None
    operator: Reference | None


def lines_of(bill: Bill) -> Iterator[BillLine]:
    """The lines of a bill, and the procedures of its head, as inpatient claims have them."""
    for number, item in enumerate(bill.item, 1):
        operator = _operator(bill, item.care_team_sequence)
        yield from _item_lines(bill, item, str(item.sequence or number), operator)
    for number, added in enumerate(bill.add_item, 1):
        about = [one for one in bill.item if one.sequence in added.item_sequence]
        added.diagnosis_sequence = [one for item in about for one in item.diagnosis_sequence]
        operator = added.provider[0] if added.provider else _operator(bill, ())
        yield from _item_lines(bill, added, f"added-{number}", operator)
    for number, done in enumerate(bill.procedure, 1):
        order = _order(bill, done.procedure_codeable_concept, ())
        days = (done.date, *days_of(bill.billable_period))
        name = f"procedure-{done.sequence or number}"
        yield BillLine(name, order, days, bill.facility, _operator(bill, ()))


def _item_lines(
    bill: Bill, item: _Item, name: str, operator: Reference | None
) -> Iterator[BillLine]:
    """What a line bills, and what the lines below it do."""
    site = item.location_reference or bill.facility
    days = (item.serviced_date, *days_of(item.serviced_period), *days_of(bill.billable_period))
    for below, code in _billed(item, name):
        order = _order(bill, code, item.diagnosis_sequence)
        yield BillLine(below, order, days, site, operator)


def _billed(item: _Item, name: str) -> Iterator[tuple[str, OrderConcept | None]]:
    """What a line bills, and what the lines below it do: the name and the code of each."""
    yield name, item.product_or_service
    for below, detail in enumerate(item.detail, 1):
        inner = f"{name}.{detail.sequence or below}"
        yield inner, detail.product_or_service
        for last, sub in enumerate(detail.sub_detail, 1):
            yield f"{inner}.{sub.sequence or last}", sub.product_or_service


def _order(bill: Bill, code: OrderConcept | None, diagnoses: Sequence[int]) -> Order:
    """What a line bills; the diagnoses that it points at are claimed, else those of the bill."""
    claimed = [
        one
        for one in bill.diagnosis
        if (one.sequence in diagnoses if diagnoses else one.is_claimed)
    ]
    concepts = [one.diagnosis_codeable_concept for one in claimed]
    references = [one.diagnosis_reference for one in claimed]
    coverages = [one.coverage for one in bill.insurance]
    return Order(
        "ServiceRequest",
        status="completed" if bill.is_billed else "active",
        code=code,
        subject=bill.patient,
        authored_on=bill.created,
        reason_code=[one for one in concepts if one is not None],
        reason_reference=[one for one in references if one is not None],
        insurance=[one for one in coverages if one is not None],
    )


def _operator(bill: Bill, sequences: Sequence[int]) -> Reference | None:
    """Who carried it out: of the care team the member that the line names, else the provider."""
    for member in bill.care_team:
        if member.provider is not None and (not sequences or member.sequence in sequences):
            return member.provider
    return bill.provider
