"""Claims and explanations of benefit: each line as the order that it bills."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.fhir.resources import CodeableConcept, Order, OrderConcept, Period, Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class _Diagnosis(msgspec.Struct, rename="camel"):
    sequence: int | None = None
    diagnosis_codeable_concept: CodeableConcept | None = None
    diagnosis_reference: Reference | None = None


class _Item(msgspec.Struct, rename="camel"):
    sequence: int | None = None
    product_or_service: OrderConcept | None = None
    serviced_date: str | None = None
    serviced_period: Period | None = None
    location_reference: Reference | None = None
    diagnosis_sequence: list[int] = []
    care_team_sequence: list[int] = []


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
    patient: Reference | None = None
    billable_period: Period | None = None
    created: str | None = None
    provider: Reference | None = None
    facility: Reference | None = None
    item: list[_Item] = []
    procedure: list[_Procedure] = []
    diagnosis: list[_Diagnosis] = []
    insurance: list[_Insurance] = []
    care_team: list[_Member] = []


class BillLine(NamedTuple):
    """A line: its name within the bill, the order that it bills, where and by whom."""

    name: str
    order: Order
    site: Reference | None
    operator: Reference | None


def lines_of(bill: Bill) -> Iterator[BillLine]:
    """The lines of a bill, and the procedures of its head, as inpatient claims have them."""
    for number, item in enumerate(bill.item, 1):
        order = _order(bill, item.product_or_service, item.diagnosis_sequence)
        order.occurrence_date_time = item.serviced_date
        order.occurrence_period = item.serviced_period or bill.billable_period
        yield BillLine(
            str(item.sequence or number),
            order,
            item.location_reference or bill.facility,
            _operator(bill, item.care_team_sequence),
        )
    for number, done in enumerate(bill.procedure, 1):
        order = _order(bill, done.procedure_codeable_concept, ())
        order.occurrence_date_time = done.date
        order.occurrence_period = bill.billable_period
        name = f"procedure-{done.sequence or number}"
        yield BillLine(name, order, bill.facility, _operator(bill, ()))


def _order(bill: Bill, code: OrderConcept | None, diagnoses: Sequence[int]) -> Order:
    """What a line bills; the diagnoses that it points at are claimed, else all of the bill."""
    claimed = [one for one in bill.diagnosis if not diagnoses or one.sequence in diagnoses]
    concepts = [one.diagnosis_codeable_concept for one in claimed]
    references = [one.diagnosis_reference for one in claimed]
    coverages = [one.coverage for one in bill.insurance]
    return Order(
        "ServiceRequest",
        status="completed",
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
