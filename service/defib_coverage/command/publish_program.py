"""The ``publish`` commands and their options."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from defib_coverage.command.options import read_day

publish = typer.Typer(
    help="The value sets and the policy as FHIR R4, as tables, as a page, on another server.",
    no_args_is_help=True,
)
_Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")
]
_Canonical = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The canonical base; DEFIB_COVERAGE_CANONICAL_BASE if none."),
]
_WithoutCpt = Annotated[
    bool, typer.Option("--without-cpt", help="Leave out the value sets of CPT codes.")
]


@publish.command()
def package(
    *,
    output: _Output,
    on: Annotated[
        date | None,
        typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="A service day; today if none."),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Instead: a revision as R6, or a version as 2022.10.1."),
    ] = None,
    without_cpt: _WithoutCpt = False,
    canonical: _Canonical = None,
) -> None:
    """Write a FHIR package (.tgz) of what is in force for services on a day.

    It holds one version for each url, and its own version is theirs. The same data give the same
    bytes. CPT codes are numbers without descriptors; using them needs a licence.

    Examples:
      defib-coverage publish package -o out

      defib-coverage publish package --revision R3 --without-cpt -o out
    """
    from defib_coverage.command import publishing  # noqa: PLC0415 - --help stays quick

    if on is not None and revision is not None:
        message = "--on and --revision both name a release: give one of them"
        raise typer.BadParameter(message)
    wanted = publishing.Wanted(output, canonical, without_cpt)
    publishing.publish_package(wanted, on, revision)


@publish.command()
def history(
    *, output: _Output, without_cpt: _WithoutCpt = False, canonical: _Canonical = None
) -> None:
    """Write all versions of everything as one transaction Bundle (.json).

    Example: defib-coverage publish history -o out
    """
    from defib_coverage.command import publishing  # noqa: PLC0415 - --help stays quick

    publishing.publish_history(publishing.Wanted(output, canonical, without_cpt))


@publish.command()
def tables(
    *, output: _Output, without_cpt: _WithoutCpt = False, canonical: _Canonical = None
) -> None:
    """Write the codes, value sets, notices and changes as CSV, and as one workbook (.xlsx).

    All versions are in them.

    Example: defib-coverage publish tables -o out
    """
    from defib_coverage.command import publishing  # noqa: PLC0415 - --help stays quick

    publishing.publish_tables(publishing.Wanted(output, canonical, without_cpt))


@publish.command()
def page(
    *, output: _Output, without_cpt: _WithoutCpt = False, canonical: _Canonical = None
) -> None:
    """Write a page of the value sets (index.html): with search, and what changed between days.

    All versions are in it.

    Example: defib-coverage publish page -o out
    """
    from defib_coverage.command import publishing  # noqa: PLC0415 - --help stays quick

    publishing.publish_page(publishing.Wanted(output, canonical, without_cpt))


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
        typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="A service day; today if none."),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Instead: a revision as R6, or a version as 2022.10.1."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Instead: all versions up to today's.")
    ] = False,
    without_cpt: _WithoutCpt = False,
    canonical: _Canonical = None,
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
    from defib_coverage.command.push_source import Choice  # noqa: PLC0415

    asked = publish_push.Push(
        to=to,
        token_name=token_env,
        choice=Choice(on, revision, history),
        canonical=canonical,
        without_cpt=without_cpt,
        types=publish_push.read_types(only),
        transaction=transaction,
        replace=replace,
        dry_run=dry_run,
    )
    raise typer.Exit(publish_push.push(asked))
