"""The commands and their options; what each does is in the module that it imports."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from defib_coverage import __version__
from defib_coverage.command.audit_program import audit
from defib_coverage.command.client_program import client
from defib_coverage.command.db_program import db
from defib_coverage.command.ledger_program import ledger
from defib_coverage.command.options import counted, read_day
from defib_coverage.command.policy_program import policy
from defib_coverage.command.publish_program import publish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.command.evaluate import Answered

program = typer.Typer(
    name="defib-coverage",
    help="Coverage of implantable defibrillators under Medicare NCD 20.4.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local values would print the chart.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
program.add_typer(policy, name="policy")
program.add_typer(client, name="client")
program.add_typer(ledger, name="ledger")
program.add_typer(audit, name="audit")
program.add_typer(db, name="db")
program.add_typer(publish, name="publish")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the shape of a typer callback
    if wanted:
        typer.echo(f"defib-coverage {__version__}")
        raise typer.Exit


@program.callback()
def _program(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


@program.command()
def serve(  # noqa: PLR0913 - the options of a command
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of processes.")] = 1,
    tls_certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate with its chain: serve https.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's private key.")
    ] = None,
    shadow: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Draft of a policy or value set to try on every call; may be repeated.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of settings, TOML.")
    ] = None,
) -> None:
    """Run the CDS Hooks service.

    With DEFIB_COVERAGE_CLIENTS only registered clients are answered; without it whoever calls.
    --shadow changes no answer: defib-coverage ledger shadow tells what a draft would change.
    Settings come from the environment and a file; defib-coverage settings tells them all.

    Example: defib-coverage serve --port 8080 --workers 2
    """
    from defib_coverage.command import serving  # noqa: PLC0415 - the web server is slow to import

    _use(config)
    _try(shadow or [])

    tls = None
    if tls_certificate is not None and tls_key is not None:
        tls = serving.Certificate(tls_certificate, tls_key)
    elif tls_certificate is not None or tls_key is not None:
        message = "--tls-certificate and --tls-key go together"
        raise typer.BadParameter(message)
    serving.serve(host, port, workers, tls)


@program.command()
def settings(
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of settings, TOML.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The settings as JSON.")] = False,
) -> None:
    """Print every setting: its value, where that came from, and what it means.

    Secrets are hidden. Exit code 2 where a setting cannot be used.

    Example: defib-coverage settings --config settings.toml
    """
    import msgspec  # noqa: PLC0415 - --help stays quick

    from defib_coverage.command.page import Page  # noqa: PLC0415
    from defib_coverage.command.settings_page import print_rows, rows, shadow_digest  # noqa: PLC0415

    _use(config)
    found = rows(os.environ)
    digest = shadow_digest(os.environ)
    if as_json:
        told = {"settings": found} | ({} if digest is None else {"shadowDigest": digest})
        text = msgspec.json.format(msgspec.json.encode(told), indent=2)
        sys.stdout.buffer.write(text + b"\n")
    else:
        print_rows(found, digest, Page())


def _use(config: Path | None) -> None:
    """Let this process and its workers read a file of settings."""
    if config is not None:
        os.environ["DEFIB_COVERAGE_CONFIG"] = str(config)


def _try(drafts: Sequence[Path]) -> None:
    """Let this process and its workers try drafts on every call."""
    divided = [str(path) for path in drafts if os.pathsep in str(path)]
    if divided:
        message = f"--shadow: {divided[0]}: a name with {os.pathsep!r} stands in a settings file"
        raise typer.BadParameter(message)
    if drafts:
        os.environ["DEFIB_COVERAGE_SHADOW"] = os.pathsep.join(map(str, drafts))


@program.command()
def evaluate(  # noqa: PLR0913 - the options of a command
    file: Annotated[
        str, typer.Argument(help="Hook request or Bundle, .json or .json.gz; - is stdin.")
    ],
    *,
    order: Annotated[
        list[str] | None,
        typer.Option(help="Order code to judge in a Bundle; may be repeated."),
    ] = None,
    order_system: Annotated[
        Literal["cpt", "hcpcs", "icd10pcs", "snomed"] | None,
        typer.Option(help="Code system of --order; found by the code where not given."),
    ] = None,
    service_date: Annotated[
        date | None,
        typer.Option(
            "--date",
            parser=read_day,
            metavar="YYYY-MM-DD",
            help="Service date of --order; today if not given.",
        ),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Whose chart, where a Bundle holds several."),
    ] = None,
    today: Annotated[
        date | None,
        typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="The day to take for today."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="What POST /determinations returns.")
    ] = False,
    cards: Annotated[
        bool, typer.Option("--cards", help="The answer that the EHR would get, as JSON.")
    ] = False,
) -> None:
    """Judge the defibrillator orders of a hook request, or of a patient's Bundle.

    A Bundle is taken as the whole chart; its own draft and active orders are judged, or --order.

    Examples:
      defib-coverage evaluate docs/samples/order-sign-waiting-period.json

      defib-coverage evaluate patient.json.gz --order 33249 --date 2026-11-20
    """
    from defib_coverage.command.evaluate import Question  # noqa: PLC0415 - --help stays quick
    from defib_coverage.command.evaluate import evaluate as judge  # noqa: PLC0415

    question = Question(
        path=file,
        orders=tuple(order or ()),
        order_system=order_system,
        service_date=service_date,
        patient=patient,
        today=today,
    )
    answered = judge(question)
    if as_json or cards:
        _print_json(answered, cards=cards)
        return
    from defib_coverage.command.page import Page  # noqa: PLC0415
    from defib_coverage.command.verdict_page import print_determination  # noqa: PLC0415

    page = Page()
    for number, determination in enumerate(answered.evaluation.determinations):
        if number:
            page.heading("")
        print_determination(determination, answered.knowledge, page)


def _print_json(answered: Answered, *, cards: bool) -> None:
    """What the service would answer, byte for byte but for white space."""
    import msgspec  # noqa: PLC0415

    from defib_coverage.command.evaluate import hook_response  # noqa: PLC0415

    answer: object = {"determinations": answered.evaluation.determinations}
    if cards:
        answer = hook_response(answered)
    # Bytes, so that the text is UTF-8 whatever the terminal is.
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")


@program.command()
def validate(
    file: Annotated[str, typer.Argument(help="Resource, Bundle or hook request; - is stdin.")],
) -> None:
    """Tell what is wrong with a FHIR R4 resource, a Bundle or a hook request.

    Prints one line a problem, its place first; never what the patient's record says. Exit code 1
    where there are problems.

    Example: defib-coverage validate request.json
    """
    from defib_coverage.command.validate import validate as check  # noqa: PLC0415 - models load slowly

    problems, count = check(file)
    for problem in problems:
        typer.echo(f"{problem.place}: {problem.text}")
    resources = counted(count, "resource")
    if problems:
        typer.echo(f"{counted(len(problems), 'problem')} in {resources}")
        raise typer.Exit(1)
    typer.echo(f"OK: {resources} checked against FHIR R4, no problem")


@program.command()
def selftest(  # noqa: PLR0913 - the options of a command
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the service answers.")],
    *,
    client: Annotated[
        str | None, typer.Option(metavar="ID", help="The registered client to call as.")
    ] = None,
    file: Annotated[
        str,
        typer.Option(
            envvar="DEFIB_COVERAGE_CLIENTS", metavar="FILE", help="The client file that names it."
        ),
    ] = "clients.toml",
    audience: Annotated[
        str | None,
        typer.Option(metavar="BASE", help="The base URL that tokens are made out to; URL if none."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Its private key; ID.private.json beside the file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The results as JSON.")] = False,
) -> None:
    """Try a running service out, as good, awkward and hostile clients would.

    Sends invented patients only, and takes about half a minute. Exit code 1 where something failed,
    2 where the service could not be reached or wanted a client that was not named.

    Examples:
      defib-coverage selftest http://127.0.0.1:8000

      defib-coverage selftest https://cds.example.org --client ehr --file clients.toml
    """
    from defib_coverage.command.selftest import Target  # noqa: PLC0415 - --help stays quick
    from defib_coverage.command.selftest import selftest as attempt  # noqa: PLC0415

    text, code = attempt(Target(url, client, file, audience, key), as_json=as_json)
    if text:
        typer.echo(text)
    raise typer.Exit(code)
