"""``/ledger``: What was decided over time, and one decision in full."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from defib_coverage.console.ledger_query import read_query
from defib_coverage.console.page import Door, Page
from defib_coverage.console.views.ledger_decision import decision_view
from defib_coverage.console.views.ledger_sums import sums_view
from defib_coverage.errors import RequestError
from defib_coverage.ledger.browsing import SlowError
from defib_coverage.ledger.records import LedgerError
from defib_coverage.logs import Trouble, write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from typing import TypeVar

    from starlette.requests import Request
    from starlette.responses import Response

    from defib_coverage.console.service import Service
    from defib_coverage.ledger.browsing import Browser

    _Told = TypeVar("_Told")

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SEE_OTHER = 303
_SLOW = (
    "Adding this up takes longer than a page may take. Choose a shorter period, or run "
    "defib-coverage ledger report, which takes the time that it needs."
)


class LedgerPage(Page):
    """The page, and one below it for each assertion id."""

    door = Door(
        "/ledger",
        "Ledger",
        "What was decided over time, and one decision in full.",
        shows_patients=True,
    )

    @classmethod
    def is_there(cls, service: Service) -> bool:
        """Whether a ledger is kept."""
        return service.settings.ledger != "off"

    def routes(self) -> Sequence[BaseRoute]:
        """The sums, and what was decided under an id."""
        return (
            Route(self.door.path, self._show, methods=["GET"]),
            Route(self.door.path + "/{assertion}", self._decision, methods=["GET"]),
        )

    async def _show(self, request: Request) -> Response:
        asked = request.query_params.get("id", "").strip()
        if asked:
            return RedirectResponse(f"{self.door.path}/{_checked(asked)}", _SEE_OTHER)
        query = read_query(request.query_params)
        service = self.site.service
        async with service.gate:
            sums = await _read(self._browser().sums(query.choice, query.period_at))
        if query.choice.client is not None and query.choice.client not in sums.clients:
            message = "client: the ledger knows no such client"
            raise RequestError(400, "value", message, "client")
        view = sums_view(sums, query, service.knowledge.wording)
        return self.site.page("ledger.html", view, here=self.door.path)

    async def _decision(self, request: Request) -> Response:
        assertion = _checked(request.path_params["assertion"])
        decision = request.query_params.get("decision") or None
        service = self.site.service
        async with service.gate:
            under = await _read(self._browser().under(assertion, decision))
        if under is None:
            raise _nothing()
        view = decision_view(assertion, under, service.knowledge)
        return self.site.page("decision.html", view, here=self.door.path)

    def _browser(self) -> Browser:
        """What reads the ledger.

        Raises:
            RequestError: 503, the service is starting or stopping.
        """
        browser = self.site.service.browser()
        if browser is None:
            message = "The ledger is not open: the service is starting or stopping."
            raise RequestError(503, "transient", message, retry_after=1)
        return browser


def _checked(assertion: str) -> str:
    """What can be an assertion id.

    Raises:
        RequestError: 404, it cannot.
    """
    if not _ID.fullmatch(assertion):
        raise _nothing()
    return assertion


def _nothing() -> RequestError:
    return RequestError(404, "not-found", "No decision with this assertion id is kept.")


async def _read(reading: Awaitable[_Told]) -> _Told:
    """What is found.

    Raises:
        RequestError: 503, the ledger cannot be read, or not in time.
    """
    try:
        return await reading
    except SlowError as error:
        raise RequestError(503, "transient", _SLOW) from error
    except LedgerError as error:
        write(Trouble(what="ledger-unreadable", error=str(error)), logging.ERROR)
        message = "The ledger cannot be read now. See defib-coverage ledger verify."
        raise RequestError(503, "transient", message, retry_after=1) from error
