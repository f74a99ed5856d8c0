"""The ledger as the service uses it: calls and answers of clinicians come in, and are kept."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import msgspec

from defib_coverage.ledger.records import (
    Answered,
    Decision,
    Departure,
    Feedback,
    Shadowed,
    moment,
)
from defib_coverage.ledger.secrets import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.ledger.content import Content
    from defib_coverage.ledger.records import Card
    from defib_coverage.ledger.secrets import Secrets
    from defib_coverage.ledger.writer import Writer
    from defib_coverage.replaying.difference import Difference

_encode = msgspec.json.Encoder().encode
_NOT_OURS = "not-applicable"
# What our cards and suggestions are named by; nothing else can be said in it.
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Call(NamedTuple):
    """An answered call.

    ``cards`` and ``assertions`` are by the reference of the order that they tell of.
    """

    service: str
    hook_instance: str
    client: str | None
    patient_id: str
    determinations: Sequence[Determination]
    cards: Mapping[str, Sequence[Card]]
    assertions: Mapping[str, str]
    milliseconds: float
    response: bytes


class Given(NamedTuple):
    """What a clinician did with a card, as a client tells it."""

    service: str
    client: str | None
    card: str
    outcome: str
    outcome_time: str | None = None
    suggestions: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    comment: str | None = None


class Departed(NamedTuple):
    """What a draft of the rules makes of an answered call.

    ``decisions`` are the ids of what was decided, by the reference of the order; ``unread`` counts
    what the draft would have looked up and the call did not.
    """

    service: str
    client: str | None
    data_digest: str
    draft_digest: str
    decisions: Mapping[str, str]
    differences: Sequence[Difference]
    unread: int = 0


class Ledger:
    """Keeps what was decided and answered."""

    def __init__(
        self,
        writer: Writer,
        secrets: Secrets,
        content: Content,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep records with ``writer``, as much of them as ``content`` says."""
        self.writer = writer
        self._secrets = secrets
        self._content = content
        self._now = now

    async def record(self, call: Call) -> Mapping[str, str]:
        """Keep the decisions of a call; nothing of one without an order of ours.

        Returns:
            The ids of the decisions, by the reference of the order.

        Raises:
            LedgerError: they could not be kept.
        """
        ours = {d.order.reference: d for d in call.determinations if d.status != _NOT_OURS}
        decisions = self._decisions(call, ours)
        if decisions:
            await self.writer.keep(Answered(decisions))
        return {reference: one.id for reference, one in zip(ours, decisions, strict=True)}

    async def depart(self, departed: Departed) -> None:
        """Keep where a draft departs from what was decided; nothing where it does nowhere.

        Raises:
            LedgerError: it could not be kept.
        """
        if departed.differences:
            time = moment(self._now())
            departures = tuple(self._departure(departed, d, time) for d in departed.differences)
            await self.writer.keep(Shadowed(departures))

    def _departure(self, departed: Departed, difference: Difference, time: str) -> Departure:
        detail = None
        if self._content != "columns":
            detail = pack(self._secrets.without_names(_encode(difference)))
        order = difference.order
        return Departure(
            id=str(uuid4()),
            time=time,
            decision=departed.decisions.get(order.reference),
            client=departed.client,
            service=departed.service,
            order_code=order.code,
            order_class=order.class_,
            service_date=order.service_date,
            data_digest=departed.data_digest,
            draft_digest=departed.draft_digest,
            status_before=difference.status_before,
            status_after=difference.status_after,
            reasons=difference.reasons,
            unread=departed.unread,
            detail=detail,
        )

    async def answer(self, *answers: Given) -> None:
        """Keep what clinicians did, in this order; a repeat is kept once.

        Raises:
            LedgerError: one could not be kept; others may have been, and can be repeated.
        """
        # All wait together, so that they share a commit.
        await asyncio.gather(*[self.writer.keep(self._feedback(given)) for given in answers])

    def _feedback(self, given: Given) -> Feedback:
        said = self._secrets.digest("feedback", _encode(given).decode())
        comment = None if given.comment is None else self._secrets.lock(given.comment.encode())
        kept = given._asdict() | {
            "comment": comment,
            "card": self._named("card", given.card),
            "suggestions": tuple(self._named("suggestion", one) for one in given.suggestions),
        }
        return Feedback(id=str(uuid4()), time=moment(self._now()), said=said, **kept)

    def _named(self, kind: str, identifier: str) -> str:
        """An id; a keyed digest of what is no uuid: it is none of ours and may be any text."""
        return identifier if _UUID.fullmatch(identifier) else self._secrets.digest(kind, identifier)

    def close(self) -> None:
        """Write what waits, then let go of everything."""
        self.writer.close()

    def _decisions(self, call: Call, ours: Mapping[str, Determination]) -> tuple[Decision, ...]:
        """The decisions of a call; an order that stands in it twice was decided once."""
        if not ours:
            return ()
        secrets = self._secrets
        time, identifier = moment(self._now()), str(uuid4())
        patient = secrets.digest("patient", call.client or "", call.patient_id)
        response = secrets.lock(call.response) if self._content == "response" else None
        return tuple(
            Decision(
                id=str(uuid4()),
                time=time,
                call=identifier,
                hook_instance=call.hook_instance,
                service=call.service,
                client=call.client,
                patient=patient,
                order_code=found.order.code,
                order_class=found.order.class_,
                service_date=found.order.service_date,
                policy=None if found.policy is None else found.policy.version,
                data_digest=found.data_digest,
                status=found.status,
                findings=tuple(dict.fromkeys(f.code for f in found.findings)),
                indications=found.indications_met,
                assertion_id=call.assertions.get(reference),
                milliseconds=call.milliseconds,
                cards=tuple(call.cards.get(reference, ())),
                determination=self._kept(found),
                response=response if number == 0 else None,
            )
            for number, (reference, found) in enumerate(ours.items())
        )

    def _kept(self, found: Determination) -> bytes | None:
        if self._content == "columns":
            return None
        if found.coverage is not None:
            # Whatever a chart writes there is free text: it may name a person.
            coverage = msgspec.structs.replace(found.coverage, insurer=None)
            found = msgspec.structs.replace(found, coverage=coverage)
        return pack(self._secrets.without_names(_encode(found)))
