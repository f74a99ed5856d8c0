"""All that the page tells of a call that was tried."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.console.views.cards import ActionView, CardView, actions_of, cards_of
from defib_coverage.console.views.json_text import Shown, shown
from defib_coverage.console.views.picture import Picture, picture
from defib_coverage.console.views.why import Reasons, WhyView, anchors_of
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.console.trials import Tried
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge

# Of each document, so that a page stays light whatever was pasted.
_MOST_SHOWN = 60_000
_MOST_ORDERS = 20


class OrderView(msgspec.Struct, frozen=True):
    """One order and what was found of it."""

    reference: str
    code: str
    label: str
    service_date: date
    basis: str
    status: str
    words: str
    met: tuple[str, ...]
    earliest: date | None
    depends_on: str | None
    policy: str | None
    why: WhyView


class AnswerView(msgspec.Struct, frozen=True):
    """The answer to a call; ``leading`` is the order that the picture is about."""

    orders: tuple[OrderView, ...]
    further: int
    leading: OrderView | None
    picture: Picture | None
    cards: tuple[CardView, ...]
    actions: tuple[ActionView, ...]
    request: Shown
    response: Shown
    hook: str


def answer_view(tried: Tried, knowledge: Knowledge) -> AnswerView:
    """What a page tells of a call."""
    found = tried.evaluation.determinations
    told = found[:_MOST_ORDERS]
    anchors = anchors_of(told)
    request = shown(tried.call, anchors, _MOST_SHOWN)
    present = {piece.anchor for piece in request.pieces}
    anchors = {name: anchor for name, anchor in anchors.items() if anchor in present}
    views = {one.order.reference: _order(one, knowledge, anchors) for one in told}
    leading = tried.leading
    response = msgspec.json.encode(tried.response)
    return AnswerView(
        orders=tuple(views.values()),
        further=len(found) - len(told),
        leading=None if leading is None else views.get(leading.order.reference),
        picture=None if leading is None else _picture(leading, tried, knowledge),
        cards=cards_of(tried),
        actions=actions_of(tried),
        request=request,
        response=shown(response, {}, _MOST_SHOWN),
        hook=msgspec.json.decode(tried.call, type=_Call).hook,
    )


class _Call(msgspec.Struct):
    hook: str


def _order(found: Determination, knowledge: Knowledge, anchors: Mapping[str, str]) -> OrderView:
    order = found.order
    policy = knowledge.library.in_force(order.service_date)
    paragraphs = {} if policy is None else policy.paragraphs
    return OrderView(
        reference=order.reference,
        code=order.code or "",
        label=knowledge.index.order_label(order.code or "") or "order",
        service_date=order.service_date,
        basis=knowledge.wording.labels[order.service_date_basis],
        status=found.status,
        words=VERDICTS[found.status],
        met=found.indications_met,
        earliest=found.earliest_eligible_date,
        depends_on=order.depends_on,
        policy=None if found.policy is None else found.policy.citation,
        why=Reasons(paragraphs, anchors).why(found),
    )


def _picture(found: Determination, tried: Tried, knowledge: Knowledge) -> Picture:
    day = found.order.service_date
    policy = knowledge.library.in_force(day)
    rules = {} if policy is None else policy.waiting
    reference = found.order.reference
    before = next((one for one in tried.before if one.order.reference == reference), None)
    return picture(found, before, rules, tried.trial.today)
