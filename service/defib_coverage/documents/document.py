"""A JSON object that a person handed in, and how it is refused in one plain line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.errors import DefibCoverageError, RequestError
from defib_coverage.fhir.raw import BAD
from defib_coverage.hooks.limits import check_text
from defib_coverage.hooks.undecoded import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KINDS = {b"[": "a list", b'"': "a text", b"t": "true", b"f": "false", b"n": "null"}


class InputError(DefibCoverageError):
    """A document or an option that cannot be used, said in one line."""


class Document(msgspec.Struct, frozen=True):
    """A JSON object as it was read: its name for messages, its text, its members."""

    name: str
    body: bytes
    members: Mapping[str, msgspec.Raw]

    def text_of(self, member: str) -> str | None:
        """A member that is a text; None where it is missing or something else."""
        try:
            return msgspec.json.decode(self.members.get(member, b"null"), type=str)
        except BAD:
            return None

    @property
    def is_request(self) -> bool:
        """Whether it is a hook request; else it must be a Bundle."""
        return "hook" in self.members


def document_of(name: str, body: bytes) -> Document:
    """A JSON object from its text.

    Args:
        name: what messages call it.
        body: the text.

    Raises:
        InputError: it is no JSON object.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if not body.strip():
        message = f"{name}: is empty"
        raise InputError(message)
    if b"\0" in body:
        message = f"{name}: is not JSON text"
        raise InputError(message)
    try:
        check_text(body)
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except RequestError as error:
        raise refused(name, error) from error
    except BAD as error:
        raise _no_object(name, body, error) from error
    return Document(name, body, members)


def check_bundle(document: Document) -> None:
    """Refuse what is neither a hook request nor a Bundle.

    Raises:
        InputError: it says what it is instead.
    """
    resource_type = document.text_of("resourceType")
    if not document.is_request and resource_type != "Bundle":
        held = "an object" if resource_type is None else f"the resource type {resource_type[:64]!r}"
        message = f"{document.name}: holds {held}, not a CDS Hooks request or a FHIR Bundle"
        raise InputError(message)


def refused(name: str, error: RequestError) -> InputError:
    """A refused request as one line: document, place, message."""
    place = "" if error.place is None else f"{error.place}: "
    return InputError(f"{name}: {place}{error.message}")


def _no_object(name: str, body: bytes, error: Exception) -> InputError:
    if isinstance(error, msgspec.ValidationError):
        kind = _KINDS.get(body.lstrip()[:1], "a number")
        return InputError(f"{name}: holds {kind}, not a JSON object")
    return refused(name, refusal(body, error))
