"""``ledger shadow``: where drafts that were tried on calls depart from what was decided."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.command.difference_page import (
    flip_words,
    print_difference,
    print_reasons,
    print_statuses,
)
from defib_coverage.command.ledger_open import open_books
from defib_coverage.command.options import counted
from defib_coverage.command.page import Page
from defib_coverage.ledger.departures import DepartureRow, DraftSum, decided_in, newest, sums

if TYPE_CHECKING:
    from defib_coverage.ledger.report import Period

_SHORT = 12


class Told(msgspec.Struct, frozen=True):
    """What is printed for programs.

    ``decisions`` counts those of the period, whether a draft was tried on them or not; of
    ``departures`` it has the newest.
    """

    decisions: int
    drafts: list[DraftSum]
    departures: list[DepartureRow]


def print_shadow(period: Period, limit: int, *, every: bool, as_json: bool) -> None:
    """Print what drafts would have told otherwise.

    Args:
        period: the days of the calls.
        limit: how many orders are listed.
        every: whether those are listed too whose status is the same.
        as_json: for programs.

    Raises:
        SettingsError: there is no ledger, or it cannot be used.
        InputError: it holds what cannot be read.
    """
    with open_books() as books:
        connection = books.connection
        told = Told(
            decided_in(connection, period),
            sums(connection, period),
            newest(connection, period, limit, flips_only=not every),
        )
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
        return
    _print(told, Page(), every=every)


def _print(told: Told, page: Page, *, every: bool) -> None:
    if not told.drafts:
        page.line(
            f"No draft departs from any of the {counted(told.decisions, 'decision')} of the period."
        )
        return
    for draft in told.drafts:
        page.heading(f"Draft {draft.draft_digest[:_SHORT]} beside {draft.data_digest[:_SHORT]}")
        page.line(
            f"{counted(draft.flips, 'order')} with another status, {draft.differences} with the "
            f"same for other reasons, from {draft.first[:10]} to {draft.last[:10]}; "
            f"{counted(told.decisions, 'decision')} in the period"
        )
        if draft.unread:
            page.line(
                f"{counted(draft.unread, 'order')} for which the draft would have looked up more "
                "than the call did"
            )
        print_statuses(draft.statuses, page)
        print_reasons("Another status, by reason", draft.flips_by_reason, page)
        print_reasons("The same status, by reason", draft.differences_by_reason, page)
    for row in told.departures:
        print_difference(_title(row), row.difference, page)
        if row.difference is None:
            for reason in row.reasons:
                page.item(reason)
        page.line(f"decision {row.decision or '-'}", 2)
    there = sum(draft.flips + (draft.differences if every else 0) for draft in told.drafts)
    if there > len(told.departures):
        page.line("")
        page.line(f"{counted(there - len(told.departures), 'order')} more: --limit shows them")


def _title(row: DepartureRow) -> str:
    code = row.order_code or row.order_class
    words = flip_words(row.status_before, row.status_after)
    return f"{row.time[:16]}Z {code} of {row.service_date}: {words}"
