"""``ledger show``: the decisions that somebody asks about."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import typer

from defib_coverage.command.ledger_open import open_books
from defib_coverage.command.options import counted
from defib_coverage.documents.document import InputError
from defib_coverage.ledger import reading

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from defib_coverage.command.ledger_open import Books
    from defib_coverage.ledger.reading import Decided


class Asked(NamedTuple):
    """Which decisions somebody asks about: one of these, but for ``client``."""

    assertion_id: str | None = None
    decision: str | None = None
    card: str | None = None
    patient: str | None = None
    client: str | None = None


def show(asked: Asked, limit: int, *, as_json: bool, response: bool) -> bool:
    """Print decisions; whether there are any.

    Raises:
        InputError: nothing is asked about, or several things.
        SettingsError: there is no ledger, or it cannot be used.
    """
    given = [one for one in asked[:4] if one is not None]
    if len(given) != 1:
        message = "name one of ASSERTION_ID, --decision, --card and --patient"
        raise InputError(message)
    if asked.client is not None and asked.patient is None:
        message = "--client: goes with --patient"
        raise InputError(message)
    with open_books() as books:
        # One more than is shown tells whether there are more.
        found = reading.decided(
            books.connection, books.secrets.chain, _where(asked, books), limit + 1
        )
        if not found:
            typer.echo("There is no such decision in the ledger", err=True)
            return False
        if response:
            _print_response(books, found[0])
            return True
    shown = found[:limit]
    if as_json:
        # Bytes, so that the text is UTF-8 whatever the terminal is.
        text = msgspec.json.format(msgspec.json.encode(shown), indent=2)
        sys.stdout.buffer.write(text + b"\n")
    else:
        from defib_coverage.command.ledger_page import print_decisions  # noqa: PLC0415
        from defib_coverage.command.page import Page  # noqa: PLC0415

        print_decisions(shown, Page())
    if len(found) > limit:
        typer.echo(
            f"There are more than {counted(limit, 'decision')}: --limit shows them", err=True
        )
    return True


def _where(asked: Asked, books: Books) -> ColumnElement[bool]:
    if asked.assertion_id is not None:
        return reading.by_assertion(asked.assertion_id)
    if asked.decision is not None:
        return reading.by_decision(asked.decision)
    if asked.card is not None:
        return reading.by_card(asked.card)
    return reading.by_patient(books.secrets, asked.client, asked.patient or "")


def _print_response(books: Books, newest: Decided) -> None:
    """Print the kept answer to a call.

    Raises:
        InputError: none was kept.
    """
    found = reading.response_of(books.connection, books.secrets, newest)
    if found is None:
        message = "--response: was not kept (DEFIB_COVERAGE_LEDGER_CONTENT is not response)"
        raise InputError(message)
    sys.stdout.buffer.write(msgspec.json.format(found, indent=2) + b"\n")
