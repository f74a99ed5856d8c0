"""The writer: one thread that appends what all calls of this process have decided.

A call waits until its record is on the disk. What comes in while one transaction is written goes
into the next together, so that many calls share one commit and a single one waits for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.ledger.records import LedgerError
from defib_coverage.ledger.spool import left_behind, new_spool
from defib_coverage.ledger.store import StoreError
from defib_coverage.logs import Trouble, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from defib_coverage.ledger.records import Record
    from defib_coverage.ledger.spool import Spool
    from defib_coverage.ledger.store import Store

# Records of one transaction, of which a spool's is a part.
_MOST_TOGETHER = 500
# How often it is looked whether something is not kept any longer, in seconds.
_PURGE_EVERY = 3600.0
# When a database that is down is tried again, in seconds: soon, then less and less often.
_SOON = 0.5
_SHORTLY = 0.01
_LONGEST = 30.0
# How long a call waits for its record to be kept, in seconds: then it is refused.
_PATIENCE = 10.0


class _Waiting(NamedTuple):
    """A record, and the call that waits for it; None where it is only tried to write."""

    record: Record | None
    loop: asyncio.AbstractEventLoop
    kept: asyncio.Future[None]


class Writer:
    """Appends records in a thread of its own."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        *,
        spools: bool,
        keep_days: int | None = None,
        committed: Callable[[float], None] | None = None,
    ) -> None:
        """Start the thread.

        Args:
            store: where records go.
            folder: of the spools; those that were left there are replayed.
            spools: whether what cannot be kept goes into one; else it is refused.
            keep_days: for how many days records are kept; for ever by default.
            committed: is told in the thread how many seconds a transaction took.

        Raises:
            OSError: the folder cannot be used.
        """
        self._store = store
        self._committed = committed
        self._keep_days = keep_days
        self._purge_at = time.monotonic()
        self._spools = left_behind(folder)
        self._own: Spool | None = None
        if spools:
            self._own = new_spool(folder)
            self._spools.append(self._own)
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._down = False
        self._pause = _SOON
        self._try_at = 0.0
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many records wait for their transaction."""
        return self._queue.qsize()

    @property
    def down(self) -> bool:
        """Whether the database could not be written to the last time."""
        return self._down

    @property
    def spooled(self) -> int:
        """How many bytes wait in spools for the database."""
        return sum(spool.size for spool in self._spools)

    async def keep(self, record: Record) -> None:
        """Keep a record; when this returns, it is on the disk.

        Raises:
            LedgerError: it could not be kept, or it is not known whether it was.
        """
        await self._wait(record)

    async def probe(self) -> None:
        """Try whether records can be kept, without one.

        Raises:
            LedgerError: they cannot.
        """
        await self._wait(None)

    async def _wait(self, record: Record | None) -> None:
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Waiting(record, loop, kept))
        try:
            # A server that hangs in the commit of a transaction tells nothing.
            async with asyncio.timeout(_PATIENCE):
                await kept
        except TimeoutError as error:
            message = "TimeoutError"
            raise LedgerError(message) from error

    def close(self) -> None:
        """Write what waits, then let go of everything."""
        self._queue.put(None)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            # It hangs in the database, and ends with the process; what waits was not acknowledged.
            write(Trouble(what="ledger-unavailable", error="TimeoutError"), logging.ERROR)
            return
        self._store.close()
        for spool in self._spools:
            spool.close()

    def _run(self) -> None:
        going_on = True
        while going_on:
            batch, going_on = self._next()
            try:
                self._work(batch, going_on=going_on)
            except Exception as error:  # noqa: BLE001 - whatever it is, no call may wait for ever
                write(Trouble(what="ledger-fault", error=type(error).__name__), logging.ERROR)
                _tell(batch, error)

    def _work(self, batch: Sequence[_Waiting], *, going_on: bool) -> None:
        """Write a batch; then do a part of what has time."""
        if batch:
            self._write(batch)
        # Calls that come meanwhile wait for one part and not for all.
        replaying = True
        while replaying and (time.monotonic() >= self._try_at or not going_on):
            replaying = self._replay() and not going_on
        if going_on:
            self._purge()

    def _next(self) -> tuple[list[_Waiting], bool]:
        """What waits, and whether more may come; where there is something else to do, soon."""
        batch: list[_Waiting] = []
        patience = None
        if any(self._spools):
            patience = max(self._try_at - time.monotonic(), 0)
        elif self._keep_days is not None:
            patience = max(self._purge_at - time.monotonic(), _SHORTLY)
        try:
            one = self._queue.get(timeout=patience)
            while one is not None:
                batch.append(one)
                if len(batch) == _MOST_TOGETHER:
                    return batch, True
                one = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _write(self, batch: Sequence[_Waiting]) -> None:
        """Append a batch to the database, or to the spool, and tell those who wait."""
        records = [one.record for one in batch if one.record is not None]
        error: Exception | None = None
        try:
            if self._own is not None and any(self._spools):
                # What waits there was decided before, and feedback may be about it.
                self._own.append(records)
            else:
                error = self._append(records)
                if error is not None and self._own is not None:
                    self._own.append(records)
                    error = None
        except OSError as found:
            error = found
            write(Trouble(what="spool-unavailable", error=type(found).__name__), logging.ERROR)
        _tell(batch, error)

    def _append(self, records: Sequence[Record], *, again: bool = False) -> StoreError | None:
        """Append to the database; what hindered that, if anything."""
        begin = time.monotonic()
        try:
            self._store.append(records, again=again)
        except StoreError as error:
            if not self._down:
                write(Trouble(what="ledger-unavailable", error=str(error)), logging.ERROR)
            self._down = True
            self._pause = min(2 * self._pause, _LONGEST)
            self._try_at = time.monotonic() + self._pause
            return error
        if self._committed is not None and records:
            self._committed(time.monotonic() - begin)
        if self._down:
            write(Trouble(what="ledger-available"), logging.WARNING)
        self._down = False
        self._pause = _SOON
        return None

    def _purge(self) -> None:
        """Delete a day that is not kept any longer, if there is one."""
        if self._keep_days is None or time.monotonic() < self._purge_at:
            return
        try:
            if not self._down and self._store.purge(self._keep_days) is not None:
                return  # whoever waits by now comes before the next day
        except StoreError as error:
            write(Trouble(what="ledger-not-purged", error=str(error)), logging.WARNING)
        self._purge_at = time.monotonic() + _PURGE_EVERY

    def _replay(self) -> bool:
        """Bring the oldest that wait in spools to the database; where it is down, later.

        What was acknowledged may be in the database already, where a commit was not answered: it is
        looked for.

        Returns:
            Whether there is more to bring.
        """
        spool = next((one for one in self._spools if one), None)
        if spool is None:
            return False
        try:
            part = spool.oldest(_MOST_TOGETHER)
            if part.records and self._append(part.records, again=True) is not None:
                return False
            damaged = spool.took(part)
        except OSError as error:
            write(Trouble(what="spool-unavailable", error=type(error).__name__), logging.ERROR)
            self._try_at = time.monotonic() + _LONGEST
            return False
        if damaged:
            write(Trouble(what="spool-damaged", count=damaged), logging.ERROR)
        return True


def _tell(batch: Sequence[_Waiting], error: Exception | None) -> None:
    """Let the calls go on, those of one event loop together."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for one in batch:
        by_loop.setdefault(one.loop, []).append(one.kept)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, futures, error)
        except RuntimeError:  # the loop was closed: nobody waits any more
            continue


def _settle(futures: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():  # its call was cut off
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(LedgerError(type(error).__name__))
