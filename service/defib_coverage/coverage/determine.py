"""The determination of every order of a call: the gates before it is judged (rule 1)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.case import Case, Rulebook
from defib_coverage.coverage.chart import ChartView
from defib_coverage.coverage.criteria import Judged, judge_case
from defib_coverage.coverage.determination import (
    Determination,
    Evidence,
    Finding,
    JudgedCoverage,
    JudgedOrder,
    Severity,
)
from defib_coverage.coverage.insurance import Coverages
from defib_coverage.coverage.orders import FIRST_IMPLANTS, IMPLANTS, service_date
from defib_coverage.coverage.truth import Truth
from defib_coverage.coverage.verdict import by_criteria, by_diagnosis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.coverage.chart import Chart
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.orders import DeviceOrder, OrderCode, ServiceDateBasis
    from defib_coverage.coverage.policy import PolicyLibrary, PolicyVersion
    from defib_coverage.coverage.wording import Wording

# What is assumed of a coverage that is not known to be Medicare's.
_ASSUMPTIONS = {
    "assumed": "coverage-taken-as-medicare",
    "several": "several-coverages",
    "inactive": "coverage-not-in-force",
    "none": "assumes-medicare",
}


class Knowledge:
    """All that is loaded once: policy versions, codes, wording, and the digest of their files."""

    def __init__(
        self,
        library: PolicyLibrary,
        index: CodeIndex,
        wording: Wording,
        digest: str,
        canonical_base: str,
    ) -> None:
        """Join what was loaded; every policy version gets its rulebook.

        Args:
            library: the policy versions.
            index: the codes.
            wording: the sentences.
            digest: of the files behind them.
            canonical_base: the URL below which the code systems are that name what is ours.
        """
        self.library = library
        self.index = index
        self.wording = wording
        self.digest = digest
        self.canonical_base = canonical_base
        self._rulebooks = {
            version.effective: Rulebook(version, index, wording) for version in library.versions
        }

    def rulebook(self, policy: PolicyVersion) -> Rulebook:
        """The rulebook of a version of the library."""
        return self._rulebooks[policy.effective]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a call is judged.

    ``today`` is today in the facility's zone: the service date of an order without one.
    ``known_at`` is the last day whose records count, for a look back; None for a live chart.
    ``longer_reading``: a waiting period lasts until its longer reading is over too.
    """

    today: date
    known_at: date | None = None
    longer_reading: bool = False


def determine(
    orders: Sequence[DeviceOrder],
    chart: Chart,
    knowledge: Knowledge,
    terms: Terms,
) -> tuple[Determination, ...]:
    """Judge every order of one call, in the order given.

    Args:
        orders: the ServiceRequests and DeviceRequests of the call, ours or not.
        chart: the patient's chart.
        knowledge: policies, codes and wording.
        terms: the day of the call, and how it is judged.
    """
    call = _Call(orders, chart, knowledge, terms)
    return tuple(call.determination(order) for order in orders)


class _Call:
    """One call: its orders share a chart, and each may be evidence for the others."""

    def __init__(
        self,
        orders: Sequence[DeviceOrder],
        chart: Chart,
        knowledge: Knowledge,
        terms: Terms,
    ) -> None:
        self._chart = chart
        self._coverages = Coverages(chart.insurances, complete=chart.has_all_coverages)
        self._knowledge = knowledge
        self._terms = terms
        self._parent: DeviceOrder | None = None
        self._removals: tuple[Evidence, ...] = ()
        self._own_only = False
        for order in orders:
            code = order.code
            if code is None or order.refusal is not None:
                continue
            self._own_only = self._own_only or not code.entry.shared
            if code.order_class in IMPLANTS:
                self._parent = _better_parent(self._parent, order)
            elif code.order_class == "removal":
                self._removals += (Evidence(reference=order.reference, code=code.code),)
        self._judged: dict[tuple[object, ...], Judged] = {}

    def determination(self, order: DeviceOrder) -> Determination:
        """Judge one order."""
        booked = self._chart.appointments.get(order.reference)
        day, basis = service_date(order, booked, self._terms.today)
        judged_order = _judged_order(order, day, basis)
        policy = self._knowledge.library.in_force(day)
        code = order.code
        if code is None:
            return self._silent(judged_order, None, "non-icd-order")
        if order.refusal is not None or policy is None:
            return self._silent(judged_order, policy, order.refusal or "policy-not-in-effect")
        coverage = self._coverages.choose(day, order.insurance)
        if coverage.standing == "other":
            return self._silent(judged_order, policy, "payer-not-medicare", coverage)
        if code.order_class == "lead-only" and self._parent is not None:
            return self._lead(judged_order, self._parent, coverage)
        judged = self._judge(order, code, day, policy)
        in_place = judged.results[policy.existing_device].truth is Truth.MET
        rule = policy.orders[code.order_class]
        if code.entry.shared and not in_place and not self._own_only:
            return self._silent(judged_order, policy, rule.silent_finding)
        if in_place and code.order_class in FIRST_IMPLANTS:
            # One code serves first implant and exchange: the device in place tells them apart.
            judged_order = msgspec.structs.replace(judged_order, class_="replacement")
        judge = by_diagnosis if rule.diagnosis_support else by_criteria
        verdict = judge(judged, rule, code)
        return Determination(
            order=judged_order,
            policy=self._knowledge.rulebook(policy).reference,
            coverage=coverage,
            status=verdict.status,
            indications_met=verdict.met,
            indications=verdict.indications,
            always=verdict.always,
            missing_secondary=verdict.missing,
            waiting_periods=verdict.waiting,
            earliest_eligible_date=verdict.earliest,
            findings=(
                *self._unread(order.unread),
                *verdict.findings,
                *self._assumed(coverage),
            ),
            data_digest=self._knowledge.digest,
        )

    def _unread(self, unread: tuple[str, ...]) -> tuple[Finding, ...]:
        """A warning of what could not be read of the order."""
        if not unread:
            return ()
        facts = {"label": ", ".join(unread)}
        return (self._finding("order-partly-unread", "warning", "P-SCOPE", facts),)

    def _assumed(self, coverage: JudgedCoverage) -> tuple[Finding, ...]:
        """What is assumed of the patient's coverage (rule 1)."""
        name = _ASSUMPTIONS.get(coverage.standing)
        if name is None:
            return ()
        unnamed = self._knowledge.wording.labels["unnamed-coverage"]
        facts = {"reference": coverage.reference or unnamed}
        return (self._finding(name, "info", "P-B-INTRO", facts),)

    def _finding(
        self, code: str, severity: Severity, cite: str, facts: Mapping[str, str]
    ) -> Finding:
        text = self._knowledge.wording.finding(code, facts)
        return Finding(code=code, severity=severity, text=text, citation=cite)

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
            view = ChartView(self._chart, day, self._terms.known_at, order.reasons)
            longer = self._terms.longer_reading
            case = Case(rulebook, view, removals, longer_reading=longer)
            judged = self._judged[key] = judge_case(case)
        return judged

    def _lead(
        self, judged_order: JudgedOrder, parent: DeviceOrder, coverage: JudgedCoverage
    ) -> Determination:
        """A lead beside an implant of the same call: it stands or falls with the implant."""
        leading = self.determination(parent)
        return Determination(
            order=msgspec.structs.replace(judged_order, depends_on=parent.reference),
            policy=leading.policy,
            coverage=coverage,
            status=leading.status,
            indications_met=leading.indications_met,
            earliest_eligible_date=leading.earliest_eligible_date,
            findings=self._assumed(coverage),
            data_digest=self._knowledge.digest,
        )

    def _silent(
        self,
        judged_order: JudgedOrder,
        policy: PolicyVersion | None,
        finding: str,
        coverage: JudgedCoverage | None = None,
    ) -> Determination:
        """An order that is not ours to judge."""
        facts = {"service_date": judged_order.service_date.isoformat()}
        return Determination(
            order=judged_order,
            policy=None if policy is None else self._knowledge.rulebook(policy).reference,
            coverage=coverage,
            status="not-applicable",
            findings=(self._finding(finding, "info", "P-SCOPE", facts),),
            data_digest=self._knowledge.digest,
        )


def _better_parent(known: DeviceOrder | None, order: DeviceOrder) -> DeviceOrder:
    """A lead beside several implants rests on the procedure rather than on the device."""
    if known is None:
        return order
    procedure = "ServiceRequest/"
    better = order.reference.startswith(procedure) and not known.reference.startswith(procedure)
    return order if better else known


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
