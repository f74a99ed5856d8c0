"""The files that a user names: read whole, unpacked, and refused in one plain line."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from defib_coverage.documents.document import InputError, document_of

if TYPE_CHECKING:
    from defib_coverage.documents.document import Document

_GZIP = b"\x1f\x8b"
# The charts of a whole clinic are no input for one evaluation; a small file may unpack to one.
LARGEST = 256 * 1024 * 1024


def read_document(path: str) -> Document:
    """Read a JSON object from a file, from a ``.gz`` file, or from stdin for ``-``.

    Raises:
        InputError: there is no such file, or it holds no JSON object.
    """
    name = "stdin" if path == "-" else path
    return document_of(name, _read(path, name))


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
