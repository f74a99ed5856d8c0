"""Logs: one JSON line an event, and nothing in them that says who the patient is.

Our own lines are closed structs: what is no field of one cannot be logged, so no list of what to
hide has to be kept (free key-value logging would need one). They go through the standard library's
logging, where the lines of the libraries arrive too; of those nothing is kept but where they come
from and how bad it is, because their texts repeat URLs, bodies and tokens.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.determination import Determination

# The server's own news (started, listening, stopped); its warnings may quote a request.
_NEWS = "uvicorn.error"
_log = logging.getLogger(__name__)
_root = logging.getLogger()
_encode = msgspec.json.Encoder().encode


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What every line of ours says; subclasses add their fields and the name of their event."""


class CallAnswered(Line, frozen=True, tag_field="event", tag="call"):
    """A call that was answered.

    ``hook_instance`` is the call's own id; ``policies`` are the versions that were applied,
    ``statuses`` and ``gaps`` count determinations by status and gaps by kind, ``fetches`` the
    queries to the FHIR server and ``not_fetched`` those that failed, by cause. ``milliseconds`` are
    given by stage. ``version`` is the version of CRD that was asked for, ``system_actions`` counts
    the orders that were updated, ``options_ignored`` the configuration options that made no sense.
    ``server_refused``: the call named a FHIR server that may not be read for it.
    """

    service: str
    hook_instance: str
    client: str | None = None
    policies: tuple[str, ...] = ()
    statuses: dict[str, int] = {}
    gaps: dict[str, int] = {}
    version: str | None = None
    cards: int = 0
    system_actions: int = 0
    options_ignored: int = 0
    server_refused: bool = False
    fetches: int = 0
    not_fetched: dict[str, int] = {}
    milliseconds: dict[str, float] = {}


class CallRefused(Line, frozen=True, tag_field="event", tag="refused"):
    """A call that was refused, by HTTP status and the issue type of its OperationOutcome.

    ``hook_instance``, ``server_refused`` and ``not_fetched`` as of a call that was answered, as
    far as it came.
    """

    service: str
    status: int
    issue: str
    client: str | None = None
    hook_instance: str | None = None
    server_refused: bool = False
    not_fetched: dict[str, int] = {}


class FeedbackTaken(Line, frozen=True, tag_field="event", tag="feedback"):
    """Feedback that was kept; ``outcomes`` counts what clinicians did."""

    service: str
    client: str | None = None
    outcomes: dict[str, int] = {}
    milliseconds: float = 0


class LookedUp(Line, frozen=True, tag_field="event", tag="look-up"):
    """Decisions that were looked up by an assertion id, and how many were given out."""

    client: str | None = None
    found: int = 0
    milliseconds: float = 0


class TokenRefused(Line, frozen=True, tag_field="event", tag="token-refused"):
    """A call whose token did not hold, and why.

    ``client`` where its issuer is known, else a digest of the issuer's name where it has one.
    """

    reason: str
    client: str | None = None
    issuer_sha256: str | None = None


class Trouble(Line, frozen=True, tag_field="event", tag="trouble"):
    """Something that the service needs and does not have; ``count`` where it is several."""

    what: Literal[
        "keys-unavailable",
        "keys-dropped",
        "used-tokens-unavailable",
        "used-tokens-not-purged",
        "ledger-unavailable",
        "ledger-available",
        "ledger-unreadable",
        "ledger-fault",
        "ledger-not-purged",
        "spool-unavailable",
        "spool-damaged",
        "shadow-fault",
        "shadow-skipped",
    ]
    client: str | None = None
    error: str | None = None
    count: int | None = None


class Incident(Line, frozen=True, tag_field="event", tag="incident"):
    """A fault of ours: its id as the caller was told, the kind of error and where it arose."""

    id: str
    error: str
    place: str


class News(Line, frozen=True, tag_field="event", tag="server"):
    """Something about the server itself."""

    text: str


class _Foreign(Line, frozen=True, tag_field="event", tag="library"):
    """A line of a library: where it comes from; its text is withheld."""

    logger: str
    error: str | None = None


def write(line: Line, level: int = logging.INFO) -> None:
    """Write one line."""
    if not _log.isEnabledFor(level):
        return
    for handler in _root.handlers:
        if isinstance(handler, _JsonHandler):
            # What a record is made and passed on for costs ten times what the line does.
            handler.write(_text(line, time.time(), level))
        else:
            record = logging.LogRecord(__name__, level, "", 0, type(line).__name__, None, None)
            record.line = line
            handler.handle(record)


def configure(stream: TextIO | None = None) -> None:
    """Let all logging of this process go to a stream as JSON lines; standard error by default."""
    _root.handlers[:] = [_JsonHandler(stream or sys.stderr)]
    _root.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Paths may name a patient.
    logging.getLogger("uvicorn.access").disabled = True


class _JsonHandler(logging.Handler):
    """Writes one JSON object a line; of records it writes what may be known of a library's."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._writing = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        self.write(_text(_foreign(record), record.created, record.levelno))

    def write(self, text: str) -> None:
        """Write a line whole, whatever other threads write.

        Nobody reads on, or the disk is full: a call does not fail for that.
        """
        with self._writing, suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def _text(line: Line, seconds: float, level: int) -> str:
    when = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    name = logging.getLevelName(level).lower()
    return f'{{"time":"{when}","level":"{name}",{_encode(line)[1:].decode()}\n'


def _foreign(record: logging.LogRecord) -> Line:
    if record.name == _NEWS and record.levelno == logging.INFO:
        return News(text=record.getMessage())
    kind = record.exc_info[0] if record.exc_info else None
    return _Foreign(logger=record.name, error=None if kind is None else kind.__name__)


def counted(determinations: Iterable[Determination]) -> tuple[dict[str, int], dict[str, int]]:
    """What a call's line counts of its determinations: statuses, and gaps by kind."""
    statuses: dict[str, int] = {}
    gaps: dict[str, int] = {}
    for one in determinations:
        statuses[one.status] = statuses.get(one.status, 0) + 1
        for indication in one.indications:
            for criterion in indication.criteria:
                for gap in criterion.gaps:
                    gaps[gap.kind] = gaps.get(gap.kind, 0) + 1
    return statuses, gaps
