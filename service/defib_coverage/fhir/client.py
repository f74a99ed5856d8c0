"""The FHIR client: what prefetch left open is fetched at once, under one deadline.

Nothing that goes wrong here is an answer: whatever could not be had is told with its reason, and
never looks like "there is no such record".
"""

from __future__ import annotations

import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.fetching import Cause, Fetched, Query, Shortfall
from defib_coverage.fhir.raw import BAD, RawEntry, Unreadable, read_carefully
from defib_coverage.fhir.references import PatientCheck
from defib_coverage.fhir.resources import (
    Bundle,
    Entry,
    OperationOutcome,
    is_failure,
    matches_of,
    type_name,
)
from defib_coverage.network.addresses import below
from defib_coverage.network.transfer import Reason, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.fhir.resources import Resource
    from defib_coverage.network.addresses import Reach
    from defib_coverage.network.transfer import Transfer
    from defib_coverage.network.transport import Host, Reply

MOST_PAGES = 50
"""Pages that one search may have."""
MOST_BYTES = 32 * 1024 * 1024
"""Decoded bytes that all fetches of one call may bring."""
MOST_RESOURCES = 20_000
"""Resources that all fetches of one call may bring."""
_MOST_OBJECTS = 400_000
_AGAIN = frozenset({429, 503})
_PAUSE = 0.1
_OK = 200
_UNAUTHORISED = 401
_FORBIDDEN = 403
_NOT_OFFERED = frozenset({400, 404, 405, 410, 422, 501})


class FhirServer(msgspec.Struct, frozen=True):
    """A FHIR server as it is configured: its base URL, its connections, where it may stand."""

    base: str
    host: Host
    reach: Reach


class _Budget:
    """What all fetches of one call may bring together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = MOST_BYTES
        self._resources = MOST_RESOURCES

    def take_bytes(self, size: int) -> bool:
        """Take while they come, so that all together never hold more; whether there was enough."""
        with self._lock:
            self._bytes -= size
            return self._bytes >= 0

    def take_resources(self, number: int) -> bool:
        """Take from it; whether there was enough."""
        with self._lock:
            self._resources -= number
            return self._resources >= 0


class _EndedError(Exception):
    """A search that goes no further, and why."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause


class FhirClient:
    """Fetches for one call, from one server, with the token of that call."""

    def __init__(
        self,
        server: FhirServer,
        token: str | None,
        patient_id: str,
        index: CodeIndex,
        deadline: float,
    ) -> None:
        """Fetch nothing yet.

        Args:
            server: where to ask.
            token: the access token; None where the server needs none. It is sent nowhere else.
            patient_id: whose records are asked for.
            index: tells whether an odd resource would matter.
            deadline: when everything must be back, in seconds of ``time.monotonic``.
        """
        self._server = server
        self._headers = {"Accept": "application/fhir+json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._is_patient = PatientCheck(patient_id)
        self._index = index
        self._deadline = deadline
        self._budget = _Budget()

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Fetched]:
        """Fetch all at once; every query has its answer when the deadline is over."""
        work: list[Callable[[Transfer], Fetched]] = [self._task(query) for query in queries]
        found = await self._server.host.run(work, self._deadline, self._server.reach)
        return {
            query: Fetched(cause=one.reason) if isinstance(one, TransferError) else one
            for query, one in zip(queries, found, strict=True)
        }

    def _task(self, query: Query) -> Callable[[Transfer], Fetched]:
        return lambda transfer: self._pages(query, transfer)

    def _pages(self, query: Query, transfer: Transfer) -> Fetched:
        """One query to its last page; what came before a fault is kept."""
        entries: list[Entry] = []
        unreadable: list[Unreadable] = []
        texts: list[RawEntry] = []
        link: str | None = query.path
        seen: set[str] = set()
        cause: Cause | None = None
        total = 0
        try:
            while link is not None and cause is None:
                url = self._next(link, seen)
                body = self._body(url, transfer)
                if query.keep_text:
                    texts.append(RawEntry(resource=body))
                    break
                page, cause = self._page(query, body, unreadable)
                entries += page.entry
                total = max(total, page.total or 0)
                link = next((one.url or "" for one in page.link if one.relation == "next"), None)
        except _EndedError as ended:
            cause = ended.cause
        except TransferError as error:
            cause = error.reason
        if cause is None and query.came + matches_of(entries) < total:
            cause = Shortfall.FEWER
        return Fetched(entries, tuple(unreadable), texts, cause or self._foreign(entries))

    def _next(self, link: str, seen: set[str]) -> str:
        """The URL of a page, if it may be followed and was not before."""
        url = below(self._server.base, link) if link else None
        if url is None:
            raise _EndedError(Shortfall.FOREIGN_LINK)
        if url in seen or len(seen) >= MOST_PAGES:
            raise _EndedError(Shortfall.ENDLESS)
        seen.add(url)
        return url

    def _foreign(self, entries: Sequence[Entry]) -> Cause | None:
        """An answer that holds nobody's records but others' is no answer about this patient."""
        whose = [
            self._is_patient(entry.resource.subject)  # type: ignore[union-attr]  # it has one
            for entry in entries
            if hasattr(entry.resource, "subject")
        ]
        return Shortfall.OTHER_PATIENTS if whose and not any(whose) else None

    def _page(
        self,
        query: Query,
        body: msgspec.Raw,
        unreadable: list[Unreadable],
    ) -> tuple[Bundle, Cause | None]:
        """One page, or the one resource that was read, as a Bundle; and why it may not be all."""
        odd: list[Unreadable] = []
        try:
            value = read_carefully(query.name, body, self._index, odd)
        except RequestError as error:
            raise _EndedError(Reason.BROKEN) from error
        if isinstance(value, OperationOutcome):
            raise _EndedError(Shortfall.OUTCOME)
        if query.kind is None:
            # Anything but a Bundle, odd or not, is no answer to a search: not even "none found".
            if not isinstance(value, Bundle):
                raise _EndedError(Reason.BROKEN)
            page = value
        elif value is None:
            # It came, and it is odd: that is told by itself.
            page = Bundle()
        elif type_name(type(value)) != query.kind:
            raise _EndedError(Reason.BROKEN)
        else:
            page = Bundle(entry=[Entry(resource=value)])
        unreadable += odd
        if not self._budget.take_resources(len(page.entry)):
            raise _EndedError(Reason.TOO_LARGE)
        failed = any(is_failure(entry) for entry in page.entry)
        kept = [entry for entry in page.entry if not _is_outcome(entry.resource)]
        kept_page = Bundle(total=page.total, link=page.link, entry=kept)
        return kept_page, Shortfall.OUTCOME if failed else None

    def _body(self, url: str, transfer: Transfer) -> msgspec.Raw:
        """The body of a good answer; a busy or lost connection is tried once more."""
        try:
            reply = self._get(url, transfer)
        except TransferError as error:
            if error.reason is not Reason.NOT_REACHABLE:
                raise
            transfer.pause(_PAUSE)
            reply = self._get(url, transfer)
        else:
            if reply.status in _AGAIN:
                transfer.pause(_retry_after(reply))
                reply = self._get(url, transfer)
        if reply.status != _OK:
            raise _EndedError(_cause_of(reply.status))
        # Objects cost memory, bytes hardly any: a page of nothing but "{}" is refused.
        if reply.body.count(b"{") > _MOST_OBJECTS:
            raise _EndedError(Reason.TOO_LARGE)
        body = reply.body.strip()
        if body[:1] != b"{":
            raise _EndedError(Reason.BROKEN)
        try:
            return msgspec.json.decode(body, type=msgspec.Raw)
        except BAD as error:
            raise _EndedError(Reason.BROKEN) from error

    def _get(self, url: str, transfer: Transfer) -> Reply:
        return self._server.host.get(
            url, self._headers, transfer, MOST_BYTES, self._budget.take_bytes
        )


def _cause_of(status: int) -> Cause:
    if status == _UNAUTHORISED:
        return Shortfall.TOKEN_REFUSED
    if status == _FORBIDDEN:
        return Shortfall.NOT_PERMITTED
    return Shortfall.NOT_OFFERED if status in _NOT_OFFERED else Shortfall.ERROR_STATUS


def _retry_after(reply: Reply) -> float:
    """Seconds to wait as the server asks, else a moment."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), _PAUSE)
    except (ValueError, OverflowError):
        return _PAUSE


def _is_outcome(resource: Resource | None) -> bool:
    return isinstance(resource, OperationOutcome)
