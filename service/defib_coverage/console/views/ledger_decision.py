"""What the page of one decision tells, out of its row and of what stands beside it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.console.views.json_text import pretty
from defib_coverage.console.views.ledger_sums import milliseconds
from defib_coverage.console.views.why import Reasons, WhyView
from defib_coverage.coverage.determination import Determination
from defib_coverage.explaining.timeline import Day, days
from defib_coverage.ledger.browsing import Line
from defib_coverage.ledger.reading import Decided

if TYPE_CHECKING:
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.ledger.browsing import Under
    from defib_coverage.ledger.neighbourhood import Link, Neighbourhood

_LINKS: dict[Link, tuple[str, str]] = {
    "row": (
        "The row follows from the one before it and says what it said when it was written.",
        "The row was changed, or the one before it was changed or taken away.",
    ),
    "next": (
        "What comes after it follows from it.",
        "What comes after it does not follow from it: a row was taken away, put in or changed.",
    ),
    "day": (
        "The seal of its day holds.",
        "The row of its day was changed, or that of the day before.",
    ),
    "cards": (
        "Its cards stand as it says.",
        "The cards that stand beside it are not those that it says.",
    ),
}


class Look(msgspec.Struct, frozen=True):
    """What was looked at in the chain: whether it holds, and what that means."""

    holds: bool
    words: str


class OrderReasons(msgspec.Struct, frozen=True):
    """Why an order was judged as it was on its day."""

    why: WhyView
    service_date: date


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of a decision.

    ``decided`` is None where its row cannot be read, ``reasons`` where they were not kept.
    ``other_data``: it was judged by other data files than are here now.
    """

    assertion: str
    total: int
    lines: tuple[Line, ...]
    line: Line
    decided: Decided | None
    determination: Determination | None
    rows: tuple[tuple[str, str], ...]
    holds: bool
    position: int
    length: int | None
    looks: tuple[Look, ...]
    reasons: OrderReasons | None
    days: tuple[Day, ...]
    other_data: bool
    raw: str


def decision_view(assertion: str, under: Under, knowledge: Knowledge) -> DecisionView:
    """What the page tells.

    Args:
        assertion: the id that was asked for.
        under: what was found.
        knowledge: the data files that are here now.
    """
    one = under.decided
    determination = None if one is None else one.determination
    return DecisionView(
        assertion=assertion,
        total=under.total,
        lines=under.lines,
        line=under.line,
        decided=one,
        determination=determination,
        rows=() if one is None else _rows(one),
        holds=under.place.holds,
        position=under.place.position,
        length=under.place.length,
        looks=_looks(under.place),
        reasons=None if determination is None else _reasons(determination, knowledge),
        days=() if determination is None else _days(determination, knowledge),
        other_data=one is not None and one.data_digest != knowledge.digest,
        raw="" if determination is None else pretty(msgspec.json.encode(determination)),
    )


def _reasons(found: Determination, knowledge: Knowledge) -> OrderReasons:
    day = found.order.service_date
    policy = knowledge.library.in_force(day)
    paragraphs = {} if policy is None else policy.paragraphs
    return OrderReasons(Reasons(paragraphs, {}).why(found), day)


def _days(found: Determination, knowledge: Knowledge) -> tuple[Day, ...]:
    policy = knowledge.library.in_force(found.order.service_date)
    if policy is None or not found.waiting_periods:
        return ()
    return tuple(days(found, policy.waiting))


def _rows(one: Decided) -> tuple[tuple[str, str], ...]:
    return (
        ("Decided", f"{one.time}, in {milliseconds(one.milliseconds)}"),
        ("Asked by", one.client or "a client without a token"),
        ("Service", one.service),
        ("Hook instance", one.hook_instance),
        ("Order", f"{one.order_code or 'no code'}, {one.order_class}"),
        ("Service date", one.service_date.isoformat()),
        ("Patient", f"{one.patient} (a keyed digest: no name is kept)"),
        ("Indications met", ", ".join(one.indications) or "none"),
        ("Findings", ", ".join(one.findings) or "none"),
        ("Policy", one.policy or "none in force"),
        ("Data digest", one.data_digest),
        ("Decision", one.id),
    )


def _looks(place: Neighbourhood) -> tuple[Look, ...]:
    if place.length is None:
        return (Look(holds=False, words="Its day has no row: that was taken away."),)
    return tuple(
        Look(name not in place.broken, words[name in place.broken])
        for name, words in _LINKS.items()
    )
