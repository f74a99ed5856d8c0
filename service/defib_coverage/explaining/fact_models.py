"""What is told of a code: plain frozen data, camelCase for machines."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from defib_coverage.coverage.codes import OrderClass, Strength
from defib_coverage.coverage.policy import EventName
from defib_coverage.explaining.order_effect import OrderEffect
from defib_coverage.explaining.part_words import PartRole
from defib_coverage.explaining.similar_codes import SimilarCode

# chart-only: it stands on no list of the article; records of any day are read.
Status = Literal["in-force", "not-yet-in-force", "ended", "chart-only"]


class _Fact(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A part of the facts: plain data, camelCase for machines."""


class Membership(_Fact, frozen=True):
    """A value set that holds the code, and what the set says of it.

    ``value_set`` is the id under which it is published: codes of CPT stand in sets of their own.
    ``paragraph`` is the paragraph that ``cite`` names, in own words. ``family`` is the expression
    of a family of codes by which the code is known.
    ``first_day`` and ``last_day`` are service days, None for no bound; ``in_force`` is of the day
    that was asked about.
    """

    value_set: str
    title: str
    purpose: str
    role: Literal["coverage", "order", "evidence"]
    cite: str
    paragraph: str
    first_day: date | None
    last_day: date | None
    in_force: bool
    strength: Strength
    order_class: OrderClass | None = None
    family: str | None = None
    modality: str | None = None
    nyha: int | None = None
    shared: bool = False
    note: str | None = None


class IndicationPart(_Fact, frozen=True):
    """What the code is for an indication.

    ``primaries`` are those whose companion it is, ``order_class`` its class as an order, ``event``
    the event whose waiting period it starts or tells of; the days are those of the code in that
    role; ``strength`` says whether it can settle anything there.
    """

    indication: str
    label: str
    role: PartRole
    cite: str
    first_day: date | None
    last_day: date | None
    in_force: bool
    strength: Strength
    primaries: tuple[str, ...] = ()
    order_class: OrderClass | None = None
    event: EventName | None = None


class Companions(_Fact, frozen=True):
    """A pair that a claim must carry.

    ``codes`` are the codes at the other side, in force on the day: those of which one must stand
    beside the code, or those whose companion it is. Through ``notice_until`` contractors only gave
    notice of a missing one.
    """

    indication: str
    codes: tuple[str, ...]
    cite: str
    notice_until: date | None = None


class ChartUse(_Fact, frozen=True):
    """What a record of the code does in a chart.

    ``indications`` are those it does it for, none where it is about the code itself; ``finding`` is
    what may be told of it.
    """

    text: str
    indications: tuple[str, ...] = ()
    cite: str | None = None
    finding: str | None = None


class CodeFacts(_Fact, frozen=True):
    """All that is known of a code of one system as of ``day``.

    ``display`` is the official title, only where it may be shown; ``words`` are our own; never
    both None. ``checked_through`` is the last of the releases of its system that were checked where
    none has the code as billable and only a family of codes matches it, None for any other code.
    ``suggests`` are the ICD-10-CM codes that say on a claim what a record of the code
    documents; ``claim`` says what the code is worth on a claim, ``tip`` what the claim wants
    besides.
    """

    system: str
    uri: str
    system_name: str
    code: str
    day: date
    policy: str
    display: str | None
    words: str | None
    notice: str | None
    status: Status
    checked_through: str | None
    value_sets: tuple[Membership, ...]
    indications: tuple[IndicationPart, ...]
    companions: tuple[Companions, ...]
    companion_of: tuple[Companions, ...]
    successors: tuple[str, ...]
    predecessors: tuple[str, ...]
    suggests: tuple[str, ...]
    similar: tuple[SimilarCode, ...]
    order: OrderEffect
    chart: tuple[ChartUse, ...]
    claim: str
    tip: str | None
