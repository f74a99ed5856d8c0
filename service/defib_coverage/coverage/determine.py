"""The determination of every order of a call: the gates before it is judged (rule 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.case import Case, Rulebook
from defib_coverage.coverage.chart import ChartView
from defib_coverage.coverage.criteria import Judged, judge_case
from defib_coverage.coverage.determination import (
    Determination,
    Evidence,
    Finding,
    JudgedOrder,
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


class Knowledge:
    """All that is loaded once: policy versions, codes, wording, and the digest of their files."""

    def __init__(
        self,
        library: PolicyLibrary,
        index: CodeIndex,
        wording: Wording,
        digest: str,
    ) -> None:
        """Join what was loaded; every policy version gets its rulebook."""
        self.library = library
        self.index = index
        self.wording = wording
        self.digest = digest
        self._rulebooks = {
            version.effective: Rulebook(version, index, wording) for version in library.versions
        }

    def rulebook(self, policy: PolicyVersion) -> Rulebook:
        """The rulebook of a version of the library."""
        return self._rulebooks[policy.effective]


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
        booked = self._chart.appointments.get(order.reference)
        day, basis = service_date(order, booked, self._today)
        judged_order = _judged_order(order, day, basis)
        policy = self._knowledge.library.in_force(day)
        code = order.code
        if code is None:
            return self._silent(judged_order, None, "non-icd-order")
        refusal = order.refusal or self._refusal(policy)
        if policy is None or refusal is not None:
            return self._silent(judged_order, policy, refusal or "policy-not-in-effect")
        if code.order_class == "lead-only" and self._parent is not None:
            return self._lead(judged_order, self._parent)
        judged = self._judge(order, code, day, policy)
        in_place = judged.result(policy.existing_device).truth is Truth.MET
        rule = policy.orders[code.order_class]
        if code.entry.shared and not in_place and not self._own_only:
            return self._silent(judged_order, policy, rule.silent_finding)
        if in_place and code.order_class in FIRST_IMPLANTS:
            # One code serves first implant and exchange: the device in place tells them apart.
            judged_order = msgspec.structs.replace(judged_order, class_="replacement")
        judge = by_diagnosis if rule.diagnosis_support else by_criteria
        verdict = judge(judged, rule, code)
        if order.unread:
            verdict = self._with_unread(verdict, order.unread)
        return self._determination(judged_order, policy, verdict)

    def _with_unread(self, verdict: Verdict, unread: tuple[str, ...]) -> Verdict:
        """The verdict with a warning of what could not be read of the order."""
        text = self._knowledge.wording.finding("order-partly-unread", {"label": ", ".join(unread)})
        finding = Finding(
            code="order-partly-unread",
            severity="warning",
            text=text,
            citation="P-SCOPE",
        )
        return msgspec.structs.replace(verdict, findings=(finding, *verdict.findings))

    def _refusal(self, policy: PolicyVersion | None) -> str | None:
        """Why the policy does not apply to the call's patient or day (rule 1)."""
        if policy is None:
            return "policy-not-in-effect"
        return "payer-not-medicare" if self._chart.payer == "other" else None

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
            rulebook = self._knowledge.rulebook(policy)
            view = ChartView(self._chart, day, self._known_at, order.reasons)
            judged = self._judged[key] = judge_case(Case(rulebook, view, removals))
        return judged

    def _lead(self, judged_order: JudgedOrder, parent: DeviceOrder) -> Determination:
        """A lead beside an implant of the same call: it stands or falls with the implant."""
        leading = self.determination(parent)
        return Determination(
            order=msgspec.structs.replace(judged_order, depends_on=parent.reference),
            policy=leading.policy,
            status=leading.status,
            indications_met=leading.indications_met,
            earliest_eligible_date=leading.earliest_eligible_date,
            data_digest=self._knowledge.digest,
        )

    def _silent(
        self,
        judged_order: JudgedOrder,
        policy: PolicyVersion | None,
        finding: str,
    ) -> Determination:
        """An order that is not ours to judge."""
        facts = {"service_date": judged_order.service_date.isoformat()}
        text = self._knowledge.wording.finding(finding, facts)
        return Determination(
            order=judged_order,
            policy=None if policy is None else self._knowledge.rulebook(policy).reference,
            status="not-applicable",
            findings=(Finding(code=finding, severity="info", text=text, citation="P-SCOPE"),),
            data_digest=self._knowledge.digest,
        )

    def _determination(
        self,
        judged_order: JudgedOrder,
        policy: PolicyVersion,
        verdict: Verdict,
    ) -> Determination:
        return Determination(
            order=judged_order,
            policy=self._knowledge.rulebook(policy).reference,
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


def _judged_order(order: DeviceOrder, day: date, basis: ServiceDateBasis) -> JudgedOrder:
    """The order as the contract names it."""
    code = order.code
    return JudgedOrder(
        reference=order.reference,
        system=order.system if code is None else code.system,
        code=order.text if code is None else code.code,
        class_=order.order_class,
        service_date=day,
        service_date_basis=basis,
    )
