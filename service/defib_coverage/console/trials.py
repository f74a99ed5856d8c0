"""Calls that are tried out: judged by the code that answers the live ones, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.console.samples import Sample
from defib_coverage.coverage.codes import CodeIndex
from defib_coverage.coverage.determination import Determination
from defib_coverage.documents.altering import redated, reordered
from defib_coverage.documents.bundle import Ways, as_request
from defib_coverage.documents.document import check_bundle, document_of, refused
from defib_coverage.documents.order_codes import OrderedCode
from defib_coverage.errors import RequestError
from defib_coverage.hooks.answer import Answerer
from defib_coverage.hooks.asked import Asked
from defib_coverage.hooks.configuration import read_configuration
from defib_coverage.hooks.evaluation import Evaluation, Evaluator
from defib_coverage.hooks.response import HookResponse
from defib_coverage.hooks.wire import decode_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.fhir.plans import Plan

_WAYS = Ways(order="Order", patient="Patient id")
_NAME = "Your document"
NO_FETCHING = "this page asks no FHIR server"
"""Why a call that is tried out gets nothing that it does not bring."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried.

    ``source`` is a sample, or a document as it came: a hook request or a Bundle, then of
    ``patient`` where it holds several. ``order`` is what is ordered instead of what it orders
    itself, ``service_date`` the day instead of its own; ``today`` is the day of the call, and the
    one that a sample's dates are told from. ``change`` is a last change of the call.
    """

    source: Sample | bytes
    today: date
    patient: str | None = None
    order: OrderedCode | None = None
    service_date: date | None = None
    change: Callable[[bytes], bytes] | None = None


class Tried(msgspec.Struct, frozen=True):
    """What came of it.

    ``call`` is the hook request as it was judged. ``before`` are the determinations of the same
    call on its own day, where it was moved to another: what blocks that day may be over.
    """

    trial: Trial
    call: bytes
    evaluation: Evaluation
    response: HookResponse
    before: tuple[Determination, ...]

    @property
    def leading(self) -> Determination | None:
        """The order that the page is about: the first of ours; None where there is none."""
        found = self.evaluation.determinations
        ours = (one for one in found if one.status != "not-applicable")
        return next(ours, found[0] if found else None)


class Trials:
    """Tries calls out."""

    def __init__(self, knowledge: Knowledge, plans: Sequence[Plan] = ()) -> None:
        """Judge and answer by ``knowledge``, with the configured payers ``plans``."""
        self._index: CodeIndex = knowledge.index
        self._evaluator = Evaluator(knowledge, plans)
        self._answerer = Answerer(knowledge)
        self._plans = {plan.id: plan for plan in plans}

    def tried(self, trial: Trial) -> Tried:
        """Try a call out.

        Raises:
            InputError: the document is no call and stands for none, or the service would refuse
                the call; with the place.
        """
        name = _NAME if isinstance(trial.source, bytes) else trial.source.title
        try:
            return self._tried(trial)
        except RequestError as error:
            raise refused(name, error) from error

    def _tried(self, trial: Trial) -> Tried:
        body = self._call(trial)
        asked, evaluation = self._judged(body, trial.today)
        if trial.order is not None and not _orders(evaluation, trial.order):
            first = next((one.order.reference for one in evaluation.ordered), "")
            body = reordered(body, first, trial.order)
            asked, evaluation = self._judged(body, trial.today)
        before: tuple[Determination, ...] = ()
        dates = {one.order.service_date for one in evaluation.determinations}
        if trial.service_date is not None and dates != {trial.service_date}:
            before = evaluation.determinations
            ours = {o.order.reference for o in evaluation.ordered if o.order.code is not None}
            body = redated(body, ours, trial.service_date)
            asked, evaluation = self._judged(body, trial.today)
        response = self._answerer.answer(evaluation, asked).response
        return Tried(trial, body, evaluation, response, before)

    def _call(self, trial: Trial) -> bytes:
        """The hook request that the source is, or stands for."""
        if isinstance(trial.source, Sample):
            body = trial.source.request(trial.today)
        else:
            document = document_of(_NAME, trial.source)
            check_bundle(document)
            body = document.body
            if not document.is_request:
                ordered = [] if trial.order is None else [(trial.order, None)]
                body = as_request(document, trial.patient, ordered, self._index, _WAYS)
        return body if trial.change is None else trial.change(body)

    def _judged(self, body: bytes, today: date) -> tuple[Asked, Evaluation]:
        """A call as it is read, and what its orders come to."""
        decoded = decode_request(body, self._index)
        configuration = read_configuration(decoded.request.extension)
        evaluation = self._evaluator.evaluate(
            decoded, today, NO_FETCHING, longer_reading=configuration.longer_reading
        )
        asked = Asked(decoded=decoded, configuration=configuration, today=today, plans=self._plans)
        return asked, evaluation


def _orders(evaluation: Evaluation, code: OrderedCode) -> bool:
    """Whether a call orders one thing, and that."""
    return [one.order.code for one in evaluation.determinations] == [code.code]
