"""``policy codes``: all that is known of a code, for a person or for a program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.command.code_search import CodeSearch, is_code
from defib_coverage.command.documents import InputError
from defib_coverage.command.policy_page import known_today
from defib_coverage.explaining.code_facts import system_named, systems_of
from defib_coverage.families import load_families
from defib_coverage.fhir.systems import SYSTEM_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from defib_coverage.command.page import Page
    from defib_coverage.coverage.codes import Strength
    from defib_coverage.explaining.fact_models import (
        ChartUse,
        CodeFacts,
        Companions,
        IndicationPart,
        Membership,
        Status,
    )
    from defib_coverage.explaining.near_codes import NearCode
    from defib_coverage.explaining.part_words import PartRole
    from defib_coverage.explaining.similar_codes import SimilarCode

_ROLES: Mapping[PartRole, str] = {
    "primary": "claim diagnosis",
    "required-secondary": "companion that a claim must carry",
    "order": "order code",
    "evidence": "evidence in a chart",
    "near-miss": "near miss: does not count",
    "window-event": "event of a waiting period",
    "bars": "decides against it",
    "question": "raises a question",
    "hint": "a hint, no proof",
    "clears": "undoes evidence",
}
_LISTS: Mapping[str, str] = {
    "coverage": "list of diagnoses of the article",
    "order": "order codes",
    "evidence": "what a chart may show",
}
_STRENGTHS: Mapping[Strength, str] = {
    "ask": "raises a question and settles nothing",
    "claim-only": "counts on the claim and says nothing about the patient",
}
_STATUS: Mapping[Status, str] = {
    "in-force": "In force on {day}.",
    "not-yet-in-force": "Not yet in force on {day}.",
    "ended": "No longer in force on {day}.",
    "chart-only": "It stands on no list of the article; records of it are read whatever their day.",
}
_UNREAD = "No criterion of the policy names its value sets; their purpose says what they are for."


def print_code(
    text: str, on: date | None, system: str | None, page: Page, *, as_json: bool = False
) -> bool:
    """Print what is known of a code; whether there is such a code.

    Args:
        text: the code, in any spelling.
        on: the day as of which it is told; today if None.
        system: the code system, by short name, name or URI; all if None.
        page: where to print.
        as_json: print the facts for a program.

    Raises:
        InputError: no value set uses the system.
    """
    knowledge, today = known_today()
    if system is not None and system_named(system, knowledge.index) is None:
        known = ", ".join(systems_of(knowledge.index))
        message = f"--system {system}: no value set uses it; known are {known}, and their URIs"
        raise InputError(message)
    search = CodeSearch(knowledge, load_families(), on or today)
    answer = search.answer(text, system)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
    elif not answer.codes:
        told = _told(answer.near)
        elsewhere = [one.system_name for one in search.answer(text).codes if is_code(one)]
        if elsewhere:
            told = f"It is a code of {', '.join(elsewhere)}."
        of_system = "" if system is None else f" as a code of {system}"
        page.line(f"{text}: is in no value set{of_system}. {told}")
    else:
        if answer.modifiers:
            left_out = " and ".join(answer.modifiers)
            page.line(
                f"The lists hold codes without modifiers: what follows leaves out {left_out}."
            )
            page.line("")
        _print_all(answer.codes, answer.near, page)
    return any(map(is_code, answer.codes))


def _told(near: Sequence[NearCode]) -> str:
    return f"Near: {'; '.join(map(str, near))}." if near else "No known code is near."


def _print_all(found: Sequence[CodeFacts], near: Sequence[NearCode], page: Page) -> None:
    for number, facts in enumerate(found):
        if number:
            page.line("")
        page.line(f"{facts.system_name} {facts.code}", style="bold")
        page.line(facts.display or f"{facts.words} (in our own words)", indent=2)
        for line in _notes(facts, near):
            page.line(line, indent=2)
        _section(page, "Since when", _days(facts))
        _section(page, "Value sets", _value_sets(facts.value_sets))
        _section(page, "Indications", _indications(facts))
        _section(page, "On a claim", _claim(facts))
        page.heading("Similar codes")
        _print_similar(facts.similar, page)
        page.heading("In an order")
        page.line(_order(facts), indent=2)
        _section(page, "In a chart", _chart(facts.chart), _UNREAD)


def _section(page: Page, title: str, lines: Iterator[str], otherwise: str = "") -> None:
    page.heading(title)
    for line in list(lines) or [otherwise]:
        # Each is a sentence, but for what begins with a code.
        page.item(line[:1].upper() + line[1:])


def _notes(facts: CodeFacts, near: Sequence[NearCode]) -> Iterator[str]:
    if facts.checked_through is not None:
        yield (
            f"No release of {facts.system_name} that was checked (through {facts.checked_through}) "
            f"has {facts.code} as a billable code. {_told(near)} What follows is of its family."
        )
    for member in facts.value_sets:
        if member.family is not None:
            yield f"Known as one of a family of codes ({member.family})."
        if member.note is not None:
            yield f"Note: {member.note}."
    if facts.notice is not None:
        yield facts.notice


def _days(facts: CodeFacts) -> Iterator[str]:
    yield _STATUS[facts.status].format(day=facts.day)
    spans = {_span(m): m for m in facts.value_sets if m.first_day or m.last_day}
    yield from (f"Valid {span}." for span in spans)
    if facts.successors:
        yield f"After that use {', '.join(facts.successors)}."
    if facts.predecessors:
        yield f"Before that it was {', '.join(facts.predecessors)}."


def _span(dated: Membership | IndicationPart) -> str:
    first = "" if dated.first_day is None else f"from {dated.first_day}"
    last = "" if dated.last_day is None else f"through {dated.last_day}"
    return f"{first} {last}".strip()


def _value_sets(members: Sequence[Membership]) -> Iterator[str]:
    for member in members:
        text = f"{member.title} ({member.value_set}: {_LISTS[member.role]}, {member.cite})"
        if member.role != "order":
            text += f": {member.purpose}"
        extra = [_STRENGTHS[member.strength]] if member.strength in _STRENGTHS else []
        extra += [] if member.modality is None else [f"method: {member.modality}"]
        yield "; ".join([text, *extra]) + "."


def _indications(facts: CodeFacts) -> Iterator[str]:
    """The parts, those that differ in the indication only in one line."""
    parts = facts.indications
    if facts.order.judged == "diagnosis":
        yield "Any diagnosis of the article supports it; it needs no indication of its own."
    elif not parts:
        yield "It belongs to none."
    grouped: dict[str, list[str]] = {}
    for part in parts:
        span = _span(part)
        text = _ROLES[part.role] + (f", {span}" if span else "")
        text += "" if part.event is None else f" ({part.event})"
        grouped.setdefault(text, []).append(part.indication)
    for text, names in grouped.items():
        labels = {part.indication: part.label for part in parts}
        whose = f"{names[0]} ({labels[names[0]]})" if len(names) == 1 else ", ".join(names)
        yield f"{whose}: {text}"


def _claim(facts: CodeFacts) -> Iterator[str]:
    yield facts.claim
    yield from _pairs(facts.companions, f"{facts.code} must go with one of {{codes}}")
    yield from _pairs(facts.companion_of, "it is a companion of {codes}")
    if facts.suggests:
        yield f"What it documents is said by {', '.join(facts.suggests)}"
    if facts.tip is not None:
        yield facts.tip


def _pairs(pairs: Sequence[Companions], text: str) -> Iterator[str]:
    for pair in pairs:
        codes = ", ".join(pair.codes)
        line = f"{pair.indication}: {text.format(codes=codes)} ({pair.cite})"
        if len(pair.codes) == 1:
            line = line.replace("one of ", "")
        if pair.notice_until is not None:
            line += f"; through {pair.notice_until} contractors only gave notice"
        yield line


def _print_similar(codes: Sequence[SimilarCode], page: Page) -> None:
    """The codes, grouped by why they are named."""
    for why in dict.fromkeys(one.why for one in codes):
        page.item(f"{why[:1].upper()}{why[1:]}:")
        for one in codes:
            if one.why == why:
                name = SYSTEM_NAMES.get(one.system, one.system)
                page.item(f"{name} {one.code} {one.display or one.words}", indent=4)
    if not codes:
        page.item("None is known.")


def _order(facts: CodeFacts) -> str:
    resource = facts.order.resource
    return facts.order.text + ("" if resource is None else f" It is ordered by a {resource}.")


def _chart(uses: Sequence[ChartUse]) -> Iterator[str]:
    for use in uses:
        whose = f"{', '.join(use.indications)}: " if use.indications else ""
        behind = [name for name in (use.cite, use.finding) if name is not None]
        yield whose + use.text + (f" ({', '.join(behind)})" if behind else "")
