"""Batches: a Bundle of questions comes in, a Bundle with what came of each goes out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.terminology.server import Question, Reply

if TYPE_CHECKING:
    from defib_coverage.terminology.server import TerminologyServer

# What is asked elsewhere waits for this much of a batch: parts, and bytes of answers.
_SLICE, _SLICE_BYTES = 100, 65_536
# A short question may have a long answer: what a batch may come to.
MOST_BYTES = 32 * 1024 * 1024
_TOO_MUCH = RequestError(422, "too-costly", "the answers to what stands before are too long")


class _Request(msgspec.Struct):
    method: str
    url: str


class _Entry(msgspec.Struct):
    request: _Request
    resource: msgspec.Raw = msgspec.Raw()


class _Batch(msgspec.Struct, rename="camel"):
    resource_type: Literal["Bundle"]
    type: str
    entry: list[_Entry] = []


_decode = msgspec.json.Decoder(_Batch).decode
_FOUND = b'{"resource":%b,"response":{"status":"200"}}'
_REFUSED = b'{"response":{"status":"%d","outcome":%b}}'
_EMPTY = b'{"resourceType":"Bundle","type":"batch-response"}'
_ANSWERED = b'{"resourceType":"Bundle","type":"batch-response","entry":[%b]}'


async def answer_batch(server: TerminologyServer, body: bytes | bytearray) -> Reply:
    """Answer each question by itself; others are answered in between.

    Questions whose answers no longer fit are refused one by one, with 422.
    """
    try:
        asked = _read(body)
    except RequestError as error:
        return server.refused(error)
    replies: list[bytes] = []
    length = since = 0
    for number, entry in enumerate(asked.entry, 1):
        if length > MOST_BYTES:
            reply = server.refused(_TOO_MUCH)
        else:
            reply = server.reply(_question(entry, server.url))
        # The usual status as it is: a number is written slowly.
        found = reply.status == 200  # noqa: PLR2004 - HTTP's own number
        replies.append(_FOUND % reply.body if found else _REFUSED % (reply.status, reply.body))
        length += len(reply.body)
        if number % _SLICE == 0 or length - since > _SLICE_BYTES:
            since = length
            await asyncio.sleep(0)
    return Reply(200, _ANSWERED % b",".join(replies) if replies else _EMPTY)


def _read(body: bytes | bytearray) -> _Batch:
    """The questions of a Bundle.

    Raises:
        RequestError: 400 for what is no batch.
    """
    try:
        asked = _decode(body)
    except msgspec.ValidationError as error:
        message = f"the body is no Bundle of requests: {error}"
        raise RequestError(400, "structure", message, "Bundle") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = "the body cannot be read: it is no valid JSON, or nested too deeply"
        raise RequestError(400, "structure", message, "Bundle") from error
    if asked.type != "batch":
        message = "only a Bundle of type batch is answered"
        raise RequestError(400, "not-supported", message, "Bundle.type")
    return asked


def _question(entry: _Entry, base: str) -> Question:
    """What an entry asks; its URL may be absolute."""
    path, _, query = entry.request.url.removeprefix(base).partition("?")
    return Question(entry.request.method, path.removeprefix("/"), query, entry.resource, batch=True)
