"""The ``ledger`` commands and their options."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

from defib_coverage.command.options import counted, read_day

ledger = typer.Typer(
    help="What was decided and what clinicians answered: read, verified, exported, summed up.",
    no_args_is_help=True,
)
_First = Annotated[
    date | None,
    typer.Option("--from", parser=read_day, metavar="YYYY-MM-DD", help="The first UTC day."),
]
_Last = Annotated[
    date | None,
    typer.Option("--to", parser=read_day, metavar="YYYY-MM-DD", help="The last UTC day."),
]


@ledger.command()
def show(  # noqa: PLR0913 - the options of a command
    assertion_id: Annotated[
        str | None, typer.Argument(help="The coverage-assertion-id that an order carries.")
    ] = None,
    *,
    decision: Annotated[
        str | None, typer.Option(metavar="ID", help="A decision's own id instead.")
    ] = None,
    card: Annotated[str | None, typer.Option(metavar="UUID", help="A card's uuid instead.")] = None,
    patient: Annotated[
        str | None, typer.Option(metavar="ID", help="A patient's id instead, as the client has it.")
    ] = None,
    client: Annotated[
        str | None, typer.Option(metavar="ID", help="The client whose patient it is.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many decisions at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="The decisions as JSON.")] = False,
    response: Annotated[
        bool, typer.Option("--response", help="The newest one's answer to its call, if kept.")
    ] = False,
) -> None:
    """Tell what was decided, newest first: why, what was sent, what was answered.

    Exit code 1 where there is no such decision.

    Examples:
      defib-coverage ledger show 0f8c1b5e7d3a4f6e9c2b1a0d8e7f6c5b

      defib-coverage ledger show --card 6f2d3c1e-0b7a-4a4e-9a53-1c5d7e8f9a0b --json
    """
    from defib_coverage.command import ledger_show  # noqa: PLC0415 - --help stays quick

    asked = ledger_show.Asked(assertion_id, decision, card, patient, client)
    if not ledger_show.show(asked, limit, as_json=as_json, response=response):
        raise typer.Exit(1)


@ledger.command()
def verify(
    *,
    link: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="A last link that was noted down: is it still there?"),
    ] = None,
) -> None:
    """Look whether any row was changed, deleted or put in; the service may run meanwhile.

    Exit code 1 where the chain does not hold: one line a breach.

    Example: defib-coverage ledger verify
    """
    from defib_coverage.command.ledger_verify import verify_ledger  # noqa: PLC0415

    if not verify_ledger(link):
        raise typer.Exit(1)


@ledger.command()
def export(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder.")],
    *,
    first: _First = None,
    last: _Last = None,
    form: Annotated[
        Literal["ndjson", "parquet", "fhir"],
        typer.Option("--format", help="fhir: AuditEvent and Provenance of the decisions."),
    ] = "ndjson",
    with_comments: Annotated[
        bool,
        typer.Option("--with-comments", help="Clinicians' comments too, readable: patient data."),
    ] = False,
) -> None:
    """Write decisions and feedback to files, and print how many.

    Files that are there already are left alone. Kept answers to calls are never exported.

    Example: defib-coverage ledger export --from 2026-11-01 --to 2026-11-30 -o november
    """
    from defib_coverage.command import ledger_files  # noqa: PLC0415
    from defib_coverage.command.ledger_open import open_books, read_period  # noqa: PLC0415

    period = read_period(first, last)
    if with_comments and form == "fhir":
        message = "--with-comments: --format fhir has no feedback"
        raise typer.BadParameter(message)
    with open_books() as books:
        written = ledger_files.export(books, period, output, form, with_comments=with_comments)
    for path, number in written.files.items():
        typer.echo(f"{path}: {counted(number, 'row')}")
    if written.expected.purged:
        gone = counted(written.expected.purged, "row")
        typer.echo(f"{gone} of the period kept no longer")


@ledger.command()
def report(
    *,
    first: _First = None,
    last: _Last = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A page with charts, in one file.")
    ] = None,
) -> None:
    """Sum up: how often cards are accepted and overridden, by what and why; statuses over time.

    Counts decisions of the period and the last answer to each of their cards, whenever it came.
    What is ignored is not reported by EHRs, so rates are those of answered cards.

    Example: defib-coverage ledger report --from 2026-11-01 --html november.html
    """
    from defib_coverage.command.ledger_open import read_period  # noqa: PLC0415
    from defib_coverage.command.ledger_report import print_ledger_report  # noqa: PLC0415

    print_ledger_report(read_period(first, last), html)


@ledger.command()
def shadow(
    *,
    first: _First = None,
    last: _Last = None,
    limit: Annotated[int, typer.Option(min=0, help="How many orders to list.")] = 20,
    every: Annotated[
        bool, typer.Option("--all", help="List orders too whose status is the same.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Tell where drafts that were tried with serve --shadow differ from what was decided.

    Counted by draft, then the orders whose status would be another one, newest first, with reasons.

    Example: defib-coverage ledger shadow --from 2026-11-01 --json
    """
    from defib_coverage.command.ledger_open import read_period  # noqa: PLC0415
    from defib_coverage.command.ledger_shadow import print_shadow  # noqa: PLC0415

    print_shadow(read_period(first, last), limit, every=every, as_json=as_json)


@ledger.command()
def purge(
    keep_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=36_500,
            help="How many days to keep; DEFIB_COVERAGE_RETENTION_DAYS if absent.",
        ),
    ] = None,
) -> None:
    """Delete days that are kept no longer; the chain still verifies. There is no way back.

    Example: defib-coverage ledger purge --keep-days 3650
    """
    from defib_coverage.command.ledger_purge import purge_ledger  # noqa: PLC0415

    for line in purge_ledger(keep_days):
        sys.stdout.write(f"{line}\n")
