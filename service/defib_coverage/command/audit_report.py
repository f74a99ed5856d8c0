"""``audit report``: the page, the tables and the worklist of an audit, and what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from defib_coverage.audit.reporting.report import write_report
from defib_coverage.command.options import counted
from defib_coverage.content import load

if TYPE_CHECKING:
    from defib_coverage.audit.reporting.report import Wanted


def report_audit(wanted: Wanted) -> None:
    """Write the report of an audit, and print its files.

    Raises:
        InputError: audit or payment table cannot be used, or the report cannot be written.
        DataError: the data cannot be used.
    """
    wording = load().wording
    written = write_report(wanted, {code: one.short for code, one in wording.findings.items()})
    for path in written.files:
        typer.echo(str(path))
    if written.entries is None:
        typer.echo(f"  numbers from 1 to {(wanted.suppress_below or 1) - 1} are hidden")
    else:
        typer.echo(f"  {counted(written.entries, 'event')} to review")
