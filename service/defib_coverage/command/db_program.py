"""The ``db`` commands and their options."""

from __future__ import annotations

import os

import typer

db = typer.Typer(
    help="The tables of the database, which the ledger and several workers share.",
    no_args_is_help=True,
)


@db.callback()
def _db() -> None:
    pass


@db.command()
def upgrade() -> None:
    """Bring the database's tables to what this version works with: all steps, or none.

    The database is DEFIB_COVERAGE_DATABASE, else a file in DEFIB_COVERAGE_STATE. Stop the service
    and copy the database before.

    Example: DEFIB_COVERAGE_DATABASE=sqlite:////var/lib/defib/ledger.db defib-coverage db upgrade
    """
    from defib_coverage.database.upgrade import upgrade as run  # noqa: PLC0415 - --help stays quick
    from defib_coverage.keeping import database_of  # noqa: PLC0415
    from defib_coverage.settings import read_settings  # noqa: PLC0415

    url = database_of(read_settings(os.environ))
    before, now = run(url)
    typer.echo(f"database: {url.render_as_string(hide_password=True)}")
    typer.echo(f"revision before: {before or 'none'}")
    typer.echo(f"revision now: {now}{' (nothing to do)' if before == now else ''}")
