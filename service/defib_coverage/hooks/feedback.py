"""Feedback: what clinicians did with cards, as a client tells it; decoded and checked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import BAD
from defib_coverage.hooks.envelope import check_names
from defib_coverage.hooks.limits import check_text
from defib_coverage.hooks.undecoded import refusal

MOST_ENTRIES = 200
"""Entries of one body."""
MOST_SUGGESTIONS = 100
"""Accepted suggestions of one entry."""
LONGEST_ID = 200
"""Characters of the id of a card or a suggestion, and of a reason's code."""
LONGEST_SYSTEM = 400
"""Characters of the URI of a reason's code system."""
LONGEST_COMMENT = 4000
"""Characters of a comment."""
LARGEST_FEEDBACK = 4 << 20
"""Bytes of one body."""
_MOST_VALUES = 100_000
Outcome = Literal["accepted", "overridden"]
_OUTCOMES: dict[str, Outcome] = {"accepted": "accepted", "overridden": "overridden"}
# Databases take no NUL, and no id or code has any of the others.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
_System = Annotated[str, msgspec.Meta(max_length=LONGEST_SYSTEM)]
_Comment = Annotated[str, msgspec.Meta(max_length=LONGEST_COMMENT)]
# With the offset from UTC, or it would be no instant.
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a clinician did with a card.

    ``card`` and ``suggestions`` are ids; those that are UUIDs are written in one way, so that the
    same is the same. ``time`` is the client's, in UTC. ``comment`` may tell of the patient: keep it
    as such, and never log or repeat it.
    """

    card: str
    outcome: Outcome
    time: str
    suggestions: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    comment: str | None = None


class _Reason(msgspec.Struct):
    code: _Name
    system: _System | None = None


class _OverrideReason(msgspec.Struct, rename="camel"):
    reason: _Reason | None = None
    user_comment: _Comment | None = None


class _Suggestion(msgspec.Struct):
    id: _Name


class _Entry(msgspec.Struct, rename="camel"):
    card: _Name
    # Not an enumeration: the decoder would repeat what else stands here.
    outcome: str
    outcome_timestamp: _Instant
    accepted_suggestions: (
        Annotated[list[_Suggestion], msgspec.Meta(max_length=MOST_SUGGESTIONS)] | None
    ) = None
    override_reason: _OverrideReason | None = None


class _Feedback(msgspec.Struct):
    feedback: Annotated[list[_Entry], msgspec.Meta(max_length=MOST_ENTRIES)]


_decode = msgspec.json.Decoder(_Feedback).decode


def decode_feedback(body: bytes | bytearray) -> tuple[Entry, ...]:
    """Decode the feedback of a client; no entry where it has none to tell.

    Args:
        body: the request's body.

    Raises:
        RequestError: 400 with the place for anything that is no such feedback, 413 for more than
            clinicians can have said.
    """
    _check_size(body)
    check_text(body)
    try:
        decoded = _decode(body)
    except BAD as error:
        raise refusal(body, error) from None
    check_names(bytes(body))
    return tuple([_read(one, f"feedback[{n}]") for n, one in enumerate(decoded.feedback)])


def _check_size(body: bytes | bytearray) -> None:
    if len(body) > LARGEST_FEEDBACK:
        message = f"the feedback is larger than {LARGEST_FEEDBACK} bytes"
        raise RequestError(413, "too-long", message, "the body")
    if len(body) > _MOST_VALUES and body.count(b",") > _MOST_VALUES:
        message = f"the feedback has more than {_MOST_VALUES} values"
        raise RequestError(413, "too-costly", message, "the body")


def _read(entry: _Entry, place: str) -> Entry:
    """An entry, once it holds what its outcome requires.

    Raises:
        RequestError: 400 with the place.
    """
    outcome = _OUTCOMES.get(entry.outcome)
    if outcome is None:
        message = "the outcome is none of " + ", ".join(_OUTCOMES)
        raise RequestError(400, "value", message, f"{place}.outcome")
    suggestions = entry.accepted_suggestions or []
    if outcome == "accepted" and not suggestions:
        message = "what was accepted must be named"
        raise RequestError(400, "required", message, f"{place}.acceptedSuggestions")
    why = entry.override_reason or _OverrideReason()
    reason = why.reason or _Reason("")
    if entry.override_reason is not None and why.reason is None and not why.user_comment:
        message = "there must be a reason or a userComment"
        raise RequestError(400, "required", message, f"{place}.overrideReason")
    return Entry(
        card=_name(entry.card, f"{place}.card"),
        outcome=outcome,
        time=_time(entry.outcome_timestamp, f"{place}.outcomeTimestamp"),
        suggestions=tuple(
            [
                _name(one.id, f"{place}.acceptedSuggestions[{n}].id")
                for n, one in enumerate(suggestions)
            ]
        ),
        reason_system=_plain(reason.system, f"{place}.overrideReason.reason.system"),
        reason_code=_plain(reason.code, f"{place}.overrideReason.reason.code"),
        comment=why.user_comment or None,
    )


def _plain(text: str | None, place: str) -> str | None:
    """A text without control characters; None for an empty one.

    Raises:
        RequestError: 400 with the place.
    """
    if text and _CONTROL.search(text):
        raise RequestError(400, "value", "there is a control character", place)
    return text or None


def _name(text: str, place: str) -> str:
    """An id; a UUID in lower case and without a scheme."""
    found = _UUID.fullmatch(text)
    return found[1].lower() if found else _plain(text, place) or ""


def _time(time: datetime, place: str) -> str:
    try:
        return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except OverflowError:
        raise RequestError(400, "value", "there is no such day in UTC", place) from None
