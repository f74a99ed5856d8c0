"""What stands on cards whatever the call: made once, with what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from defib_coverage.fhir.systems import OWN_EVIDENCE, OWN_OVERRIDE_REASON, own_system
from defib_coverage.hooks.cards.content import Content
from defib_coverage.hooks.cards.points import unique
from defib_coverage.hooks.configuration import CardTopic
from defib_coverage.hooks.response import Coding, Link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determine import Knowledge

_TOPICS = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
_TOPICS_2_2 = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"
_EVERY_TOPIC: tuple[CardTopic, ...] = get_args(CardTopic)
# Sentences that no fact stands in.
_DETAILS = ("bridge", "checked", "pair-none", "tips", "to-document", "visit")


class Stock:
    """What is known, and what of the cards it settles.

    ``details`` are the sentences that are always the same, by name; ``override_reasons`` and
    ``topics`` (of CRD 2.2: ``topics_2_2``) stand on every card of a topic. ``visit_code`` orders a
    shared decision-making visit.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        """Make what depends on no call."""
        self.index = knowledge.index
        self.wording = wording = knowledge.wording
        self.details = {name: wording.detail(name, {}) for name in _DETAILS}
        self.visit_summary = wording.summary("visit", {})
        self.topics = {topic: Coding(_TOPICS, topic) for topic in _EVERY_TOPIC}
        self.topics_2_2 = {topic: Coding(_TOPICS_2_2, topic) for topic in _EVERY_TOPIC}
        base = knowledge.canonical_base
        self.visit_code = Coding(own_system(OWN_EVIDENCE, base), "shared-decision-making")
        overrides = own_system(OWN_OVERRIDE_REASON, base)
        self.override_reasons = {
            topic: tuple(
                Coding(overrides, code, reason.display)
                for code, reason in wording.overrides.items()
                if topic in reason.cards
            )
            for topic in _EVERY_TOPIC
        }
        self._policies = {policy.version: policy for policy in knowledge.library.versions}
        self._references = {
            (version, with_aid): self._reference([version], with_aid=with_aid)
            for version in self._policies
            for with_aid in (False, True)
        }

    def reference(self, versions: Sequence[str], *, with_aid: bool) -> Content:
        """The reference card of versions of the policy.

        Args:
            versions: by which the orders of the call were judged.
            with_aid: whether a decision aid is offered too.
        """
        if len(versions) == 1:
            return self._references[versions[0], with_aid]
        return self._reference(versions, with_aid=with_aid)

    def _reference(self, versions: Sequence[str], *, with_aid: bool) -> Content:
        labels = self.wording.labels
        policies = [self._policies[version] for version in versions]
        links: list[Link] = []
        for policy in policies:
            links.append(Link(labels["link-policy"], policy.ncd_url))
            links.append(Link(labels["link-article"], policy.article_url))
        if with_aid:
            links += [Link(labels["link-decision-aid"], p.decision_aid_url) for p in policies]
        name = "reference-visit" if with_aid else "reference"
        return Content(
            topic="guideline",
            indicator="info",
            summary=self.wording.summary(name, {}),
            parts=[self.wording.detail(name, {})],
            links=tuple(unique(links)),
        )
