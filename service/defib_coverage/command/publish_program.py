"""The ``publish`` commands and their options."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from defib_coverage.command.options import read_day

publish = typer.Typer(
    help="The value sets and the policy as FHIR R4, for other systems.",
    no_args_is_help=True,
)


@publish.command()
def push(  # noqa: PLR0913 - the options of a command
    *,
    to: Annotated[str, typer.Option(metavar="FHIR_BASE", help="The server's base URL.")],
    token_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The environment variable that holds a bearer token."),
    ] = None,
    on: Annotated[
        date | None,
        typer.Option(
            parser=read_day, metavar="YYYY-MM-DD", help="The release of a day; today's if none."
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(metavar="R6", help="The release of a revision of the article instead."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="All releases up to today's instead.")
    ] = False,
    without_cpt: Annotated[
        bool, typer.Option("--without-cpt", help="Leave out the value sets with CPT codes.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(metavar="TYPES", help="Types to push, such as CodeSystem,ValueSet."),
    ] = None,
    transaction: Annotated[
        bool, typer.Option("--transaction", help="Write all or nothing, in one Bundle.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over other content of the same version.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
) -> None:
    """Write a release to a FHIR server, read it back, and ask for a code of each value set.

    Prints first what would be written. A server that holds a higher version, or other content of
    the same version, is left as it is. Exit code 1 where it is, or where what the server holds
    differs; 2 where there is no such server.

    Examples:
      defib-coverage publish push --to https://fhir.example.org/r4 --dry-run

      defib-coverage publish push --to https://fhir.example.org/r4 --token-env FHIR_TOKEN --history
    """
    from defib_coverage.command import publish_push  # noqa: PLC0415 - --help stays quick
    from defib_coverage.command.push_source import Wanted  # noqa: PLC0415

    asked = publish_push.Push(
        to=to,
        token_name=token_env,
        wanted=Wanted(on, revision, history),
        licensed=not without_cpt,
        types=publish_push.read_types(only),
        transaction=transaction,
        replace=replace,
        dry_run=dry_run,
    )
    raise typer.Exit(publish_push.push(asked))
