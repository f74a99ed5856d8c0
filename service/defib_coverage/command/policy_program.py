"""The ``policy`` commands and their options."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

from defib_coverage.command.options import read_day

policy = typer.Typer(
    help="Check, read and compare the rules, the codes and their formats.",
    no_args_is_help=True,
)


@policy.command()
def check(
    file: Annotated[
        Path | None,
        typer.Argument(help="A draft of a policy or a value set, checked with all the rest."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="DEFIB_COVERAGE_OVERLAY",
            help="The site's own value sets.",
        ),
    ] = None,
) -> None:
    """Load all policies, value sets and wording, and tell every fault.

    Exit code 1 where there are faults: one line each, with file, key, reason and remedy.

    Examples:
      defib-coverage policy check

      defib-coverage policy check policies/ncd-20.4/2027-01-01.toml
    """
    from defib_coverage.command.policy_check import check_policies  # noqa: PLC0415
    from defib_coverage.errors import DataError  # noqa: PLC0415

    try:
        report = check_policies(file, overlay)
    except DataError as error:
        for fault in error.faults:
            typer.echo(str(fault))
        raise typer.Exit(1) from None
    for line in report:
        typer.echo(line)


@policy.command()
def show(
    on: Annotated[
        date | None,
        typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="The day; today if not given."),
    ] = None,
) -> None:
    """Print the policy in force on a day, in plain English, with the codes of that day.

    Example: defib-coverage policy show --on 2022-09-30
    """
    from defib_coverage.command.page import Page  # noqa: PLC0415
    from defib_coverage.command.policy_page import print_policy  # noqa: PLC0415

    print_policy(on, Page())


@policy.command()
def diff(
    before: Annotated[str, typer.Argument(help="A day, or a policy file.")],
    after: Annotated[str, typer.Argument(help="A day, or a policy file.")],
) -> None:
    """Print in sentences what changed between two days or two policy files.

    Examples:
      defib-coverage policy diff 2022-09-30 2022-10-01

      defib-coverage policy diff 2026-11-20 draft.toml
    """
    from defib_coverage.command.page import Page  # noqa: PLC0415
    from defib_coverage.command.policy_diff import print_differences  # noqa: PLC0415

    print_differences(before, after, Page())


@policy.command()
def replay(
    path: Annotated[
        Path,
        typer.Argument(help="Recorded hook requests, the OUT of an audit, or what it audits."),
    ],
    *,
    drafts: Annotated[
        list[Path],
        typer.Option(
            "--with", metavar="FILE", help="Draft of a policy or value set; may be repeated."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The folder for files of the result."),
    ] = None,
    today: Annotated[
        date | None,
        typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="The day to take for today."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Judge past orders by the present rules and with drafts, and tell what differs and why.

    Every order whose status would be another one is told with its reasons; then all is summed up.
    Exit code 0 also where orders differ.

    Examples:
      defib-coverage policy replay calls.ndjson --with draft.toml

      defib-coverage policy replay audit-2026 --with draft.toml --with acute-mi.toml -o replayed
    """
    from defib_coverage.command import policy_replay  # noqa: PLC0415

    sides = policy_replay.open_sides(drafts, today)
    source = policy_replay.source_of(path, drafts)
    policy_replay.print_replay_of(path, source, sides, output, as_json=as_json)


@policy.command()
def codes(
    *,
    code: Annotated[str, typer.Argument(help="A code of any system, in any spelling.")],
    on: Annotated[
        date | None,
        typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="The day; today if not given."),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(help="The code system, such as hcpcs, or its URI; all if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Tell all that is known of a code: meaning, days, indications, companions, similar codes, use.

    Exit code 1 where the code is unknown, or no release of its system has it as a billable code.

    Examples:
      defib-coverage policy codes i5022

      defib-coverage policy codes I47.2 --on 2022-09-30 --json
    """
    from defib_coverage.command.code_page import print_code  # noqa: PLC0415
    from defib_coverage.command.page import Page  # noqa: PLC0415

    if not print_code(code, on, system, Page(), as_json=as_json):
        raise typer.Exit(1)


@policy.command()
def schema(
    kind: Annotated[Literal["policy", "valueset", "cards"], typer.Argument(help="Which format.")],
) -> None:
    """Print the JSON Schema of a data file's format.

    Example: defib-coverage policy schema policy > policies/policy.schema.json
    """
    from defib_coverage.command.schemas import schema_text  # noqa: PLC0415

    sys.stdout.write(schema_text(kind))
