"""``evaluate``: the determinations of one file, as the service would answer it."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.command.documents import read_document
from defib_coverage.content import load
from defib_coverage.coverage.determine import Knowledge
from defib_coverage.documents.bundle import Ways, as_request
from defib_coverage.documents.document import InputError, check_bundle, refused
from defib_coverage.documents.order_codes import ordered_code
from defib_coverage.errors import RequestError
from defib_coverage.hooks.answer import Answerer
from defib_coverage.hooks.asked import Asked
from defib_coverage.hooks.configuration import read_configuration
from defib_coverage.hooks.evaluation import Evaluation, Evaluator
from defib_coverage.hooks.wire import decode_request
from defib_coverage.payer_file import read_payers
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.documents.document import Document
    from defib_coverage.documents.order_codes import OrderSystem
    from defib_coverage.hooks.response import HookResponse


_WAYS = Ways(order="--order, as in --order 33249", patient="--patient")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks of a file.

    ``orders`` are codes to judge in a Bundle, on ``service_date`` (None: ``today``); ``patient`` is
    whose chart to take from a Bundle; ``today`` stands in for the clock.
    """

    path: str
    orders: tuple[str, ...] = ()
    order_system: OrderSystem | None = None
    service_date: date | None = None
    patient: str | None = None
    today: date | None = None


class Answered(NamedTuple):
    """What a file came to: the evaluation, the call that it was, and what it was judged by."""

    name: str
    evaluation: Evaluation
    asked: Asked
    knowledge: Knowledge


def evaluate(question: Question) -> Answered:
    """Judge the orders of a file.

    Raises:
        InputError: file or options cannot be used.
        DataError: the data, the site's overlay or the payer file cannot be used.
        SettingsError: a setting cannot be used.
    """
    if question.service_date is not None and not question.orders:
        message = "--date: is the service date of --order, which is missing"
        raise InputError(message)
    settings = read_settings(os.environ)
    document = read_document(question.path)
    knowledge = load(settings.overlay_folder).knowledge(settings.canonical_base)
    plans = read_payers(settings.payer_file)
    today = question.today or datetime.now(settings.time_zone).date()
    body = _request(document, question, knowledge.index)
    try:
        decoded = decode_request(body, knowledge.index)
        configuration = read_configuration(decoded.request.extension)
        longer = configuration.longer_reading
        evaluation = Evaluator(knowledge, plans).evaluate(decoded, today, longer_reading=longer)
        asked = Asked(
            decoded=decoded,
            configuration=configuration,
            today=today,
            plans={plan.id: plan for plan in plans},
        )
        return Answered(document.name, evaluation, asked, knowledge)
    except RequestError as error:
        raise refused(document.name, error) from error


def hook_response(answered: Answered) -> HookResponse:
    """The answer to the hook that a file calls.

    Raises:
        InputError: the service would refuse the call.
    """
    try:
        return Answerer(answered.knowledge).answer(answered.evaluation, answered.asked).response
    except RequestError as error:
        raise refused(answered.name, error) from error


def _request(document: Document, question: Question, index: CodeIndex) -> bytes:
    """The hook request that the file is, or that its Bundle stands for."""
    if document.is_request:
        if question.orders or question.patient is not None:
            message = f"{document.name}: is a hook request; --order and --patient go with a Bundle"
            raise InputError(message)
        return document.body
    check_bundle(document)
    day = question.service_date
    ordered = [(ordered_code(o, question.order_system, index), day) for o in question.orders]
    return as_request(document, question.patient, ordered, index, _WAYS)
