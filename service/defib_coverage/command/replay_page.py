"""A replay for a terminal: what the drafts change, every flip with its reasons, then the sums."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.command.difference_page import (
    flip_words,
    print_difference,
    print_reasons,
    print_statuses,
)
from defib_coverage.command.options import counted
from defib_coverage.command.recorded_calls import Reject
from defib_coverage.command.replay_results import DIFFERENCES, FLIPS, REJECTS, SUMMARY
from defib_coverage.replaying.replay import Departing

if TYPE_CHECKING:
    from pathlib import Path

    from defib_coverage.command.page import Page
    from defib_coverage.command.replay_results import Replayed
    from defib_coverage.replaying.replay import Where

_MOST_REJECTS = 10
_decode_departing = msgspec.json.Decoder(Departing).decode
_decode_reject = msgspec.json.Decoder(Reject).decode


def print_replay(replayed: Replayed, folder: Path, output: Path | None, page: Page) -> None:
    """Print a replay.

    Args:
        replayed: what it came to.
        folder: where its files stand.
        output: the folder that the user named, None where they go with the command.
        page: where to print.
    """
    names = ", ".join(one.file for one in replayed.drafts)
    page.line(f"{replayed.input} with {names}", style="bold")
    for sentence in replayed.changes or ("The drafts change nothing.",):
        page.item(sentence)
    with (folder / FLIPS).open("rb") as file:
        for line in file:
            _print_flip(_decode_departing(line), page)
    summary = replayed.summary
    page.heading("Summary")
    read = f"{counted(replayed.read, 'call')}, " if replayed.unit == "call" else ""
    page.line(
        f"{read}{counted(summary.orders, 'order')}: "
        f"{counted(summary.flips, 'order')} with another status, {summary.differences} with the "
        f"same for other reasons, {summary.same} without a difference"
    )
    print_statuses(summary.statuses, page)
    print_reasons("Another status, by reason", summary.flips_by_reason, page)
    print_reasons("The same status, by reason", summary.differences_by_reason, page)
    if replayed.rejected:
        _print_rejects(replayed.rejected, folder, page)
    if output is None:
        if summary.differences:
            page.line("-o DIR writes the orders with the same status to a file")
        return
    for name in (FLIPS, DIFFERENCES, REJECTS, SUMMARY):
        page.line(f"{output / name}")


def _print_flip(one: Departing, page: Page) -> None:
    found = one.difference
    words = flip_words(found.status_before, found.status_after)
    code = found.order.code or found.order.class_
    place = f"{_place(one.where)}: {found.order.reference}"
    print_difference(f"{place}, {code} of {found.order.service_date}: {words}", found, page)


def _place(where: Where) -> str:
    return where.file if where.line is None else f"{where.file}:{where.line}"


def _print_rejects(number: int, folder: Path, page: Page) -> None:
    page.heading(f"{counted(number, 'reject')}")
    with (folder / REJECTS).open("rb") as file:
        for line in islice(file, _MOST_REJECTS):
            one = _decode_reject(line)
            place = one.file if one.line is None else f"{one.file}:{one.line}"
            page.item(f"{place}: {one.reason}")
    if number > _MOST_REJECTS:
        page.line(f"{number - _MOST_REJECTS} more: -o DIR writes them to a file", 2)
