"""``/try``: an invented patient or a pasted chart, and the cards as an EHR would show them."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from defib_coverage.console.addresses import check_own
from defib_coverage.console.asked import day_in
from defib_coverage.console.forms import FORM_TYPES, read_form
from defib_coverage.console.page import Door, Page
from defib_coverage.console.samples import Sample, read_samples
from defib_coverage.console.trials import Trial, Trials, Tried
from defib_coverage.console.views.answers import AnswerView, answer_view
from defib_coverage.console.views.json_text import pretty, spelled, weight
from defib_coverage.console.views.orders import OrderGroup, order_groups, wanted_order
from defib_coverage.console.views.what_if_controls import Choice, known_codes
from defib_coverage.console.wishes import wish_of
from defib_coverage.documents.document import InputError
from defib_coverage.errors import RequestError
from defib_coverage.fhir.references import is_id
from defib_coverage.whatif.changes import Change, SetOrder, SetServiceDate
from defib_coverage.whatif.grammar import parse_changes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from defib_coverage.console.site import Site

_BAD_REQUEST = 400
# Around the years in which anything is judged; arithmetic with days is safe within them.
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)
# What an address may ask for.
_IN_LINKS = ("sample", "order", "date", "as_of", "changes", "part")
_KILOBYTE, _MEGABYTE = 1024, 1024 * 1024
# A longer document is not written into the page again.
_LONGEST_ECHO = 60_000


class TryView(msgspec.Struct, frozen=True):
    """The page: what was asked, and the answer or what is wrong with what was asked.

    ``document`` is the one that was brought; a long one is not repeated, then ``left_out`` are its
    kilobytes. ``codes`` are diagnoses to choose from; ``wish_trouble`` is what is wrong with one of
    the changes.
    """

    samples: tuple[Sample, ...]
    groups: tuple[OrderGroup, ...]
    codes: tuple[Choice, ...]
    largest: int
    sample: str
    document: str
    left_out: int
    patient: str
    order: str
    as_of: date
    asked_date: date | None = None
    answer: AnswerView | None = None
    trouble: str | None = None
    is_own: bool = False
    wish_trouble: str | None = None


class TryPage(Page):
    """The page, and the parts of it that its script asks for."""

    door = Door(
        "/try",
        "Try it",
        "Pick an invented patient or paste a chart, and see the cards as an EHR would show them.",
        shows_patients=True,
    )

    def __init__(self, site: Site) -> None:
        """Read the samples."""
        super().__init__(site)
        self._samples = read_samples()
        self._trials = Trials(site.service.knowledge, site.service.plans)
        self._index = site.service.knowledge.index
        self._groups = order_groups(self._index)
        self._codes = tuple(known_codes(self._index))

    def routes(self) -> Sequence[BaseRoute]:
        """The page itself, asked for by a link or a form."""
        return (
            Route(self.door.path, self._show, methods=["GET"]),
            Route(self.door.path, self._try, methods=["POST"]),
        )

    async def _show(self, request: Request) -> Response:
        """The page by a link: a sample, an order, a day."""
        query = request.query_params
        # A chart stands in no address: there it would be kept by browsers and logs.
        given = {name: query[name].encode() for name in _IN_LINKS if name in query}
        if not _text(given, "sample"):
            given["sample"] = self._samples[0].id.encode()
        async with self.site.service.gate:
            return await asyncio.to_thread(self._answer, given)

    async def _try(self, request: Request) -> Response:
        """The page by its form.

        Raises:
            RequestError: the form cannot be read, is too large, or is another site's.
        """
        service = self.site.service
        check_own(request, service.settings)
        async with (
            service.bodies.reading(request.scope, request.receive, FORM_TYPES) as body,
            service.gate,
        ):
            # Not in the loop: drawing a large chart takes longer than answering it.
            kind = request.headers.get("content-type", "")
            return await asyncio.to_thread(self._answer_form, body, kind)

    def _answer_form(self, body: bytes | bytearray, kind: str) -> Response:
        return self._answer(read_form(body, kind))

    def _answer(self, fields: Mapping[str, bytes]) -> Response:
        """The page, or its ``part`` that was asked for: answer, request or response."""
        part = _text(fields, "part")
        wish = wish_of(fields, self._index)
        fields = wish.fields
        tried: Tried | None = None
        trouble = None
        try:
            tried = self._trials.tried(self.trial(fields))
        except InputError as error:
            trouble = str(error)
        if tried is not None and part == "request":
            return _json(tried.call)
        if tried is not None and part == "response":
            return _json(msgspec.json.encode(tried.response))
        view = msgspec.structs.replace(
            self._view(fields, tried, trouble), wish_trouble=wish.trouble
        )
        if part == "answer":
            # It is shown in a page that is there: not a failure of the page.
            return self.site.page("parts/try_answer.html", view, here=self.door.path)
        failed = trouble is not None or wish.trouble is not None
        status = _BAD_REQUEST if failed else 200
        return self.site.page("try.html", view, here=self.door.path, status=status)

    def trial(self, fields: Mapping[str, bytes]) -> Trial:
        """What a form asks for.

        Raises:
            InputError: a field that cannot be used, by its name on the page.
        """
        today = self.site.service.today()
        order = _text(fields, "order")
        as_of = _day(fields, "as_of", "Day of the sample") or today
        name = _text(fields, "sample")
        patient = _text(fields, "patient").removeprefix("Patient/") or None
        if patient is not None and not is_id(patient):
            message = "Patient id: is no id of FHIR: letters, digits, - and . alone"
            raise InputError(message)
        if name:
            source = next((one for one in self._samples if one.id == name), None)
            if source is None:
                message = f"Sample: there is none called {name[:64]!r}"
                raise InputError(message)
        return Trial(
            source=source if name and source is not None else _document(fields),
            today=as_of if name else today,
            patient=patient,
            order=wanted_order(order, self._index) if order else None,
            service_date=_day(fields, "date", "Service date"),
            changes=self._changes(fields),
        )

    def _changes(self, fields: Mapping[str, bytes]) -> tuple[Change, ...]:
        """The facts that are changed; the order and its day are fields of their own.

        Raises:
            InputError: they cannot be read.
        """
        try:
            found = parse_changes(_text(fields, "changes"), self._index)
        except RequestError as error:
            message = f"What if: {error.message}"
            raise InputError(message) from error
        if any(isinstance(change, SetServiceDate | SetOrder) for change in found):
            message = "What if: the order and its day are chosen in the form, as order and date"
            raise InputError(message)
        return found

    def _view(
        self, fields: Mapping[str, bytes], tried: Tried | None, trouble: str | None
    ) -> TryView:
        sample = _text(fields, "sample")
        answer = None if tried is None else answer_view(tried, self.site.service.knowledge)
        own = _document(fields) if not sample else b""
        echo = "" if len(own) > _LONGEST_ECHO else spelled(own.decode(errors="replace"))
        is_long = max(len(own), weight(echo)) > _LONGEST_ECHO
        return TryView(
            samples=self._samples,
            groups=self._groups,
            codes=self._codes,
            largest=self.site.service.settings.max_body // _MEGABYTE,
            sample=sample,
            document="" if is_long else echo,
            left_out=len(own) // _KILOBYTE if is_long else 0,
            patient=_text(fields, "patient"),
            order=_text(fields, "order"),
            as_of=self.site.service.today() if tried is None else tried.trial.today,
            asked_date=None if tried is None else tried.trial.service_date,
            answer=answer,
            trouble=trouble,
            is_own=not sample,
        )


def _document(fields: Mapping[str, bytes]) -> bytes:
    """The document that was uploaded, else the one that was pasted."""
    return fields.get("file") or fields.get("document", b"")


def _text(fields: Mapping[str, bytes], name: str) -> str:
    return fields.get(name, b"").decode(errors="replace").strip()


def _day(fields: Mapping[str, bytes], name: str, told: str) -> date | None:
    """A day of a form; None where it is left out.

    Raises:
        InputError: it is none.
    """
    text = _text(fields, name)
    if not text:
        return None
    day = day_in(text)
    if day is None or not _FIRST_DAY <= day <= _LAST_DAY:
        message = f"{told}: {text[:32]!r} is no day such as 2026-12-01, from 2000 to 2100"
        raise InputError(message)
    return day


def _json(body: bytes) -> Response:
    """A document as text that a browser shows and does not run."""
    return Response(pretty(body), media_type="text/plain; charset=utf-8")
