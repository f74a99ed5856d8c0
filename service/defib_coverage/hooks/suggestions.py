"""Suggestions: what a clinician can accept with one click, each one change of one order.

An order is changed only where the call drafts it under an id; what it says of a Coverage is taken
out, because a changed order has not been judged yet. A suggestion settles the finding that it is
made for: where it would not, it is not made.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from defib_coverage.coverage.dates import parse_span, read_date
from defib_coverage.fhir.references import tail
from defib_coverage.hooks.changes import (
    WHO_ORDERS,
    on_day,
    reference_to,
    setting_of,
    visit_order,
    with_reason,
    with_successor,
)
from defib_coverage.hooks.response import Action, Suggestion, random_uuid
from defib_coverage.hooks.statement import without_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.coverage.determination import Determination, WaitingPeriodResult
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.cards.stock import Stock
    from defib_coverage.hooks.evaluation import Evaluation

# The hooks at which the orders are drafts that can be changed.
_DRAFTING = frozenset({"order-sign", "order-select"})
# Every suggestion repeats its order whole: one of a length that no order has is not repeated, and
# no more codes are offered than anyone would choose from.
_LONGEST_ORDER = 131_072
_MOST_CODES = 20


class Offer(NamedTuple):
    """A suggestion, and the order that it changes or that asks for it."""

    order: int
    suggestion: Suggestion


def selection(
    offers: Sequence[Offer],
) -> tuple[tuple[Suggestion, ...], Literal["at-most-one", "any"]]:
    """The suggestions of a card that has some, and how many of them may be accepted.

    Any, where each is for another order. Else they exclude each other, and only the first that is
    recommended stays so.
    """
    found = [offer.suggestion for offer in offers]
    if len(found) > 1 and len({offer.order for offer in offers}) == len(found):
        return tuple(found), "any"
    first = next((one for one in found if one.is_recommended), None)
    only = [
        msgspec.structs.replace(one, is_recommended=False)
        if one.is_recommended and one is not first
        else one
        for one in found
    ]
    return tuple(only), "at-most-one"


class Suggestions:
    """Makes the suggestions of one call."""

    def __init__(self, call: Evaluation, asked: Asked, stock: Stock) -> None:
        """Make suggestions for the orders of a call."""
        self._found = call.determinations
        self._asked = asked
        self._index = stock.index
        self._wording = stock.wording
        self._visit_code = stock.visit_code
        self._recommended: set[int] = set()

    def _name(self, found: Determination) -> str:
        """What to call an order: its code, numbered where several have the same."""
        code = found.order.code
        same = [d for d in self._found if d.order.code == code and d.status != "not-applicable"]
        if len(same) == 1:
            return f"{code}"
        number = next(n for n, d in enumerate(same, 1) if d is found)
        return f"{code} (no. {number})"

    def _changeable(self, subject: Subject) -> msgspec.Raw | None:
        """The order as it may be changed; None for one that may not."""
        text = subject.ordered.text
        if text is None or self._asked.hook not in _DRAFTING:
            return None
        if len(memoryview(text)) > _LONGEST_ORDER:
            return None
        return without_statements(text)

    def _offer(
        self,
        name: str,
        kind: Literal["create", "update"],
        subject: Subject,
        resource: msgspec.Raw,
        *,
        recommended: bool,
        **facts: str,
    ) -> Offer:
        wording = self._wording.suggestions[name]
        order = id(subject.found)
        facts["order"] = self._name(subject.found)
        action = Action(kind, wording.description.format_map(facts), resource)
        label = wording.text.format_map(facts)
        if kind == "update" and recommended:
            # Two changes of one order undo each other: what is recommended first stays so.
            recommended = order not in self._recommended
            self._recommended.add(order)
        return Offer(order, Suggestion(label, random_uuid(), (action,), recommended))

    # ----------------------------------------------------------------------- diagnoses of the claim

    def codes(self, concerned: Sequence[Subject]) -> list[Offer]:
        """ICD-10-CM codes that the chart supports, for the reasons of orders."""
        every = (offer for subject in concerned for offer in self._codes(subject))
        return list(islice(every, _MOST_CODES))

    def _codes(self, subject: Subject) -> Iterator[Offer]:
        """The codes for one order; where its reasons cannot be read, one more would not count."""
        text = self._changeable(subject)
        if text is None or "reasonCode" in subject.ordered.order.unread:
            return
        given: set[str] = set()
        for codes, retired in _settling(subject.found):
            for code in codes:
                if code in given:
                    continue
                given.add(code)
                offer = self._code(subject, text, code, retired, recommended=len(codes) == 1)
                if offer is not None:
                    yield offer

    def _code(
        self,
        subject: Subject,
        text: msgspec.Raw,
        code: str,
        retired: tuple[str, ...],
        *,
        recommended: bool,
    ) -> Offer | None:
        """A code more on an order, or in the place of the retired codes that it succeeds."""
        display = next((m.entry.display for m in self._index.find("icd10cm", code)), None)
        former = tuple(
            one
            for one in retired
            if any(code in m.entry.successors for m in self._index.find("icd10cm", one))
        )
        resource = with_successor(text, former, code, display) if former else None
        if resource is not None:
            name, facts = "replace-code", {"codes": ", ".join(former)}
        else:
            name, facts = "add-code", {}
            resource = with_reason(text, code, display)
        if resource is None:
            return None
        facts |= {"code": code, "label": display or code}
        return self._offer(name, "update", subject, resource, recommended=recommended, **facts)

    # ------------------------------------------------------------------------- the day of the order

    def first_day(self, subject: Subject, *, avoidable: bool) -> Iterator[Offer]:
        """An order on the first day that no waiting period excludes.

        Not of an order that is carried out already or follows its appointment, nor on a day that is
        over; nor where an event of after the order's day may bar the new one.

        Args:
            subject: the order.
            avoidable: whether an indication is open under which no waiting period binds.
        """
        found = subject.found
        day = found.earliest_eligible_date
        binding = [w for w in found.waiting_periods if w.applies]
        if (
            day is None
            or day < self._asked.today
            or found.order.service_date_basis == "appointment"
            or subject.ordered.order.completed
            or any(_may_grow(w, found.order.service_date) for w in binding)
            or "event-after-dos" in subject.codes
        ):
            return
        text = self._changeable(subject)
        if text is None:
            return
        certain = all(w.certainty == "definite" and w.exception is None for w in binding)
        yield self._offer(
            "first-day",
            "update",
            subject,
            on_day(text, day),
            recommended=certain and not avoidable,
            first_eligible=day.isoformat(),
        )

    # ------------------------------------------------------------------------------------ the visit

    def visit(self, concerned: Sequence[Subject], *, recommended: bool) -> Offer | None:
        """The order of the shared decision-making visit.

        None where nobody is known to give it, and where all that it could precede is carried out.
        """
        if all(subject.ordered.order.completed for subject in concerned):
            return None
        requester = encounter = None
        for subject in concerned:
            if subject.ordered.text is not None:
                setting = setting_of(subject.ordered.text)
                requester = requester or setting.requester
                encounter = encounter or setting.encounter
        if requester is None:
            requester = self._user()
        if requester is None:
            return None
        known = self._asked.decoded.request.context.encounter_id
        if encounter is None and known:
            encounter = reference_to(f"Encounter/{known.removeprefix('Encounter/')}")
        resource = visit_order(
            self._asked.decoded.patient_id,
            self._visit_code,
            self._wording.labels["visit-order"],
            self._asked.today,
            requester=requester,
            encounter=encounter,
        )
        return self._offer("visit", "create", concerned[0], resource, recommended=recommended)

    def _user(self) -> msgspec.Raw | None:
        """The user of the call, if they are one who orders."""
        user = self._asked.decoded.request.context.user_id or ""
        kind, _, identifier = tail(user).partition("/")
        return reference_to(user) if kind in WHO_ORDERS and identifier else None


def _may_grow(window: WaitingPeriodResult, service_date: date) -> bool:
    """Whether a waiting period may last longer for a later day than it does for this one.

    An event is taken to lie on the service date at the latest; "in November" may be later.
    """
    if window.first_eligible_day <= window.last_excluded_day:  # there is no later day
        return True
    if window.last_excluded_day < parse_span(window.length).after(service_date):
        return False
    happened = read_date(window.event_date)
    return happened is None or happened.high > service_date


def _settling(found: Determination) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The codes of which one settles a warning, and the retired codes that it is about."""
    warned = [f for f in found.findings if f.severity == "warning"]
    pairs = {f.citation for f in warned if f.code == "secondary-diagnosis-missing"}
    missing = (m.supported for m in found.missing_secondary if m.citation in pairs)
    for supported in dict.fromkeys(missing):
        yield supported, ()
    for finding in warned:
        if finding.code == "code-not-effective":
            yield finding.codes, tuple(dict.fromkeys(e.code for e in finding.evidence))
    for finding in warned:
        if finding.code == "needs-icd10-code":
            yield finding.codes, ()
