"""A code as its page tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from defib_coverage.console.views.change_bar import ChosenDay
from defib_coverage.console.views.linking import Sentence
from defib_coverage.console.views.notices import notices_of
from defib_coverage.console.views.policy import ListLink
from defib_coverage.console.views.shown_codes import STATUS_WORDS, meaning_of
from defib_coverage.coverage.dates import DAY
from defib_coverage.explaining.code_sentences import (
    LISTS,
    ROLES,
    STRENGTHS,
    UNREAD,
    claim_of,
    days_of,
    notes_of,
    order_of,
    span_of,
)
from defib_coverage.explaining.fact_models import Status
from defib_coverage.fhir.systems import SYSTEM_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from defib_coverage.console.views.linking import Linker
    from defib_coverage.explaining.fact_models import (
        CodeFacts,
        Companions,
        IndicationPart,
        Membership,
    )
    from defib_coverage.explaining.similar_codes import SimilarCode


class CodeLink(msgspec.Struct, frozen=True):
    """A code and the address of its page."""

    code: str
    href: str


class PartView(msgspec.Struct, frozen=True):
    """What the code is for some indications (id and label)."""

    role: str
    words: str
    span: str
    indications: tuple[tuple[str, str], ...]
    cites: tuple[str, ...]


class UseView(msgspec.Struct, frozen=True):
    """What a record of the code does in a chart, for which indications, what may be told of it."""

    indications: tuple[str, ...]
    text: Sentence
    cite: str | None
    finding: str | None


class ListView(msgspec.Struct, frozen=True):
    """A value set that holds the code."""

    link: ListLink
    kind: str
    purpose: str
    span: str
    in_force: bool
    cite: str
    remarks: tuple[str, ...]


class SimilarView(msgspec.Struct, frozen=True):
    """A similar code."""

    system_name: str
    code: str
    href: str
    meaning: str


class SimilarGroup(msgspec.Struct, frozen=True):
    """The similar codes of one reason."""

    why: str
    codes: tuple[SimilarView, ...]


class OneCode(msgspec.Struct, frozen=True):
    """A code of one system: all that its page tells.

    ``is_title`` says whether the meaning is the official title. ``lookup`` is the address of the
    same as FHIR, None where it is not served.
    """

    system: str
    system_name: str
    code: str
    meaning: str
    is_title: bool
    status: Status
    status_words: str
    days: tuple[Sentence, ...]
    notes: tuple[str, ...]
    order: Sentence
    order_class: str | None
    claim: tuple[Sentence, ...]
    companions: tuple[CodeLink, ...]
    companion_of: tuple[CodeLink, ...]
    parts: tuple[PartView, ...]
    parts_told: str
    chart: tuple[UseView, ...]
    unread: str
    lists: tuple[ListView, ...]
    similar: tuple[SimilarGroup, ...]
    lookup: str | None


class CodeView(msgspec.Struct, frozen=True):
    """The page: the code in every system that has it."""

    chosen: ChosenDay
    code: str
    systems: tuple[OneCode, ...]
    asked_system: str
    policy: str
    notices: tuple[str, ...]


def code_view(
    found: Sequence[CodeFacts],
    chosen: ChosenDay,
    linker: Linker,
    fhir: Callable[[str], str | None],
    system: str,
) -> CodeView:
    """What the page of a code tells.

    Args:
        found: the facts, one for each system; at least one.
        chosen: the day.
        linker: makes the links.
        fhir: where FHIR tells of the codes of a system; None where it does not.
        system: the system that was asked for; ``""`` for all.
    """
    systems = {facts.system for facts in found}
    systems |= {one.system for facts in found for one in facts.similar}
    return CodeView(
        chosen.marked(set(_own_days(found))),
        found[0].code,
        tuple(_one(facts, linker, fhir(facts.system)) for facts in found),
        system,
        linker.policy(),
        notices_of(systems, chosen.day),
    )


def _own_days(found: Sequence[CodeFacts]) -> Iterator[date]:
    """The days from which a code counts on a list of the article, or no longer."""
    for member in (one for facts in found for one in facts.value_sets):
        if member.role != "evidence":
            if member.first_day is not None:
                yield member.first_day
            if member.last_day is not None:
                yield member.last_day + DAY


def _one(facts: CodeFacts, linker: Linker, fhir: str | None) -> OneCode:
    title = facts.value_sets[0].title
    told = "It belongs to none."
    if facts.order.judged == "diagnosis":
        told = "Any diagnosis of the article supports it; it needs no indication of its own."
    return OneCode(
        system=facts.system,
        system_name=facts.system_name,
        code=facts.code,
        meaning=meaning_of(facts.system, facts.display, facts.words, title),
        is_title=facts.display is not None and facts.system != "cpt",
        status=facts.status,
        status_words=STATUS_WORDS[facts.status],
        days=linker.sentences(days_of(facts)),
        # The owner's notice stands at the end of the page.
        notes=tuple(notes_of(msgspec.structs.replace(facts, notice=None))),
        order=linker.sentence(order_of(facts)),
        order_class=facts.order.order_class,
        claim=linker.sentences(claim_of(facts)),
        companions=_pairs(facts.companions, linker),
        companion_of=_pairs(facts.companion_of, linker),
        parts=tuple(_parts(facts.indications)),
        parts_told=told,
        chart=tuple(
            UseView(use.indications, sentence, use.cite, use.finding)
            for use, sentence in zip(
                facts.chart, linker.sentences(use.text for use in facts.chart), strict=True
            )
        ),
        unread=UNREAD,
        lists=tuple(_lists(facts.value_sets, linker)),
        similar=tuple(_similar(facts.similar, linker)),
        lookup=None if fhir is None else _lookup(facts, fhir),
    )


def _lookup(facts: CodeFacts, fhir: str) -> str:
    return f"{fhir}/CodeSystem/$lookup?{urlencode({'system': facts.uri, 'code': facts.code})}"


def _pairs(pairs: Sequence[Companions], linker: Linker) -> tuple[CodeLink, ...]:
    """The codes at the other side of all pairs, each once."""
    codes = dict.fromkeys(code for pair in pairs for code in pair.codes)
    return tuple(CodeLink(code, linker.code(code)) for code in codes)


def _parts(parts: Sequence[IndicationPart]) -> Iterator[PartView]:
    """The parts, those that differ in the indication only as one."""
    grouped: dict[tuple[str, str, str], list[IndicationPart]] = {}
    for part in parts:
        words = ROLES[part.role] + ("" if part.event is None else f" ({part.event})")
        grouped.setdefault((part.role, words, span_of(part)), []).append(part)
    for (role, words, span), same in grouped.items():
        indications = tuple((part.indication, part.label) for part in same)
        cites = tuple(dict.fromkeys(part.cite for part in same))
        yield PartView(role, words, span, indications, cites)


def _lists(members: Sequence[Membership], linker: Linker) -> Iterator[ListView]:
    for member in members:
        remarks = [STRENGTHS[member.strength]] if member.strength in STRENGTHS else []
        remarks += [] if member.modality is None else [f"method: {member.modality}"]
        remarks += [] if member.nyha is None else [f"NYHA class {member.nyha}"]
        remarks += ["also serves pacemakers"] if member.shared else []
        yield ListView(
            ListLink(member.title, linker.value_set(member.value_set)),
            LISTS[member.role],
            member.purpose,
            span_of(member),
            member.in_force,
            member.cite,
            tuple(remarks),
        )


def _similar(codes: Sequence[SimilarCode], linker: Linker) -> Iterator[SimilarGroup]:
    """The similar codes by why they are named."""
    grouped: dict[str, list[SimilarView]] = {}
    for one in codes:
        shown = SimilarView(
            SYSTEM_NAMES.get(one.system, one.system),
            one.code,
            linker.code(one.code, one.system),
            meaning_of(one.system, one.display, one.words, "of the same value set"),
        )
        grouped.setdefault(one.why[:1].upper() + one.why[1:], []).append(shown)
    for why, same in grouped.items():
        yield SimilarGroup(why, tuple(same))
