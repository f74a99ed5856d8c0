"""What the ledger keeps: answered calls with their decisions, and what clinicians answered."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec


class LedgerError(Exception):
    """A record could not be kept."""


class Card(msgspec.Struct, frozen=True):
    """A card that was sent: its uuid, its kind (the topic of its source) and its suggestions."""

    id: str
    kind: str
    suggestions: tuple[str, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided of one order.

    ``patient`` is a keyed digest; ``time`` is UTC in ISO 8601 with microseconds. ``cards`` are
    those that tell of this order first. ``determination`` is compressed JSON whose references are
    keyed digests, ``response`` the compressed answer to the whole call, encrypted; both are kept by
    setting.
    """

    id: str
    time: str
    call: str
    hook_instance: str
    service: str
    patient: str
    order_class: str
    service_date: date
    data_digest: str
    status: str
    milliseconds: float
    client: str | None = None
    order_code: str | None = None
    policy: str | None = None
    findings: tuple[str, ...] = ()
    indications: tuple[str, ...] = ()
    assertion_id: str | None = None
    cards: tuple[Card, ...] = ()
    determination: bytes | None = None
    response: bytes | None = None


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """The decisions of one call: all of them are kept, or none."""

    decisions: tuple[Decision, ...]


class Feedback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="feedback"):
    """What a clinician did with a card.

    ``said`` is a digest of all that the client said, the same for a repeat. ``comment`` is
    encrypted.
    """

    id: str
    time: str
    service: str
    card: str
    outcome: str
    said: str
    client: str | None = None
    outcome_time: str | None = None
    suggestions: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    comment: bytes | None = None


class Departure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a draft of the rules departs from what was decided of one order.

    ``decision`` is the id of what was decided, None where the present rules do not judge the order.
    ``reasons`` say in short what differs; ``detail`` is compressed JSON whose references are keyed
    digests, kept by setting. ``unread`` counts what the draft would have looked up and the call did
    not.
    """

    id: str
    time: str
    service: str
    order_class: str
    service_date: date
    data_digest: str
    draft_digest: str
    status_before: str
    status_after: str
    reasons: tuple[str, ...]
    unread: int = 0
    decision: str | None = None
    client: str | None = None
    order_code: str | None = None
    detail: bytes | None = None


class Shadowed(msgspec.Struct, frozen=True, tag="shadowed"):
    """The departures of one call."""

    departures: tuple[Departure, ...]


Record = Answered | Feedback | Shadowed


def moment(when: datetime) -> str:
    """A time as the ledger writes it: of one length, so that text sorts as time does."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
