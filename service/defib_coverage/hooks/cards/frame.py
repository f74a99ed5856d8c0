"""What every card has: its source and topic, the orders that it is about, the ways to answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.hooks.cards.text import plain
from defib_coverage.hooks.response import (
    Card,
    CardExtension,
    OrderReference,
    Source,
    random_uuid,
)
from defib_coverage.hooks.suggestions import Suggestions, selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.cards.content import Content
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.cards.stock import Stock
    from defib_coverage.hooks.evaluation import Evaluation


class Frame:
    """What the cards of one call share."""

    def __init__(self, stock: Stock, evaluation: Evaluation, asked: Asked) -> None:
        """Frame the cards of a call."""
        self.asked = asked
        self.stock = stock
        self.wording = stock.wording
        self.suggestions = Suggestions(evaluation, asked, stock)
        self.about: dict[str, str] = {}
        self._evaluation = evaluation
        context = asked.decoded.request.context
        drafts = () if context.draft_orders is None else context.draft_orders.entry
        self._several = len(evaluation.determinations) > 1 or len(drafts) > 1
        self._topics = stock.topics_2_2 if asked.configuration.version == "2.2" else stock.topics

    def label(self, subject: Subject) -> str:
        """What is ordered, in our own words."""
        code = subject.found.order.code or ""
        return self.stock.index.order_label(code) or "defibrillator order"

    def card(self, content: Content, about: Sequence[Subject]) -> Card:
        """A card about some of the orders."""
        topic, leading = content.topic, about[0]
        suggestions, behavior = selection(content.offers) if content.offers else ((), None)
        uuid = random_uuid()
        self.about[uuid] = leading.found.order.reference
        return Card(
            uuid=uuid,
            summary=content.summary,
            indicator=content.indicator,
            detail="\n\n".join(content.parts),
            source=Source(
                leading.source_label, leading.outlook.policy.article_url, self._topics[topic]
            ),
            suggestions=suggestions,
            selection_behavior=behavior,
            override_reasons=self.stock.override_reasons[topic],
            links=content.links,
            extension=self._extension(about) if self._several else None,
        )

    def shared_card(self, content: Content, about: Sequence[Subject]) -> Card:
        """A card that a call gets once; where the call has several orders, it names its own."""
        if self._several:
            named = ", ".join(
                f"{self.label(one)} ({plain(one.found.order.code or '')})" for one in about
            )
            heading = self.wording.detail("orders", {"label": named})
            content = msgspec.structs.replace(content, parts=(heading, *content.parts))
        return self.card(content, about)

    def _extension(self, about: Sequence[Subject]) -> CardExtension | None:
        """The orders meant, where the call has several; those that depend on them too.

        What has no id cannot be pointed at.
        """
        orders = [found.order for found in self._evaluation.determinations]
        named = {one.found.order.reference for one in about}
        named |= {order.reference for order in orders if order.depends_on in named}
        pairs = zip(orders, self._evaluation.ordered, strict=True)
        nameless = {order.reference for order, ordered in pairs if not ordered.named}
        named -= nameless
        references = [
            OrderReference(order.reference) for order in orders if order.reference in named
        ]
        return CardExtension(tuple(references)) if references else None
