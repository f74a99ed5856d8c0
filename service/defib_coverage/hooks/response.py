"""The answer to a CDS Hooks call, as it goes over the wire."""

from __future__ import annotations

from typing import Literal

import msgspec


class Topic(msgspec.Struct, frozen=True):
    """Card source.topic: a code of the CRD card types."""

    system: str
    code: str


class Source(msgspec.Struct, frozen=True):
    """Card source."""

    label: str
    url: str
    topic: Topic


class OrderReference(msgspec.Struct, frozen=True):
    """A reference to an order of the call."""

    reference: str


class CardExtension(msgspec.Struct, frozen=True):
    """Card extension: the orders that the card is about, where the call has several."""

    associated_resource: tuple[OrderReference, ...] = msgspec.field(
        name="davinci-crd.associated-resource",
    )


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """A CDS Hooks card."""

    uuid: str
    summary: str
    indicator: Literal["info", "warning"]
    detail: str
    source: Source
    extension: CardExtension | None = None


class HookResponse(msgspec.Struct, frozen=True):
    """The answer to a CDS Hooks call."""

    cards: tuple[Card, ...]
