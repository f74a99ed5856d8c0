"""The ``audit`` commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

audit = typer.Typer(
    help="The same determination over a whole population: past orders, judged and summed up.",
    no_args_is_help=True,
)


@audit.command()
def report(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What audit run wrote.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where to; OUT/report if none."),
    ] = None,
    payment: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="What codes pay, for the money at risk: CSV with code, amount[, from, until].",
        ),
    ] = None,
    suppress_below: Annotated[
        int | None,
        typer.Option(
            min=3,
            max=1000,
            metavar="N",
            help="Hide numbers from 1 to N-1, and write nothing about single patients. "
            "CMS's cell size policy is 11.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a report that is there already.")
    ] = False,
) -> None:
    """Write a page with charts, tables as CSV, and the worklist: what to review, worst first.

    The page is one file that needs nothing from elsewhere. Without --suppress-below it names
    patients.

    Examples:
      defib-coverage audit report out

      defib-coverage audit report out --payment payment.csv --suppress-below 11 -o for-the-board
    """
    from defib_coverage.audit.reporting.report import Wanted  # noqa: PLC0415 - --help stays quick
    from defib_coverage.command.audit_report import report_audit  # noqa: PLC0415

    report_audit(
        Wanted(
            audit=out,
            output=output or out / "report",
            payment=payment,
            suppress_below=suppress_below,
            replace=force,
        )
    )
