"""A terminology server without its network: a question comes in, a reply goes out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.terminology.capability import (
    FHIR_VERSION,
    OPERATIONS,
    capability_statement,
    terminology_capabilities,
)
from defib_coverage.terminology.elements import Parameter, Parameters
from defib_coverage.terminology.operations.errors import outcome_of
from defib_coverage.terminology.queries import read_query
from defib_coverage.terminology.searching import KINDS, Searching

if TYPE_CHECKING:
    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.operations.operations import Operations
    from defib_coverage.terminology.queries import Pairs

# What is asked in between waits for this many parts of a batch.
_SLICE = 100
# What is asked most: whether a code is in a value set.
MOST_ASKED = "ValueSet/$validate-code"
_MODES = ("full", "normative", "terminology")
_encode = msgspec.json.Encoder().encode


class Question(NamedTuple):
    """A request: ``path`` is below the server's base, ``query`` as it came, ``body`` of a POST."""

    method: str
    path: str
    query: str = ""
    body: bytes | bytearray = b""


class Reply(NamedTuple):
    """An HTTP status and a resource as JSON; ``issue`` is the type of what is wrong."""

    status: int
    body: bytes
    issue: str = ""


class _Request(msgspec.Struct):
    method: str
    url: str


class _Entry(msgspec.Struct):
    request: _Request
    resource: msgspec.Raw = msgspec.Raw()


class _Batch(msgspec.Struct, tag_field="resourceType", tag="Bundle"):
    type: str
    entry: list[_Entry] = []


_decode_batch = msgspec.json.Decoder(_Batch).decode


class TerminologyServer:
    """Answers questions about what is published."""

    def __init__(self, catalogue: Catalogue, operations: Operations, url: str) -> None:
        """Answer under a URL.

        Args:
            catalogue: what is published.
            operations: what can be done with it.
            url: the URL of the server, for links.
        """
        self._url = url
        self._operations = operations
        self._searching = Searching(catalogue)
        self._statement = _encode(capability_statement(catalogue.base, url))
        self._base = catalogue.base

    def reply(self, question: Question) -> Reply:
        """Answer one question; what is wrong with it becomes an OperationOutcome."""
        if question.path == MOST_ASKED:
            ready = self._ready(question.method, question.query, question.body)
            if ready is not None:
                return Reply(200, ready)
        try:
            return Reply(200, self._answer(question))
        except RequestError as error:
            return self.refused(error)

    def refused(self, error: RequestError) -> Reply:
        """The reply to a question that is refused."""
        return Reply(error.status, _encode(outcome_of(error)), error.code)

    def _ready(
        self, method: str, query: str, body: bytes | bytearray | msgspec.Raw
    ) -> bytes | None:
        """The answer to a plain question whether a code is in a value set; None for any other."""
        if method == "GET":
            return self._operations.reader.of_query(query)
        return self._operations.reader.of_body(body) if method == "POST" and not query else None

    def _answer(self, question: Question) -> bytes:
        """The resource that is asked for.

        Raises:
            RequestError: there is none.
        """
        method, path, *_ = question
        if method not in {"GET", "POST"}:
            raise RequestError(405, "not-supported", "only GET and POST are answered")
        parts = path.split("/")
        _check_format(question.query)
        name = parts[-1]
        if name.startswith("$"):
            return self._operate(question, parts[:-1], name[1:])
        if path == "metadata" and method == "GET":
            return self._metadata(read_query(question.query))
        kind = parts[0]
        if kind not in KINDS:
            raise _unknown()
        if len(parts) == 1 and method == "GET":
            return _encode(self._searching.search(kind, read_query(question.query), self._url))
        if parts[1:] == ["_search"] and method == "POST":
            query = (*read_query(question.query), *read_query(_form(question.body)))
            return _encode(self._searching.search(kind, query, self._url))
        if len(parts) == len(("kind", "id")) and method == "GET":
            return self._searching.read(kind, parts[1])
        raise _unknown()

    def _operate(self, question: Question, where: list[str], name: str) -> bytes:
        """Call an operation: of the server, of a type, of a resource."""
        kind, _, identifier = "/".join(where).partition("/")
        if not kind and name == "versions":
            return _VERSIONS
        if name not in OPERATIONS.get(kind, ()) or "/" in identifier:
            raise _unknown()
        given = question.body if question.method == "POST" else read_query(question.query)
        return self._operations.run(kind, name, identifier or None, given)

    def _metadata(self, query: Pairs) -> bytes:
        mode = dict(query).get("mode", "full")
        if mode not in _MODES:
            message = f"mode is none of {', '.join(_MODES)}"
            raise RequestError(400, "invalid", message, "mode")
        if mode != "terminology":
            return self._statement
        systems, inputs = self._operations.systems(), self._operations.inputs("ValueSet", "expand")
        return _encode(terminology_capabilities(self._base, self._url, systems, inputs))

    async def batch(self, body: bytes | bytearray) -> Reply:
        """Answer a Bundle of questions, each by itself; others are answered in between."""
        try:
            asked = _read_batch(body)
        except RequestError as error:
            return self.refused(error)
        replies = []
        for number, entry in enumerate(asked.entry, 1):
            request = entry.request
            path, _, query = request.url.removeprefix("/").partition("?")
            ready = None
            if path == MOST_ASKED:
                ready = self._ready(request.method, query, entry.resource)
            if ready is None:
                question = Question(request.method, path, query, bytes(entry.resource))
                replies.append(_entry(self.reply(question)))
            else:
                replies.append(_FOUND % ready)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        return Reply(200, _BATCH % b",".join(replies))


_FOUND = b'{"resource":%b,"response":{"status":"200"}}'
_BATCH = b'{"resourceType":"Bundle","type":"batch-response","entry":[%b]}'
_VERSIONS = _encode(
    Parameters(
        parameter=(
            Parameter("version", value_code=FHIR_VERSION.rpartition(".")[0]),
            Parameter("default", value_code=FHIR_VERSION.rpartition(".")[0]),
        )
    )
)


def _read_batch(body: bytes | bytearray) -> _Batch:
    """The questions of a Bundle.

    Raises:
        RequestError: 400 for what is no batch.
    """
    try:
        asked = _decode_batch(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(400, "structure", f"is no Bundle of requests: {error}") from error
    if asked.type != "batch":
        message = "only a Bundle of type batch is answered"
        raise RequestError(400, "not-supported", message, "Bundle.type")
    return asked


def _entry(reply: Reply) -> bytes:
    """What came of one question of a batch."""
    if reply.status == 200:  # noqa: PLR2004 - HTTP's own number
        return _FOUND % reply.body
    return b'{"response":{"status":"%d","outcome":%b}}' % (reply.status, reply.body)


def _check_format(query: str) -> None:
    """Refuse a query that asks for anything but JSON.

    Raises:
        RequestError: 406.
    """
    if "_format" in query:
        asked = dict(read_query(query)).get("_format", "json")
        if "json" not in asked.lower():
            raise RequestError(406, "not-supported", "only JSON is written", "_format")


def _form(body: bytes | bytearray) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(400, "invalid", "the form is no UTF-8") from error


def _unknown() -> RequestError:
    message = "there is nothing at this address; metadata says what there is"
    return RequestError(404, "not-found", message)
