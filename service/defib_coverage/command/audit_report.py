"""``audit report``: the page, the tables and the worklist of an audit, and what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import track

from defib_coverage.audit.reporting.report import write_report
from defib_coverage.command.options import counted
from defib_coverage.content import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.audit.reporting.report import Wanted
    from defib_coverage.audit.reporting.rows import Row


def report_audit(wanted: Wanted) -> None:
    """Write the report of an audit, and print its files.

    Raises:
        InputError: audit or payment table cannot be used, or the report cannot be written.
        DataError: the data cannot be used.
    """
    wording = load().wording
    shorts = {code: one.short for code, one in wording.findings.items()}
    written = write_report(wanted, shorts, _watched)
    for path in written.files:
        typer.echo(str(path))
    if written.entries is None:
        typer.echo(f"  numbers from 1 to {(wanted.suppress_below or 1) - 1} are hidden")
    else:
        typer.echo(f"  {counted(written.entries, 'event')} to review")


def _watched(rows: Iterable[Row], number: int) -> Iterable[Row]:
    """The rows, with a bar of how many are read, for a person who waits at a terminal."""
    console = Console(stderr=True)
    waits = console.is_terminal
    return track(rows, "Reading", number, console=console, transient=True, disable=not waits)
