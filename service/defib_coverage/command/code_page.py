"""``policy codes``: all that is known of a code, for a person or for a program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.command.policy_page import known_today
from defib_coverage.documents.document import InputError
from defib_coverage.explaining.code_facts import system_named, systems_of
from defib_coverage.explaining.code_lookup import CodeLookup, is_code
from defib_coverage.explaining.code_sentences import (
    UNREAD,
    chart_of,
    claim_of,
    days_of,
    indications_of,
    lists_of,
    notes_of,
    order_of,
)
from defib_coverage.families import load_families
from defib_coverage.fhir.systems import SYSTEM_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.command.page import Page
    from defib_coverage.explaining.fact_models import CodeFacts
    from defib_coverage.explaining.near_codes import NearCode
    from defib_coverage.explaining.similar_codes import SimilarCode


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
    lookup = CodeLookup(knowledge, load_families(), on or today)
    answer = lookup.answer(text, system)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
    elif not answer.codes:
        told = _told(answer.near)
        elsewhere = [one.system_name for one in lookup.answer(text).codes if is_code(one)]
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
        for line in notes_of(facts):
            page.line(line, indent=2)
        if not is_code(facts):
            page.line(_told(near), indent=2)
        _section(page, "Since when", days_of(facts))
        _section(page, "Value sets", lists_of(facts.value_sets))
        _section(page, "Indications", indications_of(facts))
        _section(page, "On a claim", claim_of(facts))
        page.heading("Similar codes")
        _print_similar(facts.similar, page)
        page.heading("In an order")
        page.line(order_of(facts), indent=2)
        _section(page, "In a chart", chart_of(facts.chart), UNREAD)


def _section(page: Page, title: str, lines: Iterator[str], otherwise: str = "") -> None:
    page.heading(title)
    for line in list(lines) or [otherwise]:
        # Each is a sentence, but for what begins with a code.
        page.item(line[:1].upper() + line[1:])


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
