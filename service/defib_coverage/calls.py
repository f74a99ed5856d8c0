"""A call from its request to its answer, and the line that the log gets of it."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.edge.messages import authorization_of, parent_of, send_json
from defib_coverage.errors import RequestError
from defib_coverage.hooks.answer import Answerer
from defib_coverage.hooks.asked import Asked
from defib_coverage.hooks.configuration import read_configuration
from defib_coverage.hooks.discovery import SERVICE_IDS
from defib_coverage.hooks.fetching import Fetches
from defib_coverage.hooks.openapi import Determinations
from defib_coverage.hooks.wire import decode_request
from defib_coverage.ledger.ledger import Call
from defib_coverage.ledger.records import Card, LedgerError
from defib_coverage.logs import CallAnswered, CallRefused, counted, write
from defib_coverage.running.watching import Answered, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from starlette.types import ASGIApp, Receive, Scope, Send

    from defib_coverage.callers import Caller, Callers
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.edge.bodies import Bodies
    from defib_coverage.edge.gate import Gate
    from defib_coverage.fhir.plans import Plan
    from defib_coverage.hooks.answer import Answer
    from defib_coverage.hooks.configuration import Configuration
    from defib_coverage.hooks.fetching import Fetcher
    from defib_coverage.hooks.request import Decoded, HookName
    from defib_coverage.ledger.ledger import Ledger
    from defib_coverage.running.watching import Watcher
    from defib_coverage.shadow import Seen, Shadow

_UNKNOWN = "unknown"
_encode = msgspec.json.Encoder().encode


class Answering(NamedTuple):
    """What answering a call takes."""

    callers: Callers
    bodies: Bodies
    gate: Gate
    knowledge: Knowledge
    fetcher: Fetcher
    today: Callable[[], date]
    plans: Mapping[str, Plan]
    watchers: Sequence[Watcher] = ()
    shadow: Shadow | None = None


class _Progress:
    """How far a call has come, for the line of one that is refused on the way."""

    def __init__(self, *, shadowed: bool) -> None:
        self.hook_instance: str | None = None
        self.fetches = Fetches(brought={} if shadowed else None)
        self.ledger_seconds: float | None = None


class _Worked(NamedTuple):
    """What became of a call: its answer, and what its line tells."""

    content: bytes
    decoded: Decoded
    today: date
    configuration: Configuration
    found: tuple[Determination, ...]
    marks: tuple[float, float, float, float]
    answer: Answer | None = None


class Calls:
    """The routes of the service that take a CDS Hooks request.

    ``ledger`` is where decisions are kept; it is put in when the service starts.
    """

    def __init__(self, answering: Answering) -> None:
        """Answer with ``answering``."""
        self._with = answering
        self.ledger: Ledger | None = None
        self._answerer = Answerer(answering.knowledge)

    def paths(self) -> dict[tuple[str, str], ASGIApp]:
        """What answers, by method and path, for the services that there are."""
        found: dict[tuple[str, str], ASGIApp] = {("POST", "/determinations"): self.determinations}
        for service in SERVICE_IDS:
            path = f"/cds-services/{service}"
            found["POST", path] = partial(self._answer, service=service)
        return found

    async def hook(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``POST /cds-services/{service_id}``: cards."""
        service = scope["path_params"]["service_id"]
        known = service if service in SERVICE_IDS else _UNKNOWN
        await self._answer(scope, receive, send, known)

    async def determinations(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``POST /determinations``: what the cards are made of, for any of the hooks."""
        await self._answer(scope, receive, send, "determinations")

    async def _answer(self, scope: Scope, receive: Receive, send: Send, service: str) -> None:
        """Answer a call and write its line.

        Raises:
            RequestError: the call is refused.
        """
        caller: Caller | None = None
        shadow = self._with.shadow
        progress = _Progress(shadowed=shadow is not None)
        begin = time.perf_counter()
        try:
            caller = await self._with.callers.identify(authorization_of(scope), scope["path"])
            self._with.callers.admit(caller)
            _check_known(service)
            async with self._with.bodies.reading(scope, receive) as body, self._with.gate:
                worked = await self._work(body, SERVICE_IDS.get(service), caller, progress)
                kept = await self._keep(service, caller, worked, progress, begin)
        except RequestError as error:
            client = None if caller is None else caller.client
            line = CallRefused(
                service=service,
                status=error.status,
                issue=error.code,
                client=client,
                hook_instance=progress.hook_instance,
                server_refused=progress.fetches.refused,
                not_fetched=_by_cause(progress.fetches),
            )
            write(line, logging.WARNING)
            for watcher in self._with.watchers:
                watcher.refused(Refused(line, time.perf_counter() - begin, parent_of(scope)))
            raise
        answered = _line(service, caller, worked, progress, begin)
        write(answered)
        for watcher in self._with.watchers:
            passed = time.perf_counter() - begin
            watcher.answered(Answered(answered, worked.found, passed, parent_of(scope)))
        await send_json(worked.content, send)
        if shadow is not None:
            shadow.look(_seen(service, caller, worked, progress.fetches, kept))

    async def _work(
        self,
        body: bytes | bytearray,
        hook: HookName | None,
        caller: Caller,
        progress: _Progress,
    ) -> _Worked:
        """Decode, fetch, judge, and put into words."""
        arrived = time.perf_counter()
        knowledge = self._with.knowledge
        decoded = decode_request(body, knowledge.index, hook)
        progress.hook_instance = decoded.request.hook_instance
        configuration = read_configuration(decoded.request.extension, caller.options)
        read = time.perf_counter()
        today = self._with.today()
        evaluation = await self._with.fetcher.judge(
            decoded,
            today,
            caller.access,
            progress.fetches,
            longer_reading=configuration.longer_reading,
        )
        found = evaluation.determinations
        judged = time.perf_counter()
        answer = None
        if hook is None:
            content = _encode(Determinations(found))
        else:
            asked = Asked(
                decoded=decoded,
                configuration=configuration,
                today=today,
                caller=caller.client,
                label=caller.label,
                plans=self._with.plans,
            )
            answer = self._answerer.answer(evaluation, asked)
            content = _encode(answer.response)
        marks = (arrived, read, judged, time.perf_counter())
        return _Worked(content, decoded, today, configuration, found, marks, answer)

    async def _keep(
        self, service: str, caller: Caller, worked: _Worked, progress: _Progress, begin: float
    ) -> Mapping[str, str]:
        """Keep what was decided: no answer goes out before that.

        Returns:
            The ids of the decisions, by the reference of the order.

        Raises:
            RequestError: 503 where it could not be kept.
        """
        ledger = self.ledger
        if ledger is None:
            return {}
        cards: dict[str, list[Card]] = {}
        if worked.answer is not None:
            sent = worked.answer.response.cards
            for card, about in zip(sent, worked.answer.cards_about, strict=True):
                suggested = tuple([suggestion.uuid for suggestion in card.suggestions])
                kept = Card(card.uuid, card.source.topic.code, suggested)
                cards.setdefault(about, []).append(kept)
        call = Call(
            service=service,
            hook_instance=progress.hook_instance or "",
            client=caller.client,
            patient_id=worked.decoded.patient_id,
            determinations=worked.found,
            cards=cards,
            assertions={} if worked.answer is None else worked.answer.assertions,
            milliseconds=_milliseconds(time.perf_counter() - begin),
            response=worked.content,
        )
        asked = time.perf_counter()
        try:
            ids = await ledger.record(call)
        except LedgerError as error:
            message = "the decision could not be kept; call again"
            raise RequestError(503, "transient", message, retry_after=1) from error
        progress.ledger_seconds = time.perf_counter() - asked
        return ids


def _seen(
    service: str, caller: Caller, worked: _Worked, fetches: Fetches, kept: Mapping[str, str]
) -> Seen:
    """What the shadow needs of a call that was answered."""
    # Costs memory and time to import: only where it is used.
    from defib_coverage.shadow import Seen  # noqa: PLC0415

    return Seen(
        service=service,
        client=caller.client,
        decoded=worked.decoded,
        today=worked.today,
        longer_reading=worked.configuration.longer_reading,
        brought=fetches.brought or {},
        why_not=fetches.why_not,
        found=worked.found,
        decisions=kept,
    )


def _check_known(service: str) -> None:
    """Refuse a service that does not exist, after its caller is known.

    Raises:
        RequestError: 404.
    """
    if service == _UNKNOWN:
        raise RequestError(404, "not-found", "there is no such service")


def _by_cause(fetches: Fetches) -> dict[str, int]:
    return {cause.value: number for cause, number in fetches.causes.items()}


def _line(
    service: str,
    caller: Caller,
    worked: _Worked,
    progress: _Progress,
    begin: float,
) -> CallAnswered:
    """What the log gets of a call that was answered."""
    response = None if worked.answer is None else worked.answer.response
    arrived, read, judged, done = worked.marks
    statuses, gaps = counted(worked.found)
    fetches = progress.fetches
    milliseconds = {
        "receive": _milliseconds(arrived - begin),
        "decode": _milliseconds(read - arrived),
        "fetch": _milliseconds(fetches.seconds),
        "judge": _milliseconds(judged - read - fetches.seconds),
        "answer": _milliseconds(done - judged),
    }
    if progress.ledger_seconds is not None:
        milliseconds["ledger"] = _milliseconds(progress.ledger_seconds)
    return CallAnswered(
        service=service,
        hook_instance=progress.hook_instance or "",
        client=caller.client,
        policies=tuple({d.policy.version for d in worked.found if d.policy is not None}),
        statuses=statuses,
        gaps=gaps,
        version=worked.configuration.version,
        cards=0 if response is None else len(response.cards),
        system_actions=0 if response is None else len(response.system_actions),
        options_ignored=worked.configuration.ignored,
        server_refused=fetches.refused,
        fetches=fetches.queries,
        not_fetched=_by_cause(fetches),
        milliseconds=milliseconds,
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
