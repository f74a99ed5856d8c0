"""The determination of every order of a call: the gates before it is judged (rule 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.case import Case, Rulebook
from defib_coverage.coverage.chart import ChartView
from defib_coverage.coverage.criteria import Judged
from defib_coverage.coverage.determination import (
    Determination,
    Evidence,
    Finding,
    JudgedOrder,
    PolicyReference,
)
from defib_coverage.coverage.orders import FIRST_IMPLANTS, IMPLANTS, service_date
from defib_coverage.coverage.truth import Truth
from defib_coverage.coverage.verdict import Verdict, by_criteria, by_diagnosis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from defib_coverage.coverage.chart import Chart
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.orders import DeviceOrder, OrderCode, ServiceDateBasis
    from defib_coverage.coverage.policy import PolicyLibrary, PolicyVersion
    from defib_coverage.coverage.wording import Wording


class Knowledge(msgspec.Struct, frozen=True):
    """All that is loaded once: policy versions, codes, wording, and the digest of their files."""

    library: PolicyLibrary
    index: CodeIndex
    wording: Wording
    digest: str


def determine(
    orders: Sequence[DeviceOrder],
    chart: Chart,
    knowledge: Knowledge,
    *,
    today: date,
    known_at: date | None = None,
) -> tuple[Determination, ...]:
    """Judge every order of one call, in the order given.

    Args:
        orders: the ServiceRequests and DeviceRequests of the call, ours or not.
        chart: the patient's chart.
        knowledge: policies, codes and wording.
        today: today in the facility's zone: the service date of an order without one.
        known_at: the last day whose records count, for a look back; None for a live chart.
    """
    call = _Call(orders, chart, knowledge, today, known_at)
    return tuple(call.determination(order) for order in orders)


class _Call:
    """One call: its orders share a chart, and each may be evidence for the others."""

    def __init__(
        self,
        orders: Sequence[DeviceOrder],
        chart: Chart,
        knowledge: Knowledge,
        today: date,
        known_at: date | None,
    ) -> None:
        self._chart = chart
        self._knowledge = knowledge
        self._today = today
        self._known_at = known_at
        ours = [(o, o.code) for o in orders if o.code is not None and o.refusal is None]
        # A lead beside several implants rests on the procedure rather than on the device.
        implants = [o for o, code in ours if code.order_class in IMPLANTS]
        self._parent = min(
            implants,
            key=lambda o: not o.reference.startswith("ServiceRequest/"),
            default=None,
        )
        self._removals = tuple(
            Evidence(reference=o.reference, code=code.code)
            for o, code in ours
            if code.order_class == "removal"
        )
        self._own_only = any(not code.entry.shared for _, code in ours)
        self._judged: dict[tuple[object, ...], Judged] = {}

    def determination(self, order: DeviceOrder) -> Determination:
        """Judge one order."""
        day, basis = service_date(order, self._chart.appointments.get(order.reference), self._today)
        code = order.code
        if code is None:
            return self._silent(order, day, basis, "non-icd-order", None)
        policy = self._knowledge.library.in_force(day)
        if order.refusal is not None:
            return self._silent(order, day, basis, order.refusal, policy)
        if policy is None:
            return self._silent(order, day, basis, "policy-not-in-effect", policy)
        if self._chart.payer == "other":
            return self._silent(order, day, basis, "payer-not-medicare", policy)
        if code.order_class == "lead-only" and self._parent is not None:
            return self._lead(order, day, basis, self._parent)
        judged = self._judge(order, code, day, policy)
        in_place = judged.result(policy.existing_device).truth is Truth.MET
        rule = policy.orders[code.order_class]
        if code.entry.shared and not in_place and not self._own_only:
            return self._silent(order, day, basis, rule.silent_finding, policy)
        judge = by_diagnosis if rule.diagnosis_support else by_criteria
        verdict = judge(judged, rule, code)
        exchange = in_place and code.order_class in FIRST_IMPLANTS
        return self._determination(order, day, basis, policy, verdict, exchange=exchange)

    def _judge(
        self,
        order: DeviceOrder,
        code: OrderCode,
        day: date,
        policy: PolicyVersion,
    ) -> Judged:
        """The criteria as they stand for the order; orders of one day and reason share them."""
        removals = self._removals if code.order_class in IMPLANTS else ()
        key = (day, order.reasons, removals)
        judged = self._judged.get(key)
        if judged is None:
            knowledge = self._knowledge
            rulebook = Rulebook(policy, knowledge.index, knowledge.wording)
            view = ChartView(self._chart, day, self._known_at, order.reasons)
            judged = self._judged[key] = Judged(Case(rulebook, view, removals))
        return judged

    def _lead(
        self,
        order: DeviceOrder,
        day: date,
        basis: ServiceDateBasis,
        parent: DeviceOrder,
    ) -> Determination:
        """A lead beside an implant of the same call: it stands or falls with the implant."""
        leading = self.determination(parent)
        return Determination(
            order=_judged_order(order, day, basis, depends_on=parent.reference),
            policy=leading.policy,
            status=leading.status,
            indications_met=leading.indications_met,
            earliest_eligible_date=leading.earliest_eligible_date,
            data_digest=self._knowledge.digest,
        )

    def _silent(
        self,
        order: DeviceOrder,
        day: date,
        basis: ServiceDateBasis,
        finding: str,
        policy: PolicyVersion | None,
    ) -> Determination:
        """An order that is not ours to judge."""
        text = self._knowledge.wording.finding(finding, {"service_date": day.isoformat()})
        citation = "P-SCOPE"
        return Determination(
            order=_judged_order(order, day, basis),
            policy=None if policy is None else _reference(policy),
            status="not-applicable",
            findings=(Finding(code=finding, severity="info", text=text, citation=citation),),
            data_digest=self._knowledge.digest,
        )

    def _determination(
        self,
        order: DeviceOrder,
        day: date,
        basis: ServiceDateBasis,
        policy: PolicyVersion,
        verdict: Verdict,
        *,
        exchange: bool,
    ) -> Determination:
        return Determination(
            order=_judged_order(order, day, basis, exchange=exchange),
            policy=_reference(policy),
            status=verdict.status,
            indications_met=verdict.met,
            indications=verdict.indications,
            always=verdict.always,
            missing_secondary=verdict.missing,
            waiting_periods=verdict.waiting,
            earliest_eligible_date=verdict.earliest,
            findings=verdict.findings,
            data_digest=self._knowledge.digest,
        )


def _judged_order(
    order: DeviceOrder,
    day: date,
    basis: ServiceDateBasis,
    *,
    exchange: bool = False,
    depends_on: str | None = None,
) -> JudgedOrder:
    """The order as the contract names it; an implant beside a device in place is a replacement."""
    code = order.code
    return JudgedOrder(
        reference=order.reference,
        system=order.system if code is None else code.system,
        code=order.text if code is None else code.code,
        class_="replacement" if exchange else order.order_class,
        service_date=day,
        service_date_basis=basis,
        depends_on=depends_on,
    )


def _reference(policy: PolicyVersion) -> PolicyReference:
    return PolicyReference(
        id=policy.id,
        version=policy.version,
        effective=policy.effective,
        citation=policy.citation,
    )
