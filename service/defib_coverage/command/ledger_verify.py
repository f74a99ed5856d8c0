"""``ledger verify``: every day of the chain, its rows, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from sqlalchemy import func, select

from defib_coverage.command.ledger_open import open_books
from defib_coverage.command.options import counted
from defib_coverage.command.page import plain
from defib_coverage.database.tables import DAY
from defib_coverage.documents.document import InputError
from defib_coverage.ledger.chain import START
from defib_coverage.ledger.verify import holds_link, verify

if TYPE_CHECKING:
    from defib_coverage.ledger.verify import DayState

# Of one day: who has changed thousands of rows is found by the first few.
_MOST_BREACHES = 20


def verify_ledger(noted: str | None) -> bool:
    """Print what is wrong with the chain; whether it holds.

    Args:
        noted: a link that must be there, in hexadecimal digits.

    Raises:
        InputError: what was noted is no link.
        SettingsError: there is no ledger, or it cannot be used.
    """
    link = None if noted is None else _read_link(noted)
    days = rows = purged = breaches = 0
    last: DayState | None = None
    with open_books() as (connection, secrets), _progress() as progress:
        total = connection.execute(select(func.sum(DAY.c.length)).where(DAY.c.purged.is_(None)))
        task = progress.add_task("rows", total=int(total.scalar() or 0))
        for state in verify(connection, secrets.chain, lambda n: progress.advance(task, n)):
            if state.head:
                days += 1
                purged += state.purged is not None
                rows += 0 if state.purged is not None else state.length
                last = state
            breaches += len(state.breaches)
            _print_breaches(state)
        if link is not None and not holds_link(connection, link):
            breaches += 1
            typer.echo("the link that was noted down is gone: this is an older state of the ledger")
    gone = f", {purged} of them purged" if purged else ""
    typer.echo(f"{counted(days, 'day')}{gone}, {counted(rows, 'row')}")
    if last is not None:
        typer.echo(f"the chain ends with row {last.length} of {last.day}, link {last.head}")
    if breaches:
        typer.echo(f"{counted(breaches, 'breach', 'breaches')}: the chain does not hold")
        return False
    typer.echo("OK: no row was changed, deleted or put in")
    return True


def _read_link(noted: str) -> bytes:
    try:
        link = bytes.fromhex(noted)
    except ValueError:
        link = b""
    if len(link) != len(START):
        message = f"--link: must be {2 * len(START)} hexadecimal digits, as verify prints them"
        raise InputError(message)
    return link


def _print_breaches(state: DayState) -> None:
    for breach in state.breaches[:_MOST_BREACHES]:
        place = "" if breach.position is None else f", row {breach.position}"
        typer.echo(plain(f"{breach.day or 'no day'}{place}: {breach.what}"))
    more = len(state.breaches) - _MOST_BREACHES
    if more > 0:
        typer.echo(plain(f"{state.day}: {counted(more, 'further breach', 'further breaches')}"))


def _progress() -> Progress:
    """On the terminal only; a file or a pipe gets the result alone."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
