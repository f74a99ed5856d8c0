"""The cards and system actions of an answer, as an EHR would draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from defib_coverage.console.views.json_text import Line, changes
from defib_coverage.console.views.markdown import drawn
from defib_coverage.fhir.raw import BAD, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from defib_coverage.console.trials import Tried
    from defib_coverage.hooks.response import Action, Card

_STATEMENT = "ext-coverage-information"
# What the parts of coverage information are about, in our own words.
_PARTS = {
    "coverage": "For the coverage",
    "covered": "Covered",
    "pa-needed": "Prior authorization",
    "doc-needed": "Documents needed",
    "doc-purpose": "Documents for",
    "info-needed": "Still open",
    "billingCode": "Billing code",
    "reason": "Why",
    "detail": "Detail",
    "dependency": "Stands or falls with",
    "questionnaire": "Questionnaire",
    "contact": "Contact",
    "expiry-date": "Holds until",
    "date": "Stated on",
    "coverage-assertion-id": "Id of the statement",
    "satisfied-pa-id": "Number of the authorization",
}
_VALUES = {
    "no-auth": "none needed",
    "auth-needed": "needed",
    "satisfied": "there already",
    "clinical": "clinical ones",
    "retain-doc": "the file, in case of a review",
    "timeframe": "the time of the service",
    "OTH": "something else; the reason says what",
    "not-covered": "not covered",
}
# Of each, so that a page stays light whatever a call holds.
_MOST = 20
_CHOICE = {"at-most-one": "Choose at most one", "any": "Choose any"}


class ActionView(msgspec.Struct, frozen=True):
    """What one action does: in words, and to the resource."""

    kind: str
    description: str
    reference: str
    lines: tuple[Line, ...]
    told: tuple[tuple[str, str], ...] = ()


class SuggestionView(msgspec.Struct, frozen=True):
    """A button of a card."""

    label: str
    recommended: bool
    actions: tuple[ActionView, ...]


class LinkView(msgspec.Struct, frozen=True):
    """A link of a card; without an address where that is no web page."""

    label: str
    url: str | None


class CardView(msgspec.Struct, frozen=True):
    """A card."""

    indicator: str
    summary: str
    detail: Markup
    source: LinkView
    topic: str
    choice: str
    suggestions: tuple[SuggestionView, ...]
    links: tuple[LinkView, ...]
    reasons: tuple[str, ...]
    about: tuple[str, ...]


def cards_of(tried: Tried) -> tuple[CardView, ...]:
    """The first cards of an answer."""
    orders = _orders(tried)
    return tuple(_card(card, orders) for card in tried.response.cards[:_MOST])


def actions_of(tried: Tried) -> tuple[ActionView, ...]:
    """The first system actions of an answer: what an EHR does without asking."""
    orders = _orders(tried)
    return tuple(_action(action, orders) for action in tried.response.system_actions[:_MOST])


def _orders(tried: Tried) -> Mapping[str, bytes]:
    """The orders of the call as they came, by reference."""
    return {
        one.order.reference: bytes(one.text)
        for one in tried.evaluation.ordered
        if one.text is not None
    }


def _card(card: Card, orders: Mapping[str, bytes]) -> CardView:
    about = () if card.extension is None else card.extension.associated_resource
    return CardView(
        indicator=card.indicator,
        summary=card.summary,
        detail=drawn(card.detail),
        source=_link(card.source.label, card.source.url),
        topic=card.source.topic.code,
        choice=_CHOICE.get(card.selection_behavior or "", ""),
        suggestions=tuple(
            SuggestionView(
                one.label,
                one.is_recommended,
                tuple(_action(action, orders) for action in one.actions),
            )
            for one in card.suggestions
        ),
        links=tuple(_link(link.label, link.url) for link in card.links),
        reasons=tuple(one.display or one.code for one in card.override_reasons),
        about=tuple(one.reference for one in about),
    )


def _link(label: str, url: str) -> LinkView:
    return LinkView(label, url if urlsplit(url).scheme in {"http", "https"} else None)


def _action(action: Action, orders: Mapping[str, bytes]) -> ActionView:
    kind, identifier = name_of(action.resource)
    reference = kind if identifier is None else f"{kind}/{identifier}"
    before = orders.get(reference) if action.type == "update" else None
    return ActionView(
        kind=action.type,
        description=action.description,
        reference=reference,
        lines=changes(before, bytes(action.resource)),
        told=_told(action.resource) if action.type == "update" else (),
    )


class _Part(msgspec.Struct):
    url: str = ""
    value_code: str | None = msgspec.field(name="valueCode", default=None)
    value_string: str | None = msgspec.field(name="valueString", default=None)
    value_date: str | None = msgspec.field(name="valueDate", default=None)
    value_reference: dict[str, object] | None = msgspec.field(name="valueReference", default=None)
    value_coding: dict[str, object] | None = msgspec.field(name="valueCoding", default=None)
    value_concept: dict[str, object] | None = msgspec.field(
        name="valueCodeableConcept", default=None
    )
    extension: list[_Part] = []


class _Stated(msgspec.Struct):
    extension: list[_Part] = []


def _told(resource: msgspec.Raw) -> tuple[tuple[str, str], ...]:
    """What the order's last coverage information says, in words."""
    try:
        order = msgspec.json.decode(resource, type=_Stated)
    except BAD:
        return ()
    found = [one for one in order.extension if one.url.rpartition("/")[2] == _STATEMENT]
    rows: list[tuple[str, str]] = []
    for part in found[-1].extension if found else ():
        name = _PARTS.get(part.url, part.url)
        rows.append((name, _value(part)))
    return tuple(rows)


def _value(part: _Part) -> str:
    """A value in words; of what is composed, its parts."""
    if part.value_code is not None:
        return _VALUES.get(part.value_code, part.value_code)
    for text in (part.value_string, part.value_date):
        if text is not None:
            return text
    if part.value_reference is not None:
        return str(part.value_reference.get("reference", ""))
    if part.value_coding is not None:
        return str(part.value_coding.get("code", ""))
    if part.value_concept is not None:
        concept = msgspec.convert(part.value_concept, _Concept)
        codes = ", ".join(one.display or one.code for one in concept.coding)
        return concept.text or codes
    return "; ".join(f"{one.url}: {_value(one)}" for one in part.extension)


class _Coding(msgspec.Struct):
    code: str = ""
    display: str | None = None


class _Concept(msgspec.Struct):
    text: str | None = None
    coding: list[_Coding] = []
