"""The ``client`` commands and their options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from defib_coverage.hooks.trust.clients import Algorithm

client = typer.Typer(
    help="Register the CDS clients that may call, and try a registration out.",
    no_args_is_help=True,
)
_File = Annotated[
    Path,
    typer.Option("--file", envvar="DEFIB_COVERAGE_CLIENTS", metavar="FILE", help="Client file."),
]
_Development = Annotated[
    bool,
    typer.Option(
        "--development",
        envvar="DEFIB_COVERAGE_DEVELOPMENT",
        help="Take plain http addresses too.",
    ),
]
_CLIENTS = Path("clients.toml")


@client.command()
def add(  # noqa: PLR0913 - the options of a command
    identity: Annotated[str, typer.Argument(metavar="ID", help="A short name for the client.")],
    *,
    issuer: Annotated[str, typer.Option(help="The iss of its tokens.")],
    fhir_server: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A FHIR base that may be read; may be repeated."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CIDR", help="A private network in which they stand; may be repeated."
        ),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(help="The claim tenant that it must send, where clients share an issuer."),
    ] = None,
    jku: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the client publishes its JWK Set.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A JWK Set file with its public keys.")
    ] = None,
    algorithm: Annotated[
        Algorithm | None,
        typer.Option(help="What it signs with; ES384 or RS384 if not given."),
    ] = None,
    file: _File = _CLIENTS,
    development: _Development = False,
) -> None:
    """Add a client to the client file. Without --jku and --keys, make a key pair for it.

    Examples:
      defib-coverage client add sandbox --issuer https://sandbox.cds-hooks.org --keys sandbox.json

      defib-coverage client add trial --issuer https://trial.example
    """
    from defib_coverage.command.client_add import Entry, add_client  # noqa: PLC0415 - --help stays quick

    entry = Entry(
        id=identity,
        issuer=issuer,
        fhir_servers=tuple(fhir_server or ()),
        networks=tuple(network or ()),
        tenant=tenant,
        jku=jku,
        keys=keys,
        algorithm=algorithm,
    )
    for line in add_client(entry, file, development=development):
        typer.echo(line)


@client.command("list")
def list_clients(file: _File = _CLIENTS, *, development: _Development = False) -> None:
    """Check the client file and print its clients.

    Exit code 1 where there are faults: one line each, with file, key, reason and remedy.
    """
    from defib_coverage.command.client_list import describe  # noqa: PLC0415
    from defib_coverage.errors import DataError  # noqa: PLC0415
    from defib_coverage.hooks.trust.client_file import read_clients  # noqa: PLC0415

    try:
        registrations = read_clients(file, development=development)
    except DataError as error:
        for fault in error.faults:
            typer.echo(str(fault))
        raise typer.Exit(1) from None
    for registration in registrations:
        for line in describe(registration):
            typer.echo(line)


@client.command("test")
def try_client(  # noqa: PLR0913 - the options of a command
    identity: Annotated[str, typer.Argument(metavar="ID", help="A client of the client file.")],
    url: Annotated[
        str, typer.Argument(help="Where the service runs, such as http://127.0.0.1:8000.")
    ],
    *,
    audience: Annotated[
        str | None,
        typer.Option(metavar="BASE", help="The service's public base, where it is not URL."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its private key; ID.private.json by default."),
    ] = None,
    file: _File = _CLIENTS,
    development: _Development = False,
) -> None:
    """Call a running service as a client does: discovery and an order-sign call, both signed.

    The order and the patient are invented. Exit code 1 if a call fails.

    Example: defib-coverage client test trial http://127.0.0.1:8000
    """
    from defib_coverage.command.client_call import Trial, try_out  # noqa: PLC0415 - slow to import
    from defib_coverage.hooks.trust.client_file import read_clients  # noqa: PLC0415
    from defib_coverage.settings import read_settings  # noqa: PLC0415

    ca_bundle = read_settings(os.environ).ca_bundle
    registrations = read_clients(file, development=development)
    key = key or file.parent / f"{identity}.private.json"
    trial = Trial(id=identity, url=url, audience=audience or url, key=key, ca_bundle=ca_bundle)
    done = try_out(trial, registrations)
    for line in done.lines:
        typer.echo(line)
    if not done.good:
        raise typer.Exit(1)
