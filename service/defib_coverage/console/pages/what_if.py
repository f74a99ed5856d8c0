"""``/try/what-if``: a chart with facts changed; what flips, and what would make it covered."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from defib_coverage.console.samples import read_samples
from defib_coverage.console.trials import Trial, Trials
from defib_coverage.console.what_if import PATH, Origin, Panel, panel_of
from defib_coverage.console.what_if_controls import Choice
from defib_coverage.console.what_if_form import changes_of
from defib_coverage.documents.document import InputError
from defib_coverage.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from defib_coverage.console.site import Site
    from defib_coverage.whatif.changes import Change

_FORM = b"application/x-www-form-urlencoded"
_MOST_FIELDS = 60
_SEE_OTHER = 303
_BAD = 400
_DOOR = "/try"


class View(msgspec.Struct, frozen=True):
    """The page: the samples to choose from, and the panel once there is something to ask about.

    ``trouble`` says why what was asked cannot be shown.
    """

    samples: tuple[Choice, ...]
    panel: Panel | None = None
    trouble: str | None = None


class WhatIf:
    """The page and what its forms send."""

    def __init__(self, site: Site) -> None:
        """Be a page of ``site``."""
        self._site = site
        self._service = site.service
        self._trials = Trials(site.service)
        self._samples = {sample.id: sample for sample in read_samples()}
        self._choices = tuple(Choice(s.id, s.title) for s in self._samples.values())

    def routes(self) -> Sequence[BaseRoute]:
        """The page by its link, and as its forms ask for it."""
        return (
            Route(PATH, self._linked, methods=["GET"]),
            Route(PATH, self._sent, methods=["POST"]),
        )

    async def _linked(self, request: Request) -> Response:
        """The page of a link: a sample patient, the changes, nothing of anybody's chart."""
        fields = dict(request.query_params)
        if "sample" not in fields:
            return self._page(View(self._choices))
        async with self._service.gate:
            return self._shown(fields)

    async def _sent(self, request: Request) -> Response:
        """What a form asks for: of a sample the address that shows it, else the page itself."""
        scope, receive = request.scope, request.receive
        async with self._service.bodies.reading(scope, receive, (_FORM,)) as body:
            fields = _fields(bytes(body))
        async with self._service.gate:
            return self._shown(fields)

    def _shown(self, fields: Mapping[str, str]) -> Response:
        """The page with the panel; with what is wrong in its place, where nothing can be made."""
        try:
            origin = self._origin(fields)
        except RequestError as error:
            return self._page(View(self._choices, None, error.message), _BAD)
        trouble = None
        changes: tuple[Change, ...]
        try:
            changes = changes_of(fields, self._service.knowledge.index)
        except RequestError as error:
            trouble = error.message
            changes = self._before(fields)
        try:
            panel = self._panel(origin, changes, fields.get("about"))
        except (InputError, RequestError) as error:
            return self._page(View(self._choices, None, str(error)), _BAD)
        if panel is None:
            told = "The call orders nothing, so there is nothing to ask about."
            return self._page(View(self._choices, None, told), _BAD)
        if trouble is not None:
            panel = msgspec.structs.replace(panel, trouble=trouble)
            return self._page(View(self._choices, panel), _BAD)
        if panel.link is not None and fields.keys() & {"make", "set"}:
            return RedirectResponse(panel.link, _SEE_OTHER)
        return self._page(View(self._choices, panel))

    def _before(self, fields: Mapping[str, str]) -> tuple[Change, ...]:
        """The changes that stood before one that cannot be read; none where they cannot either."""
        try:
            kept = {"changes": fields.get("changes", "")}
            return changes_of(kept, self._service.knowledge.index)
        except RequestError:
            return ()

    def _origin(self, fields: Mapping[str, str]) -> Origin:
        """What the panel is about.

        Raises:
            RequestError: 400, neither a sample nor a document, or a day that is none.
        """
        on = fields.get("on", "").strip() or self._service.today().isoformat()
        try:
            date.fromisoformat(on)
        except ValueError:
            message = "the day of the call must be a date such as 2026-11-20"
            raise RequestError(400, "invalid", message, "on") from None
        document = fields.get("document", "").strip()
        if document:
            return Origin(on, document=document, patient=fields.get("patient") or None)
        sample = fields.get("sample", "")
        if sample not in self._samples:
            raise RequestError(400, "invalid", "there is no such sample patient", "sample")
        return Origin(on, sample=sample)

    def _panel(
        self, origin: Origin, changes: Sequence[Change], reference: str | None
    ) -> Panel | None:
        """Judge the call, and again with its changes.

        Raises:
            InputError: the document is no call and stands for none.
        """
        document = (origin.document or "").encode()
        trial = Trial(
            source=document if origin.sample is None else self._samples[origin.sample],
            today=date.fromisoformat(origin.on),
            patient=origin.patient,
        )
        evaluation = self._trials.tried(trial).evaluation
        return panel_of(self._service.knowledge, evaluation, origin, changes, reference)

    def _page(self, view: View, status: int = 200) -> Response:
        return self._site.page("what_if.html", view, here=_DOOR, status=status)


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form; of a field sent twice the last.

    Raises:
        RequestError: 400, no form, or one of more fields than any of ours has.
    """
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        message = "the form cannot be read"
        raise RequestError(400, "structure", message, "the body") from None
    return dict(pairs)
