"""Decisions read back: what was decided and answered, and where it stands in the chain."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, select

from defib_coverage.coverage.determination import Determination
from defib_coverage.database.tables import CARD, CHAINED, DAY, DECISION, FEEDBACK
from defib_coverage.ledger.chain import START, link_of, seal_of
from defib_coverage.ledger.matching import answers_to
from defib_coverage.ledger.records import Card
from defib_coverage.ledger.secrets import unpack
from defib_coverage.ledger.store import columns_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row, Table

    from defib_coverage.ledger.secrets import Secrets

_decode_cards = msgspec.json.Decoder(tuple[Card, ...]).decode
_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_determination = msgspec.json.Decoder(Determination).decode
# A call's orders are far fewer.
_ROWS_OF_A_CALL = 1000


class Answer(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a clinician did with a card."""

    time: str
    client: str | None
    outcome: str
    outcome_time: str | None
    suggestions: tuple[str, ...]
    reason_system: str | None
    reason_code: str | None
    has_comment: bool


class Sent(msgspec.Struct, frozen=True, rename="camel"):
    """A card that was sent, and the answers to it, oldest first."""

    id: str
    kind: str
    suggestions: tuple[str, ...]
    answers: tuple[Answer, ...]


class Place(msgspec.Struct, frozen=True, rename="camel"):
    """Where a row stands in the chain.

    ``holds``: its own link follows from the row before it and from what it says, and the row of its
    day is sealed.
    """

    day: date
    position: int
    length: int
    holds: bool


class Decided(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A decision as the ledger has it.

    ``determination`` is None where it was not kept. ``has_response``: the answer to the call stands
    in this row; it stands in the first of a call.
    """

    id: str
    time: str
    call: str
    hook_instance: str
    service: str
    client: str | None
    patient: str
    order_code: str | None
    order_class: str
    service_date: date
    policy: str | None
    data_digest: str
    status: str
    findings: tuple[str, ...]
    indications: tuple[str, ...]
    assertion_id: str | None
    milliseconds: float
    cards: tuple[Sent, ...]
    place: Place
    has_response: bool
    determination: Determination | None


def by_assertion(assertion_id: str) -> ColumnElement[bool]:
    """Decisions that were told under an assertion id."""
    return DECISION.c.assertion_id == assertion_id


def by_decision(identifier: str) -> ColumnElement[bool]:
    """The decision of an id."""
    return DECISION.c.id == identifier


def by_card(card: str) -> ColumnElement[bool]:
    """The decision that a card tells of."""
    return DECISION.c.id.in_(select(CARD.c.decision).where(CARD.c.id == card))


def by_patient(secrets: Secrets, client: str | None, patient_id: str) -> ColumnElement[bool]:
    """Decisions about a patient of a client's."""
    return DECISION.c.patient == secrets.digest("patient", client or "", patient_id)


def decided(
    connection: Connection, key: bytes, where: ColumnElement[bool], most: int
) -> list[Decided]:
    """Decisions, newest first.

    Args:
        connection: to the database.
        key: of the chain.
        where: which, as one of the functions of this module says.
        most: how many of them.

    Raises:
        ValueError: a row was changed to what nothing can read.
    """
    newest = select(DECISION).where(where)
    newest = newest.order_by(DECISION.c.day.desc(), DECISION.c.position.desc()).limit(most)
    return [_decided(connection, key, row) for row in connection.execute(newest).all()]


def response_of(connection: Connection, secrets: Secrets, decision: Decided) -> bytes | None:
    """The answer to the call that a decision was made in; None where it was not kept.

    Raises:
        ValueError: it was locked with another key, or has changed since.
    """
    # It stands in the first row of the call, and rows of a call follow one another.
    place = decision.place
    near = (place.position - _ROWS_OF_A_CALL, place.position)
    found = select(DECISION.c.response).where(
        DECISION.c.day == place.day,
        DECISION.c.position.between(*near),
        DECISION.c.call == decision.call,
        DECISION.c.response.is_not(None),
    )
    locked = connection.execute(found).scalar()
    return None if locked is None else secrets.open(locked)


def _decided(connection: Connection, key: bytes, row: Row[Any]) -> Decided:
    told = _decode_cards(row.cards)
    found = connection.execute(
        select(FEEDBACK)
        .where(answers_to(row.id, row.client, [card.id for card in told]))
        .order_by(FEEDBACK.c.day, FEEDBACK.c.position)
    )
    answers: dict[str, list[Answer]] = {}
    for one in found:
        answers.setdefault(one.card, []).append(_answer(one))
    packed = row.determination
    return Decided(
        **{name: getattr(row, name) for name in _AS_THEY_ARE},
        findings=_decode_words(row.findings),
        indications=_decode_words(row.indications),
        cards=tuple(Sent(c.id, c.kind, c.suggestions, tuple(answers.get(c.id, ()))) for c in told),
        place=_place(connection, key, row),
        has_response=row.response is not None,
        determination=None if packed is None else _decode_determination(unpack(packed)),
    )


_AS_THEY_ARE = (
    "id",
    "time",
    "call",
    "hook_instance",
    "service",
    "client",
    "patient",
    "order_code",
    "order_class",
    "service_date",
    "policy",
    "data_digest",
    "status",
    "assertion_id",
    "milliseconds",
)


def _answer(row: Row[Any]) -> Answer:
    return Answer(
        time=row.time,
        client=row.client,
        outcome=row.outcome,
        outcome_time=row.outcome_time,
        suggestions=_decode_words(row.suggestions),
        reason_system=row.reason_system,
        reason_code=row.reason_code,
        has_comment=row.comment is not None,
    )


def _place(connection: Connection, key: bytes, row: Row[Any]) -> Place:
    newest = select(DAY).where(DAY.c.day <= row.day).order_by(DAY.c.day.desc()).limit(2)
    days = connection.execute(newest).all()
    if not days or days[0].day != row.day:
        return Place(row.day, row.position, 0, holds=False)
    day = days[0]
    before = days[1].head if len(days) > 1 else START
    previous = before if row.position == 1 else _link_at(connection, row.day, row.position - 1)
    values = [getattr(row, name) for name in columns_of(DECISION)]
    holds = (
        previous is not None
        and row.position <= day.length
        and row.link == link_of(key, previous, values)
        and day.seal == seal_of(key, day.day, before, day.length, day.head, day.purged)
    )
    return Place(row.day, row.position, day.length, holds=bool(holds))


def _link_at(connection: Connection, day: date, position: int) -> bytes | None:
    for table in CHAINED:
        found = connection.execute(_at(table, day, position)).scalar()
        if found is not None:
            return bytes(found)
    return None


def _at(table: Table, day: date, position: int) -> Any:  # noqa: ANN401 - a select of one column
    return select(table.c.link).where(and_(table.c.day == day, table.c.position == position))
