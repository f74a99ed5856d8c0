"""All that the page tells of a call that was tried."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.console.views.cards import ActionView, CardView, actions_of, cards_of
from defib_coverage.console.views.json_text import Shown, shown
from defib_coverage.console.views.picture import Picture, picture
from defib_coverage.console.views.what_if import Panel, panel_of
from defib_coverage.console.views.why import Reasons, WhyView, anchors_of
from defib_coverage.explaining.reasons import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.console.trials import Tried
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge

# Of each document, so that a page stays light whatever was pasted.
_MOST_SHOWN = 40_000
_MOST_ORDERS = 20
_MOST_TREES = 3


class OrderView(msgspec.Struct, frozen=True):
    """One order and what was found of it; ``why`` is left out of many orders but the first."""

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
    why: WhyView | None


class AnswerView(msgspec.Struct, frozen=True):
    """The answer to a call; ``leading`` is the order that the picture is about."""

    orders: tuple[OrderView, ...]
    further: int
    leading: OrderView | None
    picture: Picture | None
    cards: tuple[CardView, ...]
    further_cards: int
    actions: tuple[ActionView, ...]
    further_actions: int
    request: Shown
    response: Shown
    hook: str
    what_if: Panel | None


def answer_view(tried: Tried, knowledge: Knowledge) -> AnswerView:
    """What a page tells of a call."""
    found = tried.evaluation.determinations
    told = found[:_MOST_ORDERS]
    anchors = anchors_of(told[:_MOST_TREES])
    request = shown(tried.call, anchors, _MOST_SHOWN)
    present = {piece.anchor for piece in request.pieces}
    anchors = {name: anchor for name, anchor in anchors.items() if anchor in present}
    views = {
        one.order.reference: _order(one, knowledge, anchors if place < _MOST_TREES else None)
        for place, one in enumerate(told)
    }
    leading = tried.leading
    cards, actions = cards_of(tried), actions_of(tried)
    response = msgspec.json.encode(tried.response)
    return AnswerView(
        orders=tuple(views.values()),
        further=len(found) - len(told),
        leading=None if leading is None else views.get(leading.order.reference),
        picture=None if leading is None else _picture(leading, tried, knowledge),
        cards=cards,
        further_cards=len(tried.response.cards) - len(cards),
        actions=actions,
        further_actions=len(tried.response.system_actions) - len(actions),
        request=request,
        response=shown(response, {}, _MOST_SHOWN),
        hook=msgspec.json.decode(tried.call, type=_Call).hook,
        what_if=panel_of(tried, knowledge),
    )


class _Call(msgspec.Struct):
    hook: str


def _order(
    found: Determination, knowledge: Knowledge, anchors: Mapping[str, str] | None
) -> OrderView:
    """An order; its tree of reasons where ``anchors`` of their records are given."""
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
        why=None if anchors is None else Reasons(paragraphs, anchors).why(found),
    )


def _picture(found: Determination, tried: Tried, knowledge: Knowledge) -> Picture:
    day = found.order.service_date
    policy = knowledge.library.in_force(day)
    rules = {} if policy is None else policy.waiting
    reference = found.order.reference
    before = next((one for one in tried.before if one.order.reference == reference), None)
    return picture(found, before, rules, tried.trial.today)
