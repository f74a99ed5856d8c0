"""What every card has: its source and topic, the orders that it is about, the ways to answer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from defib_coverage.fhir.systems import OWN_OVERRIDE_REASON, own_system
from defib_coverage.hooks.cards.text import plain
from defib_coverage.hooks.configuration import CardTopic
from defib_coverage.hooks.response import (
    Card,
    CardExtension,
    Coding,
    Link,
    OrderReference,
    Source,
    random_uuid,
)
from defib_coverage.hooks.source import source_label
from defib_coverage.hooks.suggestions import Offer, Suggestions, selection

if TYPE_CHECKING:
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.coverage.wording import Wording
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.evaluation import Evaluation

_TOPICS = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
_TOPICS_2_2 = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"
_OVERRIDES = own_system(OWN_OVERRIDE_REASON)
_EVERY_TOPIC: tuple[CardTopic, ...] = get_args(CardTopic)


class Content(NamedTuple):
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


class PolicyLinks(NamedTuple):
    """Where one version of the policy leads: to its texts, and to a decision aid."""

    texts: tuple[Link, ...]
    decision_aid: Link


class Stock:
    """What the cards of all calls share: what is known, and what of a card it settles."""

    def __init__(self, knowledge: Knowledge) -> None:
        """Make what stands on every card of a topic, and the links to every policy."""
        self.index = knowledge.index
        self.wording = knowledge.wording
        self.topics = {one: Coding(_TOPICS, one) for one in _EVERY_TOPIC}
        self.topics_2_2 = {one: Coding(_TOPICS_2_2, one) for one in _EVERY_TOPIC}
        self.override_reasons = {
            topic: tuple(
                Coding(_OVERRIDES, code, reason.display)
                for code, reason in self.wording.overrides.items()
                if topic in reason.cards
            )
            for topic in _EVERY_TOPIC
        }
        self.links = {
            policy.version: _links(policy, self.wording) for policy in knowledge.library.versions
        }


class Frame:
    """What the cards of one call share."""

    def __init__(self, stock: Stock, evaluation: Evaluation, asked: Asked) -> None:
        """Frame the cards of a call."""
        self.asked = asked
        self.stock = stock
        self.wording = stock.wording
        self.suggestions = Suggestions(evaluation, asked, stock.index, stock.wording)
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
        policy = leading.outlook.policy
        suggestions, behavior = selection(content.offers)
        return Card(
            uuid=random_uuid(),
            summary=content.summary,
            indicator=content.indicator,
            detail="\n\n".join(content.parts),
            source=Source(
                source_label(self.asked, leading.found.coverage, policy),
                policy.article_url,
                self._topics[topic],
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
            content = content._replace(parts=(heading, *content.parts))
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


def _links(policy: PolicyVersion, wording: Wording) -> PolicyLinks:
    labels = wording.labels
    return PolicyLinks(
        (
            Link(labels["link-policy"], policy.ncd_url),
            Link(labels["link-article"], policy.article_url),
        ),
        Link(labels["link-decision-aid"], policy.decision_aid_url),
    )
