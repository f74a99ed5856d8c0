"""The ledger as people browse it: sums of a period, and what was decided under an assertion id.

It is read in threads of its own, so that no call waits for it, and no longer than a look-up may
take: what takes longer is stopped.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from defib_coverage.database.engine import PATIENCE, is_shared, open_database
from defib_coverage.database.tables import DAY, DECISION
from defib_coverage.ledger.counting import bounds_of, count
from defib_coverage.ledger.durations import durations
from defib_coverage.ledger.neighbourhood import Neighbourhood, neighbourhood
from defib_coverage.ledger.reading import Decided, by_assertion, by_decision, decided
from defib_coverage.ledger.records import LedgerError
from defib_coverage.ledger.report import NOBODY, Choice, Period, Report, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import URL, ColumnElement, Connection, Row

    from defib_coverage.ledger.durations import Durations

MOST_NEWEST = 20
"""Decisions that are listed beside sums."""
MOST_UNDER_ONE_ID = 100
"""Decisions that are listed under an assertion id."""
MOST_CLIENTS = 100
_THREADS = 2
_LONGEST = 2 * PATIENCE
# Steps of SQLite's machine between two looks at the clock.
_LOOK = 10_000
_Told = TypeVar("_Told")


class SlowError(LedgerError):
    """Reading took longer than it may."""


class Line(msgspec.Struct, frozen=True):
    """A decision in a list."""

    id: str
    time: str
    day: date
    position: int
    client: str | None
    order_code: str | None
    order_class: str
    service_date: date
    status: str
    assertion_id: str | None
    milliseconds: float


class Sums(msgspec.Struct, frozen=True):
    """A period of the ledger in sums.

    ``period`` is the one that was looked at, ``first`` and ``last`` are the days on which the
    ledger begins and ends, None where it is empty; ``clients`` are all that it knows.
    """

    period: Period
    first: date | None
    last: date | None
    clients: tuple[str, ...]
    report: Report
    durations: tuple[Durations, ...]
    newest: tuple[Line, ...]


class Under(msgspec.Struct, frozen=True):
    """What was decided under an assertion id.

    ``lines`` are the newest of ``total`` decisions, newest first; ``line`` is the one that is shown
    in full, ``decided`` what it says, None where that cannot be read, and ``place`` whether it is
    whole.
    """

    total: int
    lines: tuple[Line, ...]
    line: Line
    decided: Decided | None
    place: Neighbourhood


class Browser:
    """Reads the ledger for people."""

    def __init__(self, url: URL, key: bytes, longest: float = _LONGEST) -> None:
        """Open the database; nothing is connected to yet.

        Args:
            url: of the database.
            key: of the chain.
            longest: how many seconds one look may take.

        Raises:
            SettingsError: the driver is not installed.
        """
        self._engine = open_database(url, "read")
        self._is_shared = is_shared(url)
        self._key = key
        self._longest = longest
        self._threads = ThreadPoolExecutor(_THREADS, "ledger-browser")

    async def sums(self, choice: Choice, chosen: Callable[[date], Period]) -> Sums:
        """Sums of a period.

        Args:
            choice: which decisions.
            chosen: the period, where the ledger's last day is known.

        Raises:
            SlowError: it takes too long.
            LedgerError: the ledger cannot be read.
        """
        return await self._read(lambda connection: _sums(connection, choice, chosen))

    async def under(self, assertion_id: str, decision: str | None = None) -> Under | None:
        """What was decided under an assertion id; None for nothing.

        Args:
            assertion_id: as the coverage information of an order tells it.
            decision: the id of the one to show in full; the newest by default.

        Raises:
            SlowError: it takes too long.
            LedgerError: the ledger cannot be read.
        """
        return await self._read(
            lambda connection: _under(connection, self._key, assertion_id, decision)
        )

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(cancel_futures=True)
        self._engine.dispose()

    async def _read(self, work: Callable[[Connection], _Told]) -> _Told:
        deadline = time.monotonic() + self._longest
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(self._threads, self._in_time, work, deadline)
        try:
            return await asyncio.wait_for(reading, self._longest)
        except TimeoutError as error:
            raise SlowError(type(error).__name__) from error
        except SQLAlchemyError as error:
            kind = SlowError if time.monotonic() >= deadline else LedgerError
            raise kind(type(error).__name__) from error
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            # What of a row is wrong is for verifying to say; the text may be about a patient.
            raise LedgerError(type(error).__name__) from error

    def _in_time(self, work: Callable[[Connection], _Told], deadline: float) -> _Told:
        with self._engine.connect() as connection, self._stopped_at(connection, deadline):
            return work(connection)

    @contextmanager
    def _stopped_at(self, connection: Connection, deadline: float) -> Iterator[None]:
        """Stop statements that run when the time is over; PostgreSQL does so by itself."""
        driver: Any = connection.connection.driver_connection
        if self._is_shared:
            yield
            return
        driver.set_progress_handler(lambda: time.monotonic() >= deadline, _LOOK)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)


def _sums(connection: Connection, choice: Choice, chosen: Callable[[date], Period]) -> Sums:
    ends = select(func.min(DAY.c.day), func.max(DAY.c.day))
    first = connection.execute(ends.where(DAY.c.purged.is_(None))).one()[0]
    last = connection.execute(ends).one()[1]
    period = Period() if last is None else chosen(last)
    bounds = bounds_of(period, choice)
    return Sums(
        period=period,
        first=first,
        last=last,
        clients=tuple(_clients(connection)),
        report=report(count(connection, period, choice)),
        durations=durations(connection, bounds),
        newest=_lines(connection, bounds, MOST_NEWEST),
    )


def _clients(connection: Connection) -> Iterator[str]:
    """Who asked, each found by a look into the index: a list of all would read all of it."""
    client = DECISION.c.client
    if connection.execute(select(DECISION.c.id).where(client.is_(None)).limit(1)).first():
        yield NOBODY
    found = connection.execute(select(func.min(client))).scalar()
    for _ in range(MOST_CLIENTS):
        if found is None:
            return
        yield found
        found = connection.execute(select(func.min(client)).where(client > found)).scalar()


def _lines(
    connection: Connection, bounds: Sequence[ColumnElement[bool]], most: int
) -> tuple[Line, ...]:
    names = Line.__struct_fields__
    newest = select(*(DECISION.c[name] for name in names)).where(*bounds)
    newest = newest.order_by(DECISION.c.day.desc(), DECISION.c.position.desc()).limit(most)
    return tuple(_line(row) for row in connection.execute(newest))


def _line(row: Row[Any]) -> Line:
    return Line(**row._asdict())


def _under(
    connection: Connection, key: bytes, assertion_id: str, decision: str | None
) -> Under | None:
    told = by_assertion(assertion_id)
    lines = _lines(connection, [told], MOST_UNDER_ONE_ID)
    shown = lines[:1] if decision is None else _lines(connection, [told, by_decision(decision)], 1)
    if not shown:
        return None
    (line,) = shown
    total = len(lines)
    if total == MOST_UNDER_ONE_ID:
        number = select(func.count()).select_from(DECISION).where(told)
        total = connection.execute(number).scalar_one()
    place = neighbourhood(connection, key, line.day, line.position)
    return Under(total, lines, line, _decided(connection, key, line.id), place)


def _decided(connection: Connection, key: bytes, decision: str) -> Decided | None:
    """A decision in full; None where its row was changed to what nothing can read."""
    try:
        (found,) = decided(connection, key, by_decision(decision), 1)
    except (ValueError, TypeError, msgspec.MsgspecError):
        return None
    return found
