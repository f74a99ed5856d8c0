"""``audit run``: a run with its progress on the terminal, and what came of it."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import msgspec
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from defib_coverage.audit.embedded import Embedded
from defib_coverage.audit.job import Spec
from defib_coverage.audit.names import REJECTS
from defib_coverage.audit.run import Clock, Order, day_of, run
from defib_coverage.command.options import counted
from defib_coverage.content import load
from defib_coverage.documents.document import InputError
from defib_coverage.payer_file import read_payers
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from rich.progress import Task, TaskID

    from defib_coverage.audit.engine import Engine
    from defib_coverage.audit.manifest import Manifest


class Wishes(msgspec.Struct, frozen=True):
    """What a user asks for; without ``today`` it is today in the facility's zone."""

    sources: tuple[str, ...]
    out: Path
    today: date | None = None
    hindsight: bool = False
    processes: int | None = None
    engine: Literal["embedded", "spark"] = "embedded"
    master: str | None = None


def run_audit(wishes: Wishes) -> None:
    """Run an audit, and print what came of it.

    Raises:
        InputError: files or folder cannot be used.
        DataError: the data, the site's overlay or the payer file cannot be used.
        SettingsError: a setting cannot be used.
    """
    engine = _engine(wishes)
    order = _order(wishes)
    clock = Clock(_now(), _now)
    with Bars() as bars:
        try:
            found = run(order, engine, bars, clock)
        except KeyboardInterrupt:
            typer.echo(f"{wishes.out}: broken off; the same command goes on from there", err=True)
            raise typer.Exit(130) from None
    _tell(found, wishes.out)


def _engine(wishes: Wishes) -> Engine:
    """Who does the work.

    Raises:
        InputError: a package that it needs is missing.
    """
    if find_spec("pyarrow") is None:
        message = (
            "audit run writes Parquet, and pyarrow is missing: install defib-coverage[parquet]"
        )
        raise InputError(message)
    if wishes.engine == "embedded":
        return Embedded(wishes.processes)
    if find_spec("pyspark") is None or find_spec("pandas") is None:
        message = "--engine spark needs pyspark, which is missing: install defib-coverage[spark]"
        raise InputError(message)
    from defib_coverage.audit.spark import Spark  # noqa: PLC0415 - an extra, and slow to import

    return Spark(wishes.master)


def _order(wishes: Wishes) -> Order:
    settings = read_settings(os.environ)
    knowledge = load(settings.overlay_folder).knowledge(settings.canonical_base)
    today = wishes.today or day_of(wishes.out) or datetime.now(settings.time_zone).date()
    spec = Spec(
        today=today,
        hindsight=wishes.hindsight,
        canonical_base=settings.canonical_base,
        overlay=_place(settings.overlay_folder),
        payers=_place(settings.payer_file),
        plans=read_payers(settings.payer_file),
    )
    return Order(wishes.sources, wishes.out, spec, knowledge)


def _place(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Bars:
    """One bar a stage, with its rate and the time that is left; a line each off a terminal."""

    def __init__(self) -> None:
        """Draw to stderr."""
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:8}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            _Rate(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            refresh_per_second=2,
            disable=not self._console.is_terminal,
        )
        self._current: TaskID | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the end."""
        self._progress.stop()

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins."""
        self._current = self._progress.add_task(name, total=total, unit=unit)
        if not self._console.is_terminal:
            self._console.print(f"{name} {total} {unit}", highlight=False)

    def advance(self, done: int) -> None:
        """So much more of it is done."""
        if self._current is not None:
            self._progress.advance(self._current, done)


class _Rate(ProgressColumn):
    """How fast a stage goes, in its own unit."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        if speed is None:
            return Text("")
        if unit == "bytes":
            return Text(f"{decimal(int(speed))}/s")
        return Text(f"{speed:.1f} {unit}/s")


def _tell(found: Manifest, out: Path) -> None:
    """What came of a run, for a person."""
    counts = found.counts
    orders = counted(counts.orders, "order")
    typer.echo(f"{orders} of {counted(counts.patients, 'patient')} in {out}")
    for status, number in counts.by_status.items():
        typer.echo(f"  {status}: {number}")
    lines = counted(counts.lines, "line")
    typer.echo(f"{lines} read, {counted(counts.rejects, 'reject')} in {out / REJECTS}")
