"""From a decoded request to determinations: which orders, which chart, what the rules say.

No network here: what has to be fetched on the way is yielded as queries and comes back as what was
fetched, so that the same steps serve a call with a FHIR server, one without, and a file.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from defib_coverage.coverage.chart import Chart, Fact, Hit, Kind
from defib_coverage.coverage.determination import Determination
from defib_coverage.coverage.determine import Terms, determine
from defib_coverage.coverage.orders import DeviceOrder
from defib_coverage.errors import RequestError
from defib_coverage.fhir.answers import NOT_SUPPLIED, Answers, OpenKey, read_answers
from defib_coverage.fhir.fetching import (
    WORDS,
    Fetched,
    Query,
    Shortfall,
    read,
    search,
)
from defib_coverage.fhir.needs import templates
from defib_coverage.fhir.reader import ChartReader
from defib_coverage.fhir.resources import Device, Entry
from defib_coverage.hooks import links
from defib_coverage.hooks.ordered import NO_SERVER, CallOrders, Ordered, Orders

if TYPE_CHECKING:
    from datetime import date

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.fhir.plans import Plan
    from defib_coverage.hooks.request import Decoded

# More orders of ours than any call can mean: each is judged and told by itself.
_MOST_ORDERS = 100
_NOT_ASKED = Fetched(cause=Shortfall.NOT_ASKED)


class Evaluation(msgspec.Struct, frozen=True):
    """What the orders of a call come to, each beside its determination.

    ``orders``, ``chart`` and ``terms`` are what was judged, to be judged again with a fact changed.
    ``failed``: something that was asked for could not be had for a technical reason.
    ``coverage_unknown``: why it is not known which coverages the patient has.
    ``patient_unknown``: the client has no record of the patient.
    """

    determinations: tuple[Determination, ...]
    ordered: tuple[Ordered, ...]
    orders: tuple[DeviceOrder, ...]
    chart: Chart
    terms: Terms
    failed: bool = False
    coverage_unknown: Literal["not-supplied", "failed"] | None = None
    patient_unknown: bool = False


class Again(NamedTuple):
    """A call that was judged again; ``unread`` counts what was wanted and had not been read."""

    evaluation: Evaluation
    unread: int


Steps = Generator[Sequence[Query], Mapping[Query, Fetched], Evaluation]
"""Yields what is to be fetched, at most four times, and returns what the orders come to."""


class _Seen(NamedTuple):
    """The chart of a call, and what of it is not known."""

    chart: Chart
    failed: bool = False
    coverage_unknown: Literal["not-supplied", "failed"] | None = None


class Evaluator:
    """Evaluates requests with one set of rules, codes and wording."""

    def __init__(self, knowledge: Knowledge, plans: Sequence[Plan] = ()) -> None:
        """Evaluate by ``knowledge``, with the configured payers ``plans``."""
        self.knowledge = knowledge
        self._reader = ChartReader(knowledge.index, plans)
        self._templates = templates(knowledge.index)

    def evaluate(
        self,
        decoded: Decoded,
        today: date,
        why_not: str = NOT_SUPPLIED,
        *,
        longer_reading: bool = False,
    ) -> Evaluation:
        """Judge the orders of a request by what it brings.

        Args:
            decoded: the request.
            today: the day of the call.
            why_not: why what it does not bring cannot be fetched.
            longer_reading: whether waiting periods last until their longer reading is over.

        Raises:
            RequestError: as ``steps``.
        """
        try:
            next(self._steps(decoded, today, why_not, longer_reading=longer_reading))
        except StopIteration as done:
            found: Evaluation = done.value
            return found
        message = "nothing is to be fetched, and it was asked for"
        raise AssertionError(message)

    def steps(self, decoded: Decoded, today: date, *, longer_reading: bool = False) -> Steps:
        """Judge the orders of a request, asking for what it does not bring.

        Raises:
            RequestError: 400 where the request contradicts itself, 412 where a needed prefetch key
                is absent and nothing that is needed came.
        """
        return self._steps(decoded, today, None, longer_reading=longer_reading)

    def judge_again(
        self,
        decoded: Decoded,
        today: date,
        brought: Mapping[Query, Fetched],
        *,
        longer_reading: bool = False,
    ) -> Again:
        """Judge the orders of a request by what was fetched for it before, and nothing else.

        Args:
            decoded: the request.
            today: the day of the call.
            brought: what was fetched, by what was asked for.
            longer_reading: whether waiting periods last until their longer reading is over.

        Raises:
            RequestError: as ``steps``.
        """
        steps = self.steps(decoded, today, longer_reading=longer_reading)
        # Other codes ask in other words for the same key: what came is all that there is.
        by_name = {query.name: one for query, one in brought.items()}
        unread = 0
        try:
            queries = next(steps)
            while True:
                unread += sum(query not in brought for query in queries)
                queries = steps.send({q: by_name.get(q.name, _NOT_ASKED) for q in queries})
        except StopIteration as done:
            return Again(done.value, unread)

    def _steps(
        self, decoded: Decoded, today: date, why_not: str | None, *, longer_reading: bool
    ) -> Steps:
        """Judge; where there is a reason why not, ask for nothing."""
        call = CallOrders(decoded, self.knowledge.index)
        # Orders that it names; then Devices, which may be named by orders that had to be read.
        for _ in range(2) if why_not is None else ():
            wanted = call.wanted()[:_MOST_ORDERS]
            if not wanted:
                break
            fetched = yield [read(reference, keep_text=True) for reference in wanted]
            call.take({query.name: one for query, one in fetched.items()})
        orders = call.orders()
        ordered = orders.judged
        ours = [one.order for one in ordered if one.order.code is not None]
        if len(ours) > _MOST_ORDERS:
            message = f"more than {_MOST_ORDERS} defibrillator orders in one call"
            raise RequestError(400, "too-costly", message, "context")
        seen = _Seen(Chart({}))
        if ours:
            seen = yield from self._chart(decoded, orders, ours, today, why_not)
        terms = Terms(today=today, longer_reading=longer_reading)
        named = [with_references(one.order, one.reasons, seen.chart) for one in ordered]
        found = determine(named, seen.chart, self.knowledge, terms)
        prefetch = decoded.request.prefetch
        return Evaluation(
            found,
            tuple(ordered),
            tuple(named),
            seen.chart,
            terms,
            seen.failed,
            seen.coverage_unknown,
            patient_unknown="patient" in prefetch and prefetch["patient"] is None,
        )

    def _chart(
        self,
        decoded: Decoded,
        orders: Orders,
        ours: Sequence[DeviceOrder],
        today: date,
        why_not: str | None,
    ) -> Generator[Sequence[Query], Mapping[Query, Fetched], _Seen]:
        prefetch, patient_id = decoded.request.prefetch, decoded.patient_id
        answers = read_answers(prefetch, decoded.unreadable, why_not or NOT_SUPPLIED)
        by_key: dict[str, Fetched] = {}
        if answers.open and why_not is None:
            fetched = yield [self._query(key, patient_id) for key in answers.open]
            by_key = {query.name: one for query, one in fetched.items()}
            answers = read_answers(prefetch, decoded.unreadable, fetched=by_key)
        _check_usable(answers, by_key, why_not)
        if orders.devices:
            answers = msgspec.structs.replace(answers, entries=_in_place(answers, orders.devices))
        chart, unresolved = self._reader.read(answers, patient_id, orders.beside)
        wanted = links.wanted(chart, unresolved, ours, today) if why_not is None else ()
        if wanted:
            fetched = yield links.queries(wanted)
            more = links.linked(fetched)
            if more:
                answers = msgspec.structs.replace(answers, entries=answers.entries + more)
                chart, unresolved = self._reader.read(answers, patient_id, orders.beside)
                wanted = links.wanted(chart, unresolved, ours, today)
            missing = tuple(links.unread(wanted, fetched))
            chart = msgspec.structs.replace(chart, missing=chart.missing + missing)
        failed = any(m.kind == "not-fetched" and m.reason != NOT_SUPPLIED for m in chart.missing)
        unknown: Literal["not-supplied", "failed"] | None = None
        if not chart.has_all_coverages:
            unknown = "failed"
        elif any(key.name == "coverage" for key in answers.open):
            unknown = "not-supplied"
        return _Seen(chart, failed, unknown)

    def _query(self, key: OpenKey, patient_id: str) -> Query:
        """What answers an open key: its next page, else all of it."""
        if key.next is not None:
            return Query(key.name, key.next, came=key.came)
        return search(key.name, self._templates[key.name], patient_id)


def _in_place(answers: Answers, ordered: Collection[str]) -> list[Entry]:
    """What came without the Devices that are ordered: they are no evidence of one in place."""
    return [
        entry
        for entry in answers.entries
        if not isinstance(entry.resource, Device) or f"Device/{entry.resource.id}" not in ordered
    ]


def _check_usable(
    answers: Answers,
    fetched: Mapping[str, Fetched],
    why_not: str | None,
) -> None:
    """Refuse to judge where nothing that is needed could be had.

    Raises:
        RequestError: 412, with the keys and why they could not be fetched.
    """
    if not answers.absent or answers.usable:
        return
    causes = dict.fromkeys(
        one.cause for key, one in fetched.items() if key in answers.absent and one.cause is not None
    )
    why = ", ".join(WORDS[cause] for cause in causes) or NO_SERVER
    if why_not not in {None, NOT_SUPPLIED}:
        why = f"{why}: {why_not}"
    message = "prefetch keys absent: " + ", ".join(answers.absent) + "; " + why
    raise RequestError(412, "incomplete", message, "prefetch")


def with_references(order: DeviceOrder, reasons: Sequence[str], chart: Chart) -> DeviceOrder:
    """The order with the Conditions that it names as its reason among its claim diagnoses.

    Args:
        order: the order.
        reasons: what it names, as ``Condition/id``.
        chart: the chart that they stand in.
    """
    if order.code is None or not reasons:
        return order
    fact = Fact(reference=order.reference, kind=Kind.ORDER_REASON)
    wanted = frozenset(reasons)
    named = tuple(
        (value_set, Hit(fact, hit.entry))
        for value_set, hits in chart.hits.items()
        for hit in hits
        if hit.fact.reference in wanted and hit.fact.kind is Kind.CONDITION and hit.fact.confirmed
    )
    return msgspec.structs.replace(order, reasons=order.reasons + named) if named else order
