"""The files that a user names: read whole, told apart, and refused in one plain line."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.errors import DefibCoverageError, RequestError
from defib_coverage.fhir.raw import BAD
from defib_coverage.hooks.limits import check_text
from defib_coverage.hooks.undecoded import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# The charts of a whole clinic are no input for one evaluation; a small file may unpack to one.
LARGEST = 256 * 1024 * 1024
_KINDS = {b"[": "a list", b'"': "a text", b"t": "true", b"f": "false", b"n": "null"}


class InputError(DefibCoverageError):
    """A file or an option that cannot be used, said in one line."""


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


def read_document(path: str) -> Document:
    """Read a JSON object from a file, from a ``.gz`` file, or from stdin for ``-``.

    Raises:
        InputError: there is no such file, or it holds no JSON object.
    """
    name = "stdin" if path == "-" else path
    body = _read(path, name).removeprefix(_BYTE_ORDER_MARK)
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


def refused(name: str, error: RequestError) -> InputError:
    """A refused request as one line: file, place, message."""
    place = "" if error.place is None else f"{error.place}: "
    return InputError(f"{name}: {place}{error.message}")


def _read(path: str, name: str) -> bytes:
    try:
        if path == "-":
            body = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(path).open("rb") as file:
                body = file.read(LARGEST + 1)
        if body.startswith(_GZIP):
            body = _unpacked(body)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"{name}: is a damaged gzip file"
        raise InputError(message) from error
    except (OSError, ValueError) as error:
        # A name with a null character is a ValueError.
        reason = getattr(error, "strerror", None) or "no usable name"
        message = f"{name}: cannot be read ({reason})"
        raise InputError(message) from error
    if len(body) > LARGEST:
        message = f"{name}: is larger than {LARGEST >> 20} MiB"
        raise InputError(message)
    return body


def _unpacked(body: bytes) -> bytes:
    unpacked = b""
    while body.startswith(_GZIP) and len(unpacked) <= LARGEST:
        member = zlib.decompressobj(wbits=31)
        unpacked += member.decompress(body, LARGEST + 1)
        if not member.eof and not member.unconsumed_tail:
            raise EOFError
        body = member.unused_data
    return unpacked


def _no_object(name: str, body: bytes, error: Exception) -> InputError:
    if isinstance(error, msgspec.ValidationError):
        kind = _KINDS.get(body.lstrip()[:1], "a number")
        return InputError(f"{name}: holds {kind}, not a JSON object")
    return refused(name, refusal(body, error))
