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
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="A new folder.")],
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
            metavar="URL",
            help="The Spark cluster, or local[2]; else that of spark-submit, or all here.",
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


@audit.command()
def fetch(  # noqa: PLR0913 - the options of a command
    base: Annotated[
        str, typer.Argument(metavar="FHIR_BASE", help="The base URL of the FHIR server.")
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to load into.")
    ],
    group: Annotated[
        str | None, typer.Option(metavar="ID", help="The patients of this Group only.")
    ] = None,
    system: Annotated[
        bool, typer.Option("--system", help="The whole server, not by its patients.")
    ] = False,
    types: Annotated[
        str | None,
        typer.Option(
            metavar="TYPES",
            help="Types such as Patient,Condition; all for what the server has. What the audit "
            "reads, if none are given.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Only what changed since 2026-01-01T00:00:00Z."),
    ] = None,
    type_filter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="QUERY", help="_typeFilter, such as Observation?code=...; repeatable."
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The client of SMART Backend Services to call as."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its private key, as client add writes one."),
    ] = None,
    token_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Its token server; asked of the FHIR server if none."),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(help="What to ask for; system/*.read or system/*.rs, as the server has it."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead: a bearer token that something else writes."),
    ] = None,
    token_to: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Another host that gets the token; repeatable."),
    ] = None,
    at_once: Annotated[
        int, typer.Option(min=1, max=8, help="How many files are loaded at a time.")
    ] = 3,
    keep_export: Annotated[
        bool, typer.Option("--keep-export", help="Leave the export on the server at the end.")
    ] = False,
    ignore_counts: Annotated[
        bool,
        typer.Option(
            "--ignore-counts", help="Take files with more or fewer lines than the manifest says."
        ),
    ] = False,
) -> None:
    """Fetch a FHIR Bulk Data export into a folder. The same command again goes on with it.

    Waits until the server is ready, loads the files, checks them, and lets the server forget the
    export. Exit code 1 where the server reports that part of it is missing, 2 where it cannot be
    fetched, 130 where it was interrupted.

    Examples:
      defib-coverage audit fetch https://fhir.example.org/r4 -o export

      defib-coverage audit fetch https://fhir.example.org/r4 --group icd --client-id audit \
--key audit.private.json -o export
    """
    from defib_coverage.command import audit_fetch  # noqa: PLC0415 - --help stays quick

    asked = audit_fetch.Asked(
        base=base,
        output=output,
        group=group,
        system=system,
        types=types,
        since=since,
        filters=tuple(type_filter or ()),
        client_id=client_id,
        key=key,
        token_url=token_url,
        scope=scope,
        token_file=token_file,
        token_to=tuple(token_to or ()),
        at_once=at_once,
        keep_export=keep_export,
        ignore_counts=ignore_counts,
    )
    raise typer.Exit(audit_fetch.fetch(asked))
