"""The facts of a code in sentences, one a fact, by what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defib_coverage.coverage.codes import Strength
    from defib_coverage.explaining.fact_models import (
        ChartUse,
        CodeFacts,
        Companions,
        IndicationPart,
        Membership,
        Status,
    )
    from defib_coverage.explaining.part_words import PartRole

ROLES: Mapping[PartRole, str] = {
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
LISTS: Mapping[str, str] = {
    "coverage": "list of diagnoses of the article",
    "order": "order codes",
    "evidence": "what a chart may show",
}
STRENGTHS: Mapping[Strength, str] = {
    "ask": "raises a question and settles nothing",
    "claim-only": "counts on the claim and says nothing about the patient",
}
_STATUS: Mapping[Status, str] = {
    "in-force": "In force on {day}.",
    "not-yet-in-force": "Not yet in force on {day}.",
    "ended": "No longer in force on {day}.",
    "chart-only": "It stands on no list of the article; records of it are read whatever their day.",
}
UNREAD = "No criterion of the policy names its value sets; their purpose says what they are for."


def notes_of(facts: CodeFacts) -> Iterator[str]:
    """What else is worth knowing: how it is known, remarks of its lists, the owner's notice."""
    if facts.checked_through is not None:
        yield (
            f"No release of {facts.system_name} that was checked (through {facts.checked_through}) "
            f"has {facts.code} as a billable code. What follows is of its family."
        )
    for member in facts.value_sets:
        if member.family is not None:
            yield f"Known as one of a family of codes ({member.family})."
        if member.note is not None:
            yield f"Note: {member.note}."
    if facts.notice is not None:
        yield facts.notice


def days_of(facts: CodeFacts) -> Iterator[str]:
    """On which service days it counts, what came before it and after it."""
    yield _STATUS[facts.status].format(day=facts.day)
    spans = {span_of(m): m for m in facts.value_sets if m.first_day or m.last_day}
    yield from (f"Valid {span}." for span in spans)
    if facts.successors:
        yield f"After that use {', '.join(facts.successors)}."
    if facts.predecessors:
        yield f"Before that it was {', '.join(facts.predecessors)}."


def span_of(dated: Membership | IndicationPart) -> str:
    """The service days of a list or a role; empty where nothing bounds them."""
    first = "" if dated.first_day is None else f"from {dated.first_day}"
    last = "" if dated.last_day is None else f"through {dated.last_day}"
    return f"{first} {last}".strip()


def lists_of(members: Sequence[Membership]) -> Iterator[str]:
    """The value sets that hold it, and what they are for."""
    for member in members:
        text = f"{member.title} ({member.value_set}: {LISTS[member.role]}, {member.cite})"
        if member.role != "order":
            text += f": {member.purpose}"
        extra = [STRENGTHS[member.strength]] if member.strength in STRENGTHS else []
        extra += [] if member.modality is None else [f"method: {member.modality}"]
        yield "; ".join([text, *extra]) + "."


def indications_of(facts: CodeFacts) -> Iterator[str]:
    """What it is for each indication; those of one part share a line."""
    parts = facts.indications
    if facts.order.judged == "diagnosis":
        yield "Any diagnosis of the article supports it; it needs no indication of its own."
    elif not parts:
        yield "It belongs to none."
    grouped: dict[str, list[str]] = {}
    for part in parts:
        span = span_of(part)
        text = ROLES[part.role] + (f", {span}" if span else "")
        text += "" if part.event is None else f" ({part.event})"
        grouped.setdefault(text, []).append(part.indication)
    for text, names in grouped.items():
        labels = {part.indication: part.label for part in parts}
        whose = f"{names[0]} ({labels[names[0]]})" if len(names) == 1 else ", ".join(names)
        yield f"{whose}: {text}"


def claim_of(facts: CodeFacts) -> Iterator[str]:
    """What it is worth on a claim, and what must stand beside it."""
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


def order_of(facts: CodeFacts) -> str:
    """What it does in an order."""
    resource = facts.order.resource
    return facts.order.text + ("" if resource is None else f" It is ordered by a {resource}.")


def chart_of(uses: Sequence[ChartUse]) -> Iterator[str]:
    """What a record of it does in a chart; nothing where no criterion reads it."""
    for use in uses:
        whose = f"{', '.join(use.indications)}: " if use.indications else ""
        behind = [name for name in (use.cite, use.finding) if name is not None]
        yield whose + use.text + (f" ({', '.join(behind)})" if behind else "")
