"""Coverage information: what the determination means for the claim, written to the order itself.

One system action an order, an update with the order as it came and one extension more. Where the
order already says the same, there is nothing to write. What the versions of the guide want
differently is told apart here; where none is asked for, the answer fits both.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.hooks.response import Action, Coding
from defib_coverage.hooks.statement import Concept, Part, Reference, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.coverage.determination import Determination, JudgedCoverage
    from defib_coverage.coverage.wording import Wording
    from defib_coverage.fhir.plans import Plan
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.configuration import Version
    from defib_coverage.hooks.evaluation import Evaluation
    from defib_coverage.hooks.ordered import Ordered
    from defib_coverage.hooks.outlook import Outlooks

REASONS = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
"""The code system of the reasons that CRD 2.2 has codes for."""
Covered = Literal["covered", "conditional", "not-covered", "indeterminate"]
_ReasonCode = Literal["no-member-found", "no-active-coverage", "coverage-not-found", "technical"]
# What leaves the days of a waiting period open: a later step of the workflow settles it.
_TIMING = frozenset(
    {"waiting-period-open", "mi-date-unknown", "revasc-date-unknown", "event-date-imprecise"},
)
_PAIR = "secondary-diagnosis-missing"
# What is told beside the answer, whatever it is: a covered order has no card to tell it.
_NOTES = frozenset(
    {
        "coverage-taken-as-medicare",
        "record-incomplete",
        "lvef-predates-event",
        "between-month-and-90-day-readings",
    },
)
# The standings of a Coverage that is taken as Medicare's.
_TAKEN = frozenset({"medicare", "assumed"})
_DOCUMENTS = (
    Part("doc-needed", value_code="clinical"),
    Part("doc-purpose", value_code="retain-doc"),
)
_DATES = Part("info-needed", value_code="timeframe")
_OTHER = Part("info-needed", value_code="OTH")
_encode = msgspec.json.Encoder().encode
# Half a SHA-256: no two statements of anybody share it by chance.
_ID_LENGTH = 32


def check_coverage(evaluation: Evaluation, version: Version | None) -> None:
    """Refuse a call whose Coverage cannot be told, which CRD wants since 2.1 (row 62).

    Raises:
        RequestError: 400 that says why.
    """
    if version != "2.2":
        return
    for one in evaluation.determinations:
        why = None if one.coverage is None else _why_no_coverage(evaluation, one.coverage)
        if why is not None:
            raise RequestError(400, "processing", f"{one.order.reference}: {why}", "prefetch")


def _why_no_coverage(evaluation: Evaluation, coverage: JudgedCoverage) -> str | None:
    match coverage.standing:
        case "several":
            return "several Coverages may be the one, and the order names none of them"
        case "other":
            return "the payer of the patient's Coverage is not served here"
        case "none" if evaluation.coverage_unknown == "not-supplied":
            return "no Coverage was sent, and none could be read"
        case "none" if evaluation.coverage_unknown is None and coverage.reference is None:
            return "the patient has no Coverage"
        case "medicare" | "assumed" | "inactive" if coverage.reference is None:
            return "the patient's Coverage has no id that can be named"
        case _:
            return None


class Statements:
    """Makes the statements of calls."""

    def __init__(self, wording: Wording, outlooks: Outlooks) -> None:
        """Speak with ``wording``."""
        self._wording = wording
        self._outlooks = outlooks

    def actions(
        self, evaluation: Evaluation, asked: Asked
    ) -> tuple[tuple[Action, ...], Mapping[str, str]]:
        """The system actions of a call: one for every order of ours that has something new to say.

        An order that stands in the call twice is updated once.

        Returns:
            The actions, and the ids of what holds of orders, by reference: also where an order says
            it already.
        """
        call = _Call(evaluation, asked, self._wording, self._outlooks)
        actions: dict[str, Action] = {}
        for ordered, one in zip(evaluation.ordered, evaluation.determinations, strict=True):
            action = call.action(ordered, one)
            if action is not None:
                actions.setdefault(one.order.reference, action)
        return tuple(actions.values()), call.assertions


class _Call:
    """Makes the statements of one call."""

    def __init__(
        self, evaluation: Evaluation, asked: Asked, wording: Wording, outlooks: Outlooks
    ) -> None:
        self._call = evaluation
        self._asked = asked
        self._wording = wording
        self._outlooks = outlooks
        self.assertions: dict[str, str] = {}

    @cached_property
    def _by_order(self) -> dict[str, Determination]:
        return {d.order.reference: d for d in reversed(self._call.determinations)}

    @cached_property
    def _nameless(self) -> set[str]:
        """The orders that cannot be pointed at."""
        pairs = zip(self._call.ordered, self._call.determinations, strict=True)
        return {d.order.reference for o, d in pairs if o.text is None}

    def action(self, ordered: Ordered, found: Determination) -> Action | None:
        """The update of an order; None where nothing is new, or there is no Coverage to name."""
        coverage = found.coverage
        if ordered.text is None or coverage is None or coverage.reference is None:
            return None
        answer = self._answer(found, coverage)
        if answer is None:
            return None
        parts = self._parts(found, coverage, coverage.reference, *answer)
        resource = written(ordered.text, coverage.reference, parts)
        if resource is None:
            return None
        description = self._wording.statement("update", {"reference": found.order.reference})
        return Action("update", description, resource)

    def _answer(
        self, found: Determination, coverage: JudgedCoverage
    ) -> tuple[Covered, _ReasonCode | None] | None:
        """Whether the order is covered, and the code of the reason where CRD 2.2 has one."""
        if found.status == "not-applicable":
            return None
        if self._asked.configuration.version == "2.2":
            reason = self._reason_code(found, coverage)
            if reason is not None:
                return ("indeterminate" if reason == "technical" else "not-covered"), reason
        if coverage.standing in _TAKEN:
            return found.status, None
        return None

    def _reason_code(self, found: Determination, coverage: JudgedCoverage) -> _ReasonCode | None:
        """What keeps a member or a coverage from being told (rows 58 and 63)."""
        call = self._call
        match coverage.standing:
            case "inactive":
                return "no-active-coverage"
            case "none":
                return "coverage-not-found" if call.coverage_unknown is None else "technical"
            case "medicare" | "assumed" if call.patient_unknown:
                return "no-member-found"
            case "medicare" | "assumed" if call.failed and _unseen(self._leading(found)):
                return "technical"
            case _:
                return None

    def _leading(self, found: Determination) -> Determination:
        """What a determination rests on: its own criteria, or those of the order it goes with."""
        depends_on = found.order.depends_on
        return found if depends_on is None else self._by_order.get(depends_on, found)

    def _parts(
        self,
        found: Determination,
        coverage: JudgedCoverage,
        reference: str,
        covered: Covered,
        because: _ReasonCode | None,
    ) -> list[Part]:
        asked, order, leading = self._asked, found.order, self._leading(found)
        plan = asked.plan(coverage.plan)
        authorization = "no-auth" if plan is None else plan.prior_authorization
        parts = [
            Part("coverage", value_reference=Reference(reference)),
            Part("covered", value_code=covered),
        ]
        if covered != "not-covered":
            # Of a Coverage that nobody has seen it is not known what its payer wants.
            if coverage.standing in _TAKEN:
                parts.append(Part("pa-needed", value_code=authorization))
        elif asked.configuration.version != "2.2":
            # As the engine behind the validators reads the invariant of 2.0, it must be there;
            # 2.1 and later forbid it.
            parts.append(Part("pa-needed", value_code="no-auth"))
        if covered == "conditional":
            if asked.hook != "order-select":
                parts += _DOCUMENTS
            parts.append(_DATES if _of_timing(leading) else _OTHER)
        if order.system is not None and order.code is not None:
            parts.append(Part("billingCode", value_coding=Coding(order.system, order.code)))
        reason = self._reason(found, covered, because, plan)
        parts.append(Part("reason", value_codeable_concept=reason))
        if order.depends_on is not None and order.depends_on not in self._nameless:
            parts.append(Part("dependency", value_reference=Reference(order.depends_on)))
        parts.append(Part("date", value_date=asked.today))
        # Equal orders of two clients or patients are two orders, and where the versions answer
        # otherwise, these are two answers.
        whose = (asked.caller, asked.decoded.patient_id, reference)
        judged = (found,) if leading is found else (found, leading)
        facts = (*whose, covered, because, authorization, judged)
        assertion = hashlib.sha256(_encode(facts)).hexdigest()[:_ID_LENGTH]
        self.assertions.setdefault(order.reference, assertion)
        parts.append(Part("coverage-assertion-id", value_string=assertion))
        return parts

    def _reason(
        self,
        found: Determination,
        covered: Covered,
        because: _ReasonCode | None,
        plan: Plan | None,
    ) -> Concept:
        """Why, in words, with what was assumed and what should be known beside it."""
        told = [self._why(found, covered, because), self._basis(found)]
        told += [f.text for f in found.findings if f.code in _NOTES]
        if covered != "not-covered" and plan and plan.prior_authorization != "no-auth":
            told.append(self._wording.statement("authorization", {"label": plan.label}))
        coding = () if because is None else (Coding(REASONS, because),)
        return Concept(" ".join(told), coding)

    def _why(self, found: Determination, covered: Covered, because: _ReasonCode | None) -> str:
        """The sentence of a statement."""
        order, earliest = found.order, found.earliest_eligible_date
        met = [i for i in found.indications if i.id in found.indications_met]
        facts = {
            "service_date": order.service_date.isoformat(),
            "first_eligible": "" if earliest is None else earliest.isoformat(),
            "indication": "; ".join([f"{i.id}, {i.label}" for i in met]),
            "label": ", ".join(self._open(found)),
            "reference": order.depends_on or "",
        }
        name: str = because or covered
        if because is None:
            if order.depends_on is not None:
                name = "dependent"
            elif covered == "covered" and not found.indications_met:
                name = "covered-diagnosis"
            elif covered == "conditional" and earliest is not None:
                name = "conditional-wait"
            elif earliest is not None and self._outlooks.by_policy(found).waits_only(found):
                name = "not-covered-wait"
        return self._wording.statement(name, facts)

    def _open(self, found: Determination) -> list[str]:
        """What is to be settled, each in a phrase; the partner of a diagnosis with its codes."""
        warnings = [f for f in found.findings if f.severity == "warning"]
        pairs = {f.citation for f in warnings if f.code == _PAIR}
        missing = [m for m in found.missing_secondary if m.citation in pairs]
        told = {code for m in missing for code in m.supported}
        phrases = []
        for m in missing:
            facts = {"primary": m.primary, "supported": ", ".join(m.supported)}
            name = "pair-supported" if m.supported else "pair"
            phrases.append(self._wording.statement(name, facts))
        rest = [
            self._wording.findings[f.code].short
            for f in warnings or found.findings
            if f.code != _PAIR and not (f.codes and told.issuperset(f.codes))
        ]
        return phrases + list(dict.fromkeys(rest))

    def _basis(self, found: Determination) -> str:
        """The day that an order was judged for, where it comes from, and by what."""
        policy = found.policy
        facts = {
            "service_date": found.order.service_date.isoformat(),
            "reason": self._wording.labels[found.order.service_date_basis],
            "label": "" if policy is None else policy.citation,
        }
        return self._wording.statement("basis", facts)


def _unseen(found: Determination) -> bool:
    """Whether a determination is open for what could not be looked up."""
    if found.status != "conditional":
        return False
    judged = [i.criteria for i in found.indications if i.candidate] or [
        i.criteria for i in found.indications
    ]
    return any(
        gap.kind == "not-fetched"
        for criteria in (*judged, found.always)
        for criterion in criteria
        for gap in criterion.gaps
    )


def _of_timing(found: Determination) -> bool:
    """Whether it is a date that leaves the determination open."""
    if found.earliest_eligible_date is not None:
        return True
    return any(f.code in _TIMING and f.severity == "warning" for f in found.findings)
