"""Procedures: what was done, when, and with which devices."""

from __future__ import annotations

import msgspec

from defib_coverage.audit.days import days_of
from defib_coverage.fhir.resources import (
    CodeableConcept,
    OrderConcept,
    Performer,
    Period,
    Reference,
)


class _Focal(msgspec.Struct):
    action: CodeableConcept | None = None
    manipulated: Reference | None = None

    @property
    def is_put_in(self) -> bool:
        """Whether the device was put in, for all that is said."""
        codes = [] if self.action is None else [coding.code for coding in self.action.coding]
        return not codes or "implanted" in codes


class Procedure(msgspec.Struct, rename="camel"):
    """A Procedure, as far as an order is told by it."""

    status: str | None = None
    code: OrderConcept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    performed_string: str | None = None
    performed_age: object = None
    performed_range: object = None
    based_on: list[Reference] = []
    reason_code: list[CodeableConcept] = []
    reason_reference: list[Reference] = []
    performer: list[Performer] = []
    location: Reference | None = None
    focal_device: list[_Focal] = []
    used_reference: list[Reference] = []

    @property
    def days(self) -> tuple[str | None, ...]:
        """The texts that may date it, the best first; one is empty where an age is all it tells."""
        aged = self.performed_age is not None or self.performed_range is not None
        dated = (self.performed_date_time, *days_of(self.performed_period), self.performed_string)
        return (*dated, "" if aged else None)

    @property
    def devices(self) -> list[Reference | None]:
        """The Devices that were put in, for all that is said."""
        put_in = [one.manipulated for one in self.focal_device if one.is_put_in]
        return put_in + self.used_reference
