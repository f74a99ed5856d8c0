"""A decision of the ledger as a page: what was decided, sent and answered, and its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from defib_coverage.command.page import plain
from defib_coverage.command.verdict_page import print_determination
from defib_coverage.content import load
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.command.page import Page
    from defib_coverage.ledger.reading import Answer, Decided, Place

_NONE = "none"


def print_decisions(found: Sequence[Decided], page: Page) -> None:
    """Print decisions as they are given."""
    knowledge = load(read_settings(os.environ).overlay_folder).knowledge()
    for number, one in enumerate(found):
        if number:
            page.heading("-" * page.width)
        _print_columns(one, page)
        _print_cards(one, page)
        page.heading("Chain")
        page.show(_place(one.place))
        page.heading("Determination")
        if one.determination is None:
            page.line("was not kept (DEFIB_COVERAGE_LEDGER_CONTENT=columns)", indent=2)
            continue
        if one.data_digest != knowledge.digest:
            page.line(
                "Decided by other data files than are here now; dates and reasons are those of "
                "then, the words of the timeline those of now.",
                indent=2,
            )
        print_determination(one.determination, knowledge, page)


def _print_columns(one: Decided, page: Page) -> None:
    page.show(Text(f"Decision {one.id}", style="bold"))
    rows = (
        ("decided", f"{one.time}, in {one.milliseconds:g} ms"),
        ("asked by", one.client or "a client without a token"),
        ("service", f"{one.service}, hook instance {one.hook_instance}"),
        ("order", f"{one.order_code or 'no code'}, {one.order_class}, for {one.service_date}"),
        ("patient", f"{one.patient} (keyed digest)"),
        ("status", one.status),
        ("indications", ", ".join(one.indications) or _NONE),
        ("findings", ", ".join(one.findings) or _NONE),
        ("assertion id", one.assertion_id or _NONE),
        ("policy", one.policy or "none in force"),
        ("data digest", one.data_digest),
    )
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(f"  {name}", Text(plain(value)))
    if one.has_response:
        table.add_row("  answer", "kept: --response prints it")
    page.show(table)


def _print_cards(one: Decided, page: Page) -> None:
    page.heading("Cards")
    if not one.cards:
        page.line("none was sent", indent=2)
    for card in one.cards:
        offered = f", {len(card.suggestions)} suggestions" if card.suggestions else ""
        page.item(f"{card.kind} {card.id}{offered}")
        for answer in card.answers:
            page.line(_answered(answer), indent=6)
        if not card.answers:
            page.line("no answer", indent=6)


def _answered(answer: Answer) -> str:
    parts = [f"{answer.outcome} {answer.outcome_time or answer.time}"]
    if answer.client is not None:
        parts.append(f"by {answer.client}")
    if answer.suggestions:
        parts.append(f"with suggestion {', '.join(answer.suggestions)}")
    if answer.reason_code is not None:
        parts.append(f"reason {answer.reason_code} ({answer.reason_system or 'no system'})")
    if answer.has_comment:
        parts.append("with a comment, which stays encrypted")
    return ", ".join(parts)


def _place(place: Place) -> Text:
    text = Text(f"  row {place.position} of {place.length} on {place.day}: ")
    if place.holds:
        return text.append("its link holds", style="green")
    text.append("ITS LINK DOES NOT HOLD", style="bold red")
    return text.append("; run defib-coverage ledger verify")
