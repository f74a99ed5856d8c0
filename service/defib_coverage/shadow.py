"""The shadow: a draft of the rules tried on every call after its answer, for the ledger alone.

It judges the same orders by the same chart: what the call brought and what was fetched for it.
Nothing is fetched again, and nothing of it is seen by who called.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.hooks.evaluation import Again, Evaluator
from defib_coverage.hooks.wire import decode_request
from defib_coverage.ledger.ledger import Departed
from defib_coverage.logs import Trouble, write
from defib_coverage.replaying.comparing import Comparer, paired

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.fhir.fetching import Fetched, Query
    from defib_coverage.fhir.plans import Plan
    from defib_coverage.hooks.request import Decoded
    from defib_coverage.ledger.ledger import Ledger

# Bytes of bodies that may wait for the shadow: what comes beyond is left out, and counted.
_MOST_WAITING = 64 * 1024 * 1024
# How long what still waits may take when the service stops, in seconds.
_LAST = 5.0
_NOT_OURS = "not-applicable"


class Seen(NamedTuple):
    """An answered call: what it asked, what was fetched for it, what was decided and kept.

    ``why_not`` is why nothing could be fetched, None where it could. ``decisions`` are the ids of
    the decisions by the reference of the order.
    """

    service: str
    client: str | None
    decoded: Decoded
    today: date
    longer_reading: bool
    brought: Mapping[Query, Fetched]
    why_not: str | None
    found: Sequence[Determination]
    decisions: Mapping[str, str]

    @property
    def orders(self) -> int:
        """How many orders of ours it has."""
        return sum(one.status != _NOT_OURS for one in self.found)


def _count_nothing(_: Mapping[str, int], __: float) -> None:
    pass


class Shadow:
    """Tries a draft on calls, in the event loop and one after another.

    ``ledger`` is where differences are kept; it is put in when the service starts.
    """

    def __init__(
        self,
        present: Knowledge,
        draft: Knowledge,
        plans: Sequence[Plan],
        count: Callable[[Mapping[str, int], float], None] = _count_nothing,
    ) -> None:
        """Try a draft beside what is in force.

        Args:
            present: what calls are judged by.
            draft: what they are judged by in the shadow.
            plans: the configured payers.
            count: is told of each call how many orders came to what, and in how many seconds.
        """
        self.digest = draft.digest
        self.ledger: Ledger | None = None
        self._present = present.digest
        self._index = draft.index
        self._reads_alike = present.index.value_sets == draft.index.value_sets
        self._evaluator = Evaluator(draft, plans)
        self._comparer = Comparer(present, draft)
        self._count = count
        self._waiting = 0
        self._tasks: dict[asyncio.Task[None], Seen] = {}

    def look(self, seen: Seen) -> None:
        """Try the draft on a call that was answered, as soon as nothing else is to be done."""
        size = len(seen.decoded.body)
        if self._waiting + size > _MOST_WAITING and self._waiting:
            write(Trouble(what="shadow-skipped", count=seen.orders), logging.WARNING)
            self._count({"skipped": seen.orders}, 0.0)
            return
        self._waiting += size
        task = asyncio.get_running_loop().create_task(self._try(seen))
        self._tasks[task] = seen
        task.add_done_callback(self._done)

    async def close(self) -> None:
        """Try what waits still, for a while."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST)

    async def _try(self, seen: Seen) -> None:
        begin = time.perf_counter()
        again = self._judge(seen)
        outcomes: Counter[str] = Counter()
        differences = []
        for before, after in paired(seen.found, again.evaluation.determinations):
            difference = self._comparer.compare(before, after)
            if difference is not None:
                differences.append(difference)
                outcomes["flipped" if difference.is_flip else "different"] += 1
            elif before.status != _NOT_OURS:
                outcomes["same"] += 1
        seconds = time.perf_counter() - begin
        if self.ledger is not None:
            departed = Departed(
                service=seen.service,
                client=seen.client,
                data_digest=self._present,
                draft_digest=self.digest,
                decisions=seen.decisions,
                differences=differences,
                unread=again.unread,
            )
            await self.ledger.depart(departed)
        # What could not be kept is told as failed, and as nothing else.
        self._count(outcomes, seconds)

    def _judge(self, seen: Seen) -> Again:
        """What the draft makes of a call.

        Raises:
            RequestError: the draft would refuse it.
        """
        decoded = seen.decoded
        if not self._reads_alike:
            # An odd record that meant nothing may matter by other codes.
            decoded = decode_request(decoded.body, self._index, decoded.request.hook)
        longer = seen.longer_reading
        if seen.why_not is None:
            return self._evaluator.judge_again(
                decoded, seen.today, seen.brought, longer_reading=longer
            )
        evaluation = self._evaluator.evaluate(
            decoded, seen.today, seen.why_not, longer_reading=longer
        )
        return Again(evaluation, 0)

    def _done(self, task: asyncio.Task[None]) -> None:
        """A call was tried, or that failed: nobody waits for it, so it is told here."""
        seen = self._tasks.pop(task)
        self._waiting -= len(seen.decoded.body)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            write(Trouble(what="shadow-fault", error=type(error).__name__), logging.ERROR)
            self._count({"failed": seen.orders}, 0.0)
