"""The answer to a CDS Hooks call, as it goes over the wire."""

from __future__ import annotations

from os import urandom
from typing import Literal

import msgspec

# The first digit of a random UUID's variant: two bits are set, two are random.
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def random_uuid() -> str:
    """A random UUID as text: version 4 of RFC 9562. ``uuid.uuid4`` takes twice as long."""
    digits = urandom(16).hex()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Coding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A FHIR Coding."""

    system: str
    code: str
    display: str | None = None


class Source(msgspec.Struct, frozen=True):
    """Card source; its topic is a code of the CRD card types."""

    label: str
    url: str
    topic: Coding


class Action(msgspec.Struct, frozen=True):
    """An action on a whole resource, which is given as its JSON."""

    type: Literal["create", "update"]
    description: str
    resource: msgspec.Raw


class Suggestion(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a clinician can accept with one click."""

    label: str
    uuid: str
    actions: tuple[Action, ...]
    is_recommended: bool = False


class Link(msgspec.Struct, frozen=True):
    """A link to a page."""

    label: str
    url: str
    type: Literal["absolute"] = "absolute"


class OrderReference(msgspec.Struct, frozen=True):
    """A reference to an order of the call."""

    reference: str


class CardExtension(msgspec.Struct, frozen=True):
    """Card extension: the orders that the card is about, where the call has several."""

    associated_resource: tuple[OrderReference, ...] = msgspec.field(
        name="davinci-crd.associated-resource",
    )


class Card(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A CDS Hooks card. ``selection_behavior`` goes with suggestions."""

    uuid: str
    summary: str
    indicator: Literal["info", "warning"]
    detail: str
    source: Source
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: Literal["at-most-one", "any"] | None = None
    override_reasons: tuple[Coding, ...] = ()
    links: tuple[Link, ...] = ()
    extension: CardExtension | None = None


class HookResponse(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The answer to a CDS Hooks call; system actions are left out where there are none."""

    cards: tuple[Card, ...]
    system_actions: tuple[Action, ...] = ()
