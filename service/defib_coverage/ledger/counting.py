"""What a report sums up, counted by the database: one look at the decisions, one at the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import String, and_, cast, func, or_, select

from defib_coverage.database.tables import CARD, DECISION, FEEDBACK, REPORTED
from defib_coverage.ledger.matching import about
from defib_coverage.ledger.report import NOBODY, Answers, Choice, Counts, Decisions, Unmatched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Label, Table

    from defib_coverage.ledger.report import Period

    Bounds = list[ColumnElement[bool]]

_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode
# Longer periods are told by month.
_MOST_DAYS = 62
_DAY, _MONTH = len("2026-03-03"), len("2026-03")
_EVERY = Choice()


def count(connection: Connection, period: Period, choice: Choice = _EVERY) -> Counts:
    """Count decisions of a period and the answers to their cards, whenever those came.

    Answers that no decision is known of are those of the period, whatever the choice.
    """
    bounds = bounds_of(period, choice)
    return Counts(
        decisions=tuple(_decisions(connection, bounds)),
        statuses=tuple(_statuses(connection, bounds)),
        kinds=_kinds(connection, bounds),
        answers=tuple(_answers(connection, bounds)),
        unmatched=_unmatched(connection, period),
    )


def bounds_of(period: Period, choice: Choice) -> Bounds:
    """What decisions of a period and of a choice fulfil."""
    bounds = within(DECISION, period)
    if choice.client is not None:
        client = None if choice.client == NOBODY else choice.client
        bounds.append(DECISION.c.client.is_not_distinct_from(client))
    if choice.order_class is not None:
        bounds.append(DECISION.c.order_class == choice.order_class)
    return bounds


def _decisions(connection: Connection, bounds: Bounds) -> Iterator[Decisions]:
    by = [DECISION.c[name] for name in REPORTED]
    counted = (func.sum(DECISION.c.card_count), func.sum(DECISION.c.offer_count))
    found = select(*by, func.count(), *counted).where(*bounds).group_by(*by)
    for client, policy, status, findings, *numbers in connection.execute(found):
        yield Decisions(client, policy, status, _decode_words(findings), *map(int, numbers))


def _statuses(connection: Connection, bounds: Bounds) -> Iterator[tuple[str, str, int]]:
    """How many decisions came to each status in each time that is told, earliest first."""
    shown = time_told(connection, bounds)
    found = select(shown, DECISION.c.status, func.count()).where(*bounds)
    # By name: with other parameters the expression would be another one.
    for row in connection.execute(found.group_by("shown", DECISION.c.status).order_by("shown")):
        yield (row.shown, row.status, row[2])


def _kinds(connection: Connection, bounds: Bounds) -> dict[str, int]:
    found = select(CARD.c.kind, func.count().label("number")).group_by(CARD.c.kind)
    if bounds:
        found = found.where(CARD.c.decision.in_(select(DECISION.c.id).where(*bounds)))
    return {row.kind: row.number for row in connection.execute(found)}


def _answers(connection: Connection, bounds: Bounds) -> Iterator[Answers]:
    """The last answer to each card counts: a clinician may think again."""
    later = FEEDBACK.alias()
    after = or_(
        later.c.day > FEEDBACK.c.day,
        and_(later.c.day == FEEDBACK.c.day, later.c.position > FEEDBACK.c.position),
    )
    same = and_(
        later.c.card == FEEDBACK.c.card,
        later.c.client.is_not_distinct_from(FEEDBACK.c.client),
    )
    is_last = ~select(later.c.id).where(same, after).exists()
    taken = and_(FEEDBACK.c.outcome == "accepted", FEEDBACK.c.suggestions != "[]")
    by = [
        DECISION.c.client,
        DECISION.c.policy,
        DECISION.c.findings,
        CARD.c.kind,
        FEEDBACK.c.outcome,
        FEEDBACK.c.reason_system,
        FEEDBACK.c.reason_code,
    ]
    found = (
        select(*by, taken.label("taken"), func.count())
        .join_from(FEEDBACK, DECISION, DECISION.c.id == about())
        .join(CARD, CARD.c.id == FEEDBACK.c.card)
        .where(is_last, *bounds)
        .group_by(*by, "taken")
    )
    for client, policy, findings, *rest in connection.execute(found):
        kind, outcome, system, code, was_taken, number = rest
        words = _decode_words(findings)
        yield Answers(client, policy, words, kind, outcome, bool(was_taken), system, code, number)


def _unmatched(connection: Connection, period: Period) -> Unmatched:
    """Answers of the period that no decision is known of."""
    in_it = within(FEEDBACK, period)
    unknown = select(func.count()).select_from(FEEDBACK)
    unknown = unknown.where(about().is_(None), *in_it)
    there = select(DECISION.c.id).where(DECISION.c.id == FEEDBACK.c.decision).exists()
    purged = select(func.count()).select_from(FEEDBACK)
    purged = purged.where(FEEDBACK.c.decision.is_not(None), ~there, *in_it)
    return Unmatched(
        connection.execute(unknown).scalar_one(), connection.execute(purged).scalar_one()
    )


def time_told(connection: Connection, bounds: Bounds) -> Label[str]:
    """The time of a decision, ``shown``: its day, or its month where there are many days."""
    ends = [
        select(DECISION.c.day).where(*bounds).order_by(order).limit(1)
        for order in (DECISION.c.day, DECISION.c.day.desc())
    ]
    first, last = (connection.execute(end).scalar() for end in ends)
    is_long = first is not None and last is not None and (last - first).days >= _MOST_DAYS
    size = _MONTH if is_long else _DAY
    return func.substr(cast(DECISION.c.day, String), 1, size).label("shown")


def within(table: Table, period: Period) -> Bounds:
    """What rows of a period fulfil: their days lie in it."""
    bounds: Bounds = []
    if period.first is not None:
        bounds.append(table.c.day >= period.first)
    if period.last is not None:
        bounds.append(table.c.day <= period.last)
    return bounds
