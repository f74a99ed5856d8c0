"""The ``audit`` commands and their options."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

from defib_coverage.command.options import read_day

audit = typer.Typer(
    help="The same determination over years of orders: from files to files.",
    no_args_is_help=True,
)


@audit.command()
def run(  # noqa: PLR0913 - the options of a command
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...", help="Folders, files or patterns such as 'export/*.ndjson.gz'."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="A new folder.")],
    hindsight: Annotated[
        bool, typer.Option("--hindsight", help="Count facts recorded after an order's day too.")
    ] = False,
    today: Annotated[
        date | None,
        typer.Option(
            parser=read_day,
            metavar="YYYY-MM-DD",
            help="The day of the export: the service date of an order without any date.",
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, help="How many on this machine; one a processor if not given."
        ),
    ] = None,
    engine: Annotated[
        Literal["embedded", "spark"],
        typer.Option(help="On this machine, or on a Spark cluster (defib-coverage[spark])."),
    ] = "embedded",
    master: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The Spark cluster, or local[2]; that of spark-submit if not given."
        ),
    ] = None,
) -> None:
    """Judge every past defibrillator order, each on its own day by what was known then.

    INPUT is a FHIR Bulk Data export, patient Bundles or hook requests, one a line, compressed or
    not. OUT gets determinations.ndjson and .parquet, rejects.ndjson and manifest.json. A run that
    was broken off goes on when the same command is given again.

    Examples:
      defib-coverage audit run export -o audit-2026

      defib-coverage audit run export -o audit-2026 --engine spark --master spark://host:7077
    """
    from defib_coverage.command.audit_run import Wishes, run_audit  # noqa: PLC0415

    if engine == "embedded" and master is not None:
        message = "--master goes with --engine spark"
        raise typer.BadParameter(message)
    if engine == "spark" and processes is not None:
        message = "--processes goes with the embedded engine; the master says how many Spark uses"
        raise typer.BadParameter(message)
    wishes = Wishes(
        sources=tuple(sources),
        out=out,
        today=today,
        hindsight=hindsight,
        processes=processes,
        engine=engine,
        master=master,
    )
    run_audit(wishes)
