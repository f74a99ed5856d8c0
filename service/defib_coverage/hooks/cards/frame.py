"""What every card has: its source and topic, the orders that it is about, the ways to answer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import msgspec

from defib_coverage.fhir.systems import OWN_OVERRIDE_REASON, own_system
from defib_coverage.hooks.cards.points import open_points
from defib_coverage.hooks.cards.text import plain
from defib_coverage.hooks.configuration import CardTopic
from defib_coverage.hooks.response import (
    Card,
    CardExtension,
    Coding,
    Link,
    OrderReference,
    Source,
)
from defib_coverage.hooks.source import source_label
from defib_coverage.hooks.suggestions import Offer, Suggestions, selection

if TYPE_CHECKING:
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.evaluation import Evaluation

_TOPICS = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
_TOPICS_2_2 = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"
_OVERRIDES = own_system(OWN_OVERRIDE_REASON)


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What one card says.

    ``parts`` are the paragraphs of its detail, in markdown; ``offers`` the suggestions that it
    makes; ``links`` where it leads, never beside suggestions.
    """

    topic: CardTopic
    indicator: Literal["info", "warning"]
    summary: str
    parts: Sequence[str]
    offers: Sequence[Offer] = ()
    links: tuple[Link, ...] = ()


class Frame:
    """What the cards of one call share."""

    def __init__(self, evaluation: Evaluation, asked: Asked, knowledge: Knowledge) -> None:
        """Frame the cards of a call."""
        self.asked = asked
        self.index = knowledge.index
        self.wording = knowledge.wording
        self.suggestions = Suggestions(evaluation, asked, knowledge)
        self._all = evaluation.determinations
        pairs = zip(evaluation.ordered, evaluation.determinations, strict=True)
        self._nameless = {d.order.reference for o, d in pairs if not o.named}
        context = asked.decoded.request.context
        drafts = () if context.draft_orders is None else context.draft_orders.entry
        self._several = max(len(self._all), len(drafts)) > 1
        self._library = knowledge.library
        self._points: dict[int, list[str]] = {}

    def policy(self, determination: Determination) -> PolicyVersion:
        """The policy that an order was judged by."""
        day = determination.order.service_date
        policy = self._library.in_force(day)
        if policy is None:  # a determination that needs a card was made by a policy
            message = f"no policy is in force on {day}"
            raise LookupError(message)
        return policy

    def open_points(self, determination: Determination) -> list[str]:
        """What is left to document for an order."""
        points = self._points.get(id(determination))
        if points is None:
            points = self._points[id(determination)] = open_points(determination, self.wording)
        return points

    def label(self, determination: Determination) -> str:
        """What is ordered, in our own words."""
        return self.index.order_label(determination.order.code or "") or "defibrillator order"

    def card(self, content: Content, about: Sequence[Determination]) -> Card:
        """A card about some of the orders."""
        suggestions, behavior = selection(content.offers)
        topic, version = content.topic, self.asked.configuration.version
        policy = self.policy(about[0])
        return Card(
            uuid=str(uuid4()),
            summary=content.summary,
            indicator=content.indicator,
            detail="\n\n".join(content.parts),
            source=Source(
                source_label(self.asked, about[0].coverage, policy),
                policy.article_url,
                Coding(_TOPICS_2_2 if version == "2.2" else _TOPICS, topic),
            ),
            suggestions=suggestions,
            selection_behavior=behavior,
            override_reasons=tuple(
                Coding(_OVERRIDES, code, reason.display)
                for code, reason in self.wording.overrides.items()
                if topic in reason.cards
            ),
            links=content.links,
            extension=self._extension(about),
        )

    def shared_card(self, content: Content, about: Sequence[Determination]) -> Card:
        """A card that a call gets once; where the call has several orders, it names its own."""
        if self._several:
            named = ", ".join(f"{self.label(d)} ({plain(d.order.code or '')})" for d in about)
            heading = self.wording.detail("orders", {"label": named})
            content = msgspec.structs.replace(content, parts=(heading, *content.parts))
        return self.card(content, about)

    def _extension(self, about: Sequence[Determination]) -> CardExtension | None:
        """The orders meant, where the call has several; those that depend on them too.

        What has no id cannot be pointed at.
        """
        if not self._several:
            return None
        named = {d.order.reference for d in about}
        named |= {d.order.reference for d in self._all if d.order.depends_on in named}
        meant = [d.order.reference for d in self._all if d.order.reference in named]
        references = [OrderReference(one) for one in meant if one not in self._nameless]
        return CardExtension(tuple(references)) if references else None
