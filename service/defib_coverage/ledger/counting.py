"""What a report sums up, counted by the database: one look at the decisions, one at the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import and_, func, select

from defib_coverage.database.tables import CARD, DECISION, FEEDBACK
from defib_coverage.ledger.report import Answers, Counts, Decisions, Unmatched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Table

    from defib_coverage.ledger.report import Period

_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode
# Longer periods are told by month.
_MOST_DAYS = 62
_DAY, _MONTH = len("2026-03-03"), len("2026-03")


def count(connection: Connection, period: Period) -> Counts:
    """Count decisions of a period and the answers to their cards, whenever those came."""
    kinds = connection.execute(select(CARD.c.kind).distinct().order_by(CARD.c.kind)).scalars().all()
    return Counts(
        tuple(_decisions(connection, period, kinds)),
        tuple(_answers(connection, period)),
        _unmatched(connection, period),
    )


def _decisions(connection: Connection, period: Period, kinds: Sequence[str]) -> Iterator[Decisions]:
    # Counted in the decision's own text: a look at each card would cost several times as much.
    by = [
        func.substr(DECISION.c.time, 1, _shown(connection, period)).label("shown"),
        DECISION.c.client,
        DECISION.c.policy,
        DECISION.c.status,
        DECISION.c.findings,
    ]
    cards = [f'"kind":"{kind}"' for kind in kinds]
    offers = [f'{card},"suggestions":["' for card in cards]
    parts = [*cards, *offers]
    found = select(*by, func.count(), *(func.sum(_less_without(part)) for part in parts))
    # By name: with other parameters the expression would be another one.
    found = found.where(*_within(DECISION, period)).group_by("shown", *by[1:])
    for time, client, policy, status, findings, number, *less in connection.execute(found):
        sums = [int(left) // len(part) for left, part in zip(less, parts, strict=True)]
        yield Decisions(
            time=time,
            client=client,
            policy=policy,
            status=status,
            findings=_decode_words(findings),
            number=number,
            cards=dict(zip(kinds, sums, strict=False)),
            offers=dict(zip(kinds, sums[len(kinds) :], strict=True)),
        )


def _answers(connection: Connection, period: Period) -> Iterator[Answers]:
    """The last answer to each card counts: a clinician may think again."""
    given = (
        select(
            FEEDBACK,
            func.row_number()
            .over(
                partition_by=FEEDBACK.c.card,
                order_by=(FEEDBACK.c.day.desc(), FEEDBACK.c.position.desc()),
            )
            .label("place"),
        )
        .where(FEEDBACK.c.decision.is_not(None))
        .subquery()
    )
    taken = and_(given.c.outcome == "accepted", given.c.suggestions != "[]").label("taken")
    by = [
        DECISION.c.client,
        DECISION.c.policy,
        DECISION.c.findings,
        CARD.c.kind,
        given.c.outcome,
        taken,
        given.c.reason_system,
        given.c.reason_code,
    ]
    found = (
        select(*by, func.count())
        .join_from(given, DECISION, DECISION.c.id == given.c.decision)
        .join(CARD, CARD.c.id == given.c.card)
        .where(given.c.place == 1, *_within(DECISION, period))
        .group_by(*(one for one in by if one is not taken), "taken")
    )
    for client, policy, findings, *rest in connection.execute(found):
        kind, outcome, was_taken, system, code, number = rest
        words = _decode_words(findings)
        yield Answers(client, policy, words, kind, outcome, bool(was_taken), system, code, number)


def _unmatched(connection: Connection, period: Period) -> Unmatched:
    """Answers of the period that no decision is known of."""
    within = _within(FEEDBACK, period)
    unknown = select(func.count()).select_from(FEEDBACK)
    unknown = unknown.where(FEEDBACK.c.decision.is_(None), *within)
    there = select(DECISION.c.id).where(DECISION.c.id == FEEDBACK.c.decision).exists()
    purged = select(func.count()).select_from(FEEDBACK)
    purged = purged.where(FEEDBACK.c.decision.is_not(None), ~there, *within)
    return Unmatched(
        connection.execute(unknown).scalar_one(), connection.execute(purged).scalar_one()
    )


def _shown(connection: Connection, period: Period) -> int:
    """How much of a time is told: the day, or the month where there are many days."""
    within = _within(DECISION, period)
    ends = [
        select(DECISION.c.day).where(*within).order_by(order).limit(1)
        for order in (DECISION.c.day, DECISION.c.day.desc())
    ]
    first, last = (connection.execute(end).scalar() for end in ends)
    if first is None or last is None:
        return _DAY
    return _DAY if (last - first).days < _MOST_DAYS else _MONTH


def _within(table: Table, period: Period) -> list[ColumnElement[bool]]:
    bounds = []
    if period.first is not None:
        bounds.append(table.c.day >= period.first)
    if period.last is not None:
        bounds.append(table.c.day <= period.last)
    return bounds


def _less_without(part: str) -> ColumnElement[int]:
    """By how many characters the text of a decision's cards is longer than without a part."""
    text = DECISION.c.cards
    return func.length(text) - func.length(func.replace(text, part, ""))
