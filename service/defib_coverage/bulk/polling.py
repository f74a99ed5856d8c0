"""Waiting until an export is ready: the server is asked again as it wishes, within bounds."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from defib_coverage.bulk.faults import BUSY, PASSING, REASONS, FetchError
from defib_coverage.bulk.manifest import LARGEST, MOST_FILES, MOST_PAGES, put_together, read_page
from defib_coverage.bulk.outcomes import progress, told
from defib_coverage.fhir.outcomes import outcome_of
from defib_coverage.network.transfer import TransferError

if TYPE_CHECKING:
    from defib_coverage.bulk.courier import Courier
    from defib_coverage.bulk.manifest import Manifest, Page
    from defib_coverage.bulk.patience import Patience
    from defib_coverage.bulk.telling import Watch
    from defib_coverage.network.transport import Reply

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class GoneError(FetchError):
    """The server knows nothing of the export any more, or has failed at it."""


def wait_for(status_url: str, courier: Courier, patience: Patience, watch: Watch) -> Manifest:
    """Wait for an export's manifest, all pages of it.

    Args:
        status_url: where the server tells of it.
        courier: who asks.
        patience: how often, and how many faults in a row are borne.
        watch: is told how far it is.

    Raises:
        GoneError: the export has failed, or is there no longer.
        FetchError: the server cannot be asked, or its manifest cannot be used.
    """
    where = courier.places.base
    pages: list[Page] = []
    seen: set[str] = set()
    url: str | None = status_url
    files = 0
    while url is not None:
        if url in seen or len(pages) == MOST_PAGES or files > MOST_FILES:
            message = f"{where}: its manifest has no end"
            raise FetchError(message)
        seen.add(url)
        page = _page(url, courier, patience, watch)
        pages.append(page)
        files += len(page.output)
        url = page.following and courier.places.check(
            urljoin(url, page.following), "the next page of the manifest"
        )
    return put_together(pages, where)


def _page(url: str, courier: Courier, patience: Patience, watch: Watch) -> Page:
    """Ask until there is a page."""
    where = courier.places.base
    waits = faults = 0
    while True:
        try:
            reply = courier.send("GET", url, {"Accept": "application/json"}, LARGEST)
        except TransferError as error:
            faults += 1
            if error.reason not in PASSING or faults == patience.attempts:
                message = f"{where}: {REASONS[error.reason]}, asked for the export's status"
                raise FetchError(message) from error
            pause = patience.pause(faults - 1, None)
            watch.waits("not reached", pause)
        else:
            if reply.status == HTTPStatus.OK:
                return read_page(reply.body, where)
            if reply.status == HTTPStatus.ACCEPTED:
                faults = 0
                why = progress(reply.headers.get("x-progress", ""))
                pause = patience.pause(waits, reply.headers.get("retry-after"))
                waits += 1
            else:
                faults += 1
                _check_busy(reply, where, is_last=faults == patience.attempts)
                why = f"busy ({reply.status})"
                pause = patience.pause(faults - 1, reply.headers.get("retry-after"))
            watch.waits(why, pause)
        time.sleep(pause)


def _check_busy(reply: Reply, where: str, *, is_last: bool) -> None:
    """Tell a server that asks for patience from one that has failed.

    Raises:
        GoneError: it has failed.
        FetchError: it has asked for patience too often.
    """
    outcome = outcome_of(reply.body)
    passes = reply.status in BUSY or (outcome is not None and outcome.is_transient)
    if not passes:
        what = "knows the export no longer" if reply.status in _GONE else "has failed at the export"
        message = f"{where}: {what} ({told(reply)})"
        raise GoneError(message)
    if is_last:
        message = f"{where}: is busy for too long ({told(reply)}); start the same command later"
        raise FetchError(message)
