"""A FHIR server that is written to: what it can, what it holds, writing, asking for codes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlencode

import msgspec

from defib_coverage.command.fhir_connection import ServerError
from defib_coverage.command.fhir_replies import Bundle, Capability, Head, Parameters
from defib_coverage.fhir.outcomes import outcome_of
from defib_coverage.fhir.raw import BAD
from defib_coverage.network.addresses import below
from defib_coverage.terminology.push_plan import Held, Listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.command.fhir_connection import Connection, Reply
    from defib_coverage.terminology.parcels import Probe
    from defib_coverage.terminology.push_plan import Step

_Read = TypeVar("_Read")
_VERSIONS = ("4.0", "4.3")
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_GOOD = range(200, 300)
_PAGE = 200
_MOST_PAGES = 50
_MOST_ISSUES = 3
# What a server says that has no such operation, or lets nobody use it.
_NO_OPERATION = {
    HTTPStatus.FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
}


class WriteError(Exception):
    """A write that the server refused; the message is what it said."""


class Answer(msgspec.Struct, frozen=True):
    """What came of asking for a code; ``text`` is what the server said."""

    kind: Literal["found", "not-found", "unknown-system", "no-operation"]
    text: str = ""


class FhirWriter:
    """A server below one base."""

    def __init__(self, connection: Connection) -> None:
        """Ask nothing yet."""
        self._connection = connection
        self._base = connection.base
        self._whole: dict[str, tuple[Listed, ...]] = {}
        self._validates = False

    def check(self, types: Iterable[str]) -> None:
        """Make sure that it is a FHIR R4 server, and does not say that it takes no such types.

        Raises:
            ServerError: it is not, or does; what it does not speak of it may take all the same.
        """
        reply = self._connection.send("GET", f"{self._base}/metadata")
        found = _decoded(reply, Capability)
        if found is None or found.resource_type != "CapabilityStatement":
            message = (
                f"{self._base}/metadata: answers {self._told(reply)}, with no "
                "CapabilityStatement; --to takes the base URL of a FHIR server"
            )
            raise ServerError(message)
        if not (found.fhir_version or "").startswith(_VERSIONS):
            version = self._connection.said(found.fhir_version or "no version")
            message = f"{self._base}: speaks FHIR {version}; what is published is R4 (4.0.1)"
            raise ServerError(message)
        closed = [name for name in types if found.is_closed(name)]
        if closed:
            remedy = (
                "it takes no writes at all"
                if found.is_read_only
                else "name the types that it takes by --only"
            )
            message = (
                f"{self._base}: its CapabilityStatement lets nobody write {', '.join(closed)}; "
                f"{remedy}"
            )
            raise ServerError(message)
        self._validates = found.validates

    def read(self, place: str) -> Held | None:
        """What stands at a place such as ``ValueSet/id``; None for nothing.

        Raises:
            ServerError: it cannot be told.
        """
        reply = self._connection.send("GET", f"{self._base}/{place}")
        if reply.status in _GONE:
            return None
        head = _decoded(reply, Head) if reply.status == HTTPStatus.OK else None
        # The whole is decoded once more to be compared.
        if (
            head is None
            or _decoded(reply, object) is None
            or f"{head.resource_type}/{head.id}" != place
        ):
            message = f"{self._base}: reading {place} is answered with {self._told(reply)}"
            raise ServerError(message)
        return Held(head.url, head.version, head.revision, reply.body)

    def listed(self, name: str, url: str) -> tuple[Listed, ...]:
        """All resources of a type that have a url.

        A server that knows no search by url answers with everything: that is read once.

        Raises:
            ServerError: it cannot be told.
        """
        if name not in self._whole:
            found = self._search(name, url)
            if all(one.url == url for one in found):
                return found
            self._whole[name] = found
        return tuple(one for one in self._whole[name] if one.url == url)

    def _search(self, name: str, url: str) -> tuple[Listed, ...]:
        query = {"url": url, "_elements": "url,version", "_count": _PAGE}
        link: str | None = f"{self._base}/{name}?{urlencode(query)}"
        found: list[Listed] = []
        for _ in range(_MOST_PAGES):
            if link is None:
                return tuple(found)
            reply = self._connection.send("GET", link)
            bundle = _decoded(reply, Bundle) if reply.status == HTTPStatus.OK else None
            if bundle is None or bundle.resource_type != "Bundle":
                message = f"{self._base}: searching {name} by url is answered with "
                raise ServerError(message + self._told(reply))
            found.extend(
                Listed(f"{name}/{head.id}", head.url, head.version)
                for head in bundle.heads
                if head.resource_type == name and head.url is not None
            )
            link = None if bundle.following is None else self._below(bundle.following)
        message = f"{self._base}: asked for one url it lists thousands of {name}"
        raise ServerError(message)

    def _below(self, link: str) -> str:
        found = below(self._base, link)
        if found is None:
            shown = self._connection.said(link)
            message = f"{self._base}: the next page of a search lies elsewhere: {shown}"
            raise ServerError(message)
        return found

    def put(self, step: Step) -> None:
        """Write one resource.

        Raises:
            WriteError: the server does not take it.
            ServerError: whether it did cannot be told.
        """
        headers = {"Prefer": "return=minimal"}
        if step.revision is not None:
            headers["If-Match"] = _tag(step.revision)
        parcel = step.parcel
        url = f"{self._base}/{parcel.place}"
        reply = self._connection.send("PUT", url, parcel.body, headers)
        if reply.status not in _GOOD:
            raise WriteError(self._told(reply))

    def transact(self, steps: Sequence[Step]) -> None:
        """Write all or nothing.

        Raises:
            WriteError: the server does not take them.
            ServerError: whether it did cannot be told.
        """
        # What it says of each is not looked at: everything is read back.
        body = transaction(steps, self._base)
        reply = self._connection.send("POST", self._base, body, {"Prefer": "return=minimal"})
        if reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            message = f"{len(body)} bytes are too many for it; push without --transaction"
            raise WriteError(message)
        if reply.status not in _GOOD:
            raise WriteError(self._told(reply))

    def validate(self, probe: Probe) -> Answer:
        """Ask whether a code is in a version of a value set.

        Raises:
            ServerError: there is no answer at all.
        """
        query = urlencode(
            {
                "url": probe.url,
                "valueSetVersion": probe.version,
                "system": probe.system,
                "code": probe.code,
            }
        )
        reply = self._connection.send("GET", f"{self._base}/ValueSet/$validate-code?{query}")
        if reply.status == HTTPStatus.OK:
            found = _decoded(reply, Parameters)
            result = None if found is None else found.result
            if found is None or result is None:
                return Answer("no-operation", self._told(reply))
            if result:
                return Answer("found")
            text = self._connection.said(found.message or "result is false")
            return Answer("unknown-system" if found.lacks_system else "not-found", text)
        outcome = outcome_of(reply.body)
        unsupported = outcome is not None and "not-supported" in outcome.codes
        # A server that has the operation says 404 of a value set that it does not know.
        unlisted = reply.status == HTTPStatus.NOT_FOUND and not self._validates
        if unsupported or unlisted or reply.status in _NO_OPERATION:
            return Answer("no-operation", self._told(reply))
        return Answer("not-found", self._told(reply))

    def _told(self, reply: Reply) -> str:
        """A reply in words: its status, and what it says of the reason."""
        outcome = outcome_of(reply.body)
        texts = [] if outcome is None else [said for one in outcome.issue if (said := one.said)]
        words = self._connection.said("; ".join(texts[:_MOST_ISSUES]))
        return f"{reply.status}: {words}" if words else f"{reply.status}, {reply.kind or 'no body'}"


def transaction(steps: Sequence[Step], base: str) -> bytes:
    """All writes as one Bundle.

    Args:
        steps: what to write, in this order.
        base: of the server.
    """
    entries = [
        {
            "fullUrl": f"{base}/{step.parcel.place}",
            "resource": msgspec.Raw(step.parcel.body),
            "request": {"method": "PUT", "url": step.parcel.place}
            | ({} if step.revision is None else {"ifMatch": _tag(step.revision)}),
        }
        for step in steps
    ]
    return msgspec.json.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _tag(revision: str) -> str:
    return f'W/"{revision}"'


def _decoded(reply: Reply, kind: type[_Read]) -> _Read | None:
    """A body as what it should be; None for anything else, such as HTML."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except BAD:
        return None
