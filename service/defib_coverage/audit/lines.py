"""The lines of a slice, each with its place; a line or a file that cannot be read is told."""

from __future__ import annotations

import gzip
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from defib_coverage.audit.files import open_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.audit.inputs import InputFile, Slice

LONGEST = 64 << 20
"""Bytes of a line, or of a document, that are held in memory."""
_CHUNK = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line: its number within the slice, from 0, where it begins, and its text.

    ``fault`` says why there is no text: of the line, or, without a number, of what is left of the
    file.
    """

    number: int | None
    offset: int
    text: bytes
    fault: str | None = None


def read_lines(file: InputFile, piece: Slice) -> Iterator[Line]:
    """The lines of a slice, blank ones too; offsets are those of the unpacked text.

    Raises:
        OSError: the file cannot be read.
    """
    with ExitStack() as stack:
        raw = stack.enter_context(open_file(file.path))
        source = _Source(raw, file, piece)
        if file.form == "document":
            yield _document(source)
        else:
            yield from _lines(source, piece)
        if source.fault is not None:
            yield Line(None, source.at, b"", source.fault)


class _Source:
    """What stands in a file from a place on, in chunks; ``fault`` is why it ended early."""

    def __init__(self, raw: BinaryIO, file: InputFile, piece: Slice) -> None:
        self._packed = gzip.GzipFile(fileobj=raw) if file.gzip else None
        self._raw = raw
        self.fault: str | None = None
        # A line belongs to the slice that it begins in: the byte before tells whether one does.
        self.at = max(piece.start - 1, 0)
        if self.at:
            raw.seek(self.at)

    def read(self) -> bytes:
        """The next chunk; empty at the end."""
        if self._packed is None:
            return self._raw.read(_CHUNK)
        try:
            # One piece at a time: what came before a fault is not lost with it.
            return self._packed.read1(_CHUNK)
        except EOFError:
            self.fault = "the file ends in the middle of its compressed data"
        except (OSError, zlib.error):
            self.fault = "the compressed data are damaged from here on"
        return b""


def _document(source: _Source) -> Line:
    parts: list[bytes] = []
    length = 0
    while chunk := source.read():
        length += len(chunk)
        if length > LONGEST:
            return Line(0, 0, b"", _too_long())
        parts.append(chunk)
    return Line(0, 0, b"".join(parts).removeprefix(_BYTE_ORDER_MARK))


def _lines(source: _Source, piece: Slice) -> Iterator[Line]:
    offset = source.at
    number = -1 if piece.start else 0
    rest = b""
    # Of a line that is too long only its length is kept.
    dropped = 0
    while True:
        chunk = source.read()
        last = not chunk
        lines = (rest + chunk).split(b"\n")
        rest = b"" if last else lines.pop()
        if last and not lines[-1]:
            lines.pop()  # the text ended with a line's end
            if dropped:
                lines.append(b"")
        for line in lines:
            if piece.end is not None and offset >= piece.end:
                return
            if number >= 0:
                if dropped or len(line) > LONGEST:
                    yield Line(number, offset, b"", _too_long())
                else:
                    begin = not offset and line.startswith(_BYTE_ORDER_MARK)
                    yield Line(number, offset, line[len(_BYTE_ORDER_MARK) :] if begin else line)
            offset += dropped + len(line) + 1
            dropped = 0
            number += 1
        if last:
            source.at = offset
            return
        if dropped or len(rest) > LONGEST:
            dropped += len(rest)
            rest = b""


def _too_long() -> str:
    return f"longer than {LONGEST >> 20} MB"
