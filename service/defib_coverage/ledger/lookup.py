"""Looking decisions up: by the assertion id that an order carries, or from feedback."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from defib_coverage.database.engine import PATIENCE, open_database
from defib_coverage.database.tables import DECISION
from defib_coverage.ledger.records import Card, LedgerError
from defib_coverage.ledger.secrets import unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import URL, Connection, Row

MOST_FOUND = 100
"""Decisions of one answer."""
MOST_BYTES = 8 * 1024 * 1024
"""Bytes of determinations of one answer; the newest is told however large it is."""
_THREADS = 2
# What a decision is counted by, and the answer to its call.
_UNTOLD = frozenset({"card_count", "offer_count", "response"})
_encode = msgspec.json.Encoder().encode
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_cards = msgspec.json.Decoder(tuple[Card, ...]).decode


class Position(msgspec.Struct, frozen=True):
    """Where in the chain a row stands: its UTC day, its number on it, and its link."""

    day: date
    number: int
    link: str


class Found(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A decision as it was kept: see ``records.Decision``.

    ``determination`` is there where it was kept; its references are keyed digests.
    """

    id: str
    time: str
    call: str
    hook_instance: str
    service: str
    client: str | None = None
    patient: str
    order_code: str | None = None
    order_class: str
    service_date: date
    policy: str | None = None
    data_digest: str
    status: str
    findings: tuple[str, ...] = ()
    indications: tuple[str, ...] = ()
    assertion_id: str | None = None
    milliseconds: float
    cards: tuple[Card, ...] = ()
    position: Position
    determination: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Decisions(msgspec.Struct, frozen=True):
    """The newest decisions, newest first, and how many there are."""

    total: int
    decisions: tuple[Found, ...]


class Told(NamedTuple):
    """How many decisions an answer tells of, and the answer as JSON."""

    number: int
    body: bytes


def decisions_of(connection: Connection, assertion_id: str, client: str | None = None) -> Decisions:
    """The newest decisions that bear an assertion id, within the bounds of one answer.

    Args:
        connection: to the database.
        assertion_id: as the coverage information of an order tells it.
        client: whose decisions are looked at; None looks at everyone's.

    Raises:
        SQLAlchemyError: the database cannot be read.
    """
    wanted = [DECISION.c.assertion_id == assertion_id]
    if client is not None:
        wanted.append(DECISION.c.client == client)
    columns = [c for c in DECISION.columns if c.name not in _UNTOLD]
    newest = (
        select(*columns)
        .where(*wanted)
        .order_by(DECISION.c.day.desc(), DECISION.c.position.desc())
        .limit(MOST_FOUND)
    )
    rows = connection.execute(newest).all()
    found = _within(rows)
    if len(found) == len(rows) < MOST_FOUND:
        return Decisions(len(found), found)
    count = select(func.count()).select_from(DECISION).where(*wanted)
    return Decisions(connection.execute(count).scalar_one(), found)


def _within(rows: Iterable[Row[Any]]) -> tuple[Found, ...]:
    """As many as an answer may hold; no more than that are unpacked."""
    told: list[Found] = []
    size = 0
    for row in rows:
        one = _found(row)
        if isinstance(one.determination, msgspec.Raw):
            size += len(memoryview(one.determination))
        if told and size > MOST_BYTES:
            break
        told.append(one)
    return tuple(told)


def _found(row: Row[Any]) -> Found:
    told = row._asdict()
    kept = told.pop("determination")
    place = Position(told.pop("day"), told.pop("position"), told.pop("link").hex())
    told["findings"] = _decode_texts(told["findings"])
    told["indications"] = _decode_texts(told["indications"])
    told["cards"] = _decode_cards(told["cards"])
    determination = msgspec.UNSET if kept is None else msgspec.Raw(unpack(kept))
    return Found(**told, position=place, determination=determination)


class Lookup:
    """Reads the ledger in threads of its own, so that no call waits for it."""

    def __init__(self, url: URL) -> None:
        """Open the database; nothing is connected to yet.

        Raises:
            SettingsError: the driver is not installed.
        """
        self._engine = open_database(url, "read")
        self._threads = ThreadPoolExecutor(_THREADS, "ledger-lookup")

    async def decisions_of(self, assertion_id: str, client: str | None) -> Told:
        """See ``decisions_of``; the answer is written in the thread too.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        loop = asyncio.get_running_loop()
        try:
            reading = loop.run_in_executor(self._threads, self._read, assertion_id, client)
            return await asyncio.wait_for(reading, 2 * PATIENCE)
        except (SQLAlchemyError, TimeoutError) as error:
            raise LedgerError(type(error).__name__) from error

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(cancel_futures=True)
        self._engine.dispose()

    def _read(self, assertion_id: str, client: str | None) -> Told:
        with self._engine.connect() as connection:
            found = decisions_of(connection, assertion_id, client)
        return Told(len(found.decisions), _encode(found))
