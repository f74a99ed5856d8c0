"""The routes that stand on the ledger: feedback comes in, decisions are looked up."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from defib_coverage.edge.messages import authorization_of, parent_of, send_json
from defib_coverage.errors import RequestError
from defib_coverage.hooks.discovery import SERVICE_IDS
from defib_coverage.hooks.feedback import decode_feedback
from defib_coverage.ledger.ledger import Given
from defib_coverage.ledger.records import LedgerError
from defib_coverage.logs import CallRefused, FeedbackTaken, LookedUp, Trouble, write
from defib_coverage.running.watching import Refused, Taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.types import Receive, Scope, Send

    from defib_coverage.callers import Caller, Callers
    from defib_coverage.edge.bodies import Bodies
    from defib_coverage.edge.gate import Gate
    from defib_coverage.hooks.feedback import Entry
    from defib_coverage.ledger.ledger import Ledger
    from defib_coverage.ledger.lookup import Lookup, Told
    from defib_coverage.running.watching import Watcher

_UNKNOWN = "unknown"
_LOOK_UP = "/determinations"
_ASSERTION = re.compile(r"[A-Za-z0-9._-]{1,64}")
# CDS Hooks asks for 200 and says nothing of a body; clients that read one find an object.
_TAKEN = b"{}"
_Part = TypeVar("_Part")


class LedgerRoutes:
    """Feedback and look-up.

    ``ledger`` and ``lookup`` are put in when the service starts; where none is kept, both routes
    answer 404.
    """

    def __init__(
        self, callers: Callers, bodies: Bodies, gate: Gate, watchers: Sequence[Watcher] = ()
    ) -> None:
        """Let the same callers in as for calls, within the same bounds; tell ``watchers``."""
        self._watchers = watchers
        self._callers = callers
        self._bodies = bodies
        self._gate = gate
        self.ledger: Ledger | None = None
        self.lookup: Lookup | None = None

    async def feedback(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``POST /cds-services/{service_id}/feedback``: what clinicians did with cards.

        Raises:
            RequestError: it is refused.
        """
        begin = time.perf_counter()
        named = scope["path_params"]["service_id"]
        service = named if named in SERVICE_IDS else _UNKNOWN
        path = scope["path"]
        with self._refusals(f"{service}/feedback", scope) as known:
            # CDS Hooks does not say which of the two a token is made out to.
            audiences = (path, path.removesuffix("/feedback"))
            known.caller = await self._callers.identify(authorization_of(scope), *audiences)
            self._callers.admit(known.caller)
            if service == _UNKNOWN:
                raise RequestError(404, "not-found", "there is no such service")
            ledger = _kept(self.ledger)
            async with self._bodies.reading(scope, receive) as body, self._gate:
                entries = decode_feedback(body)
                try:
                    await ledger.answer(*_given(service, known.caller, entries))
                except LedgerError as error:
                    message = "the feedback could not be kept; send it again"
                    raise RequestError(503, "transient", message, retry_after=1) from error
        line = FeedbackTaken(
            service=service,
            client=known.caller.client,
            outcomes=dict(Counter(entry.outcome for entry in entries)),
            milliseconds=_milliseconds_since(begin),
        )
        write(line)
        for watcher in self._watchers:
            watcher.taken(Taken(line, time.perf_counter() - begin, parent_of(scope)))
        await send_json(_TAKEN, send)

    async def determinations(self, scope: Scope, _: Receive, send: Send) -> None:
        """``GET /determinations/{assertion_id}``: what was decided, newest first.

        Raises:
            RequestError: it is refused, or there is nothing that this client may see.
        """
        begin = time.perf_counter()
        assertion = scope["path_params"]["assertion_id"]
        with self._refusals("look-up", scope) as known:
            audiences = (scope["path"], _LOOK_UP)
            known.caller = await self._callers.identify(authorization_of(scope), *audiences)
            self._callers.admit(known.caller)
            lookup = _kept(self.lookup)
            async with self._gate:
                _check(assertion)
                found = await _read(lookup, assertion, known.caller.client)
            if not found.number:
                raise _nothing()
        line = LookedUp(
            client=known.caller.client,
            found=found.number,
            milliseconds=_milliseconds_since(begin),
        )
        write(line)
        await send_json(found.body, send)

    @contextmanager
    def _refusals(self, service: str, scope: Scope) -> Iterator[_Known]:
        """Write a line of what is refused."""
        known = _Known()
        begin = time.perf_counter()
        try:
            yield known
        except RequestError as error:
            client = None if known.caller is None else known.caller.client
            line = CallRefused(
                service=service, status=error.status, issue=error.code, client=client
            )
            write(line, logging.WARNING)
            for watcher in self._watchers:
                watcher.refused(Refused(line, time.perf_counter() - begin, parent_of(scope)))
            raise


class _Known:
    """Who calls, as soon as that is known."""

    caller: Caller | None = None


def _kept(part: _Part | None) -> _Part:
    """A part of the ledger.

    Raises:
        RequestError: 404 where no ledger is kept.
    """
    if part is None:
        message = "this service keeps no ledger: it takes no feedback and looks nothing up"
        raise RequestError(404, "not-supported", message)
    return part


def _given(service: str, caller: Caller, entries: tuple[Entry, ...]) -> Iterator[Given]:
    for entry in entries:
        yield Given(
            service=service,
            client=caller.client,
            card=entry.card,
            outcome=entry.outcome,
            outcome_time=entry.time,
            suggestions=entry.suggestions,
            reason_system=entry.reason_system,
            reason_code=entry.reason_code,
            comment=entry.comment,
        )


def _check(assertion: str) -> None:
    """Refuse what cannot be an assertion id.

    Raises:
        RequestError: 404.
    """
    if not _ASSERTION.fullmatch(assertion):
        raise _nothing()


def _nothing() -> RequestError:
    message = "no decision with this assertion id is kept for this client"
    return RequestError(404, "not-found", message)


async def _read(lookup: Lookup, assertion: str, client: str | None) -> Told:
    """What is found.

    Raises:
        RequestError: 503 where the ledger cannot be read.
    """
    try:
        return await lookup.decisions_of(assertion, client)
    except LedgerError as error:
        write(Trouble(what="ledger-unreadable", error=str(error)), logging.ERROR)
        message = "the ledger cannot be read; call again"
        raise RequestError(503, "transient", message, retry_after=1) from error


def _milliseconds_since(begin: float) -> float:
    return round((time.perf_counter() - begin) * 1000, 3)
