"""The bytes of a file as they come: digest, lines, and whether it is NDJSON at all."""

from __future__ import annotations

import hashlib

import msgspec

from defib_coverage.network.inflate import CorruptError, Inflater, TooLongError

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A terabyte of text, and as many members as blocked gzip needs for it.
_MOST = 1 << 40
_MOST_MEMBERS = 1 << 25
_LONGEST_HEAD = 1 << 20


class UnfitError(Exception):
    """A file that is not what the manifest says; its text says why."""


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str | None = None


class Intake:
    """Takes in one file piece by piece, gzip or not."""

    def __init__(self) -> None:
        """Begin."""
        self.size = 0
        self.lines = 0
        self.is_gzip = False
        self._digest = hashlib.sha256()
        self._inflater: Inflater | None = None
        self._first = b""
        self._head: bytes | None = b""
        self._in_line = False
        self._last = b""

    @property
    def sha256(self) -> str:
        """The digest of all that was taken in, as it came."""
        return self._digest.hexdigest()

    @property
    def first_type(self) -> str | None:
        """The type of the first line's resource; None where it cannot be told."""
        line = (self._head or b"").partition(b"\n")[0]
        try:
            return msgspec.json.decode(line, type=_Head).resource_type
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None

    def feed(self, data: bytes) -> None:
        """Take in a piece.

        Raises:
            UnfitError: it cannot belong to a file of NDJSON.
        """
        self.size += len(data)
        self._digest.update(data)
        if self.size - len(data) < len(_GZIP):
            # The first two bytes tell gzip, and may come one by one.
            self._first += data
            if len(self._first) < len(_GZIP):
                return
            data, self._first = self._first, b""
            if data.startswith(_GZIP):
                self.is_gzip = True
                self._inflater = Inflater(_MOST, _MOST_MEMBERS)
        self._text_of(data)

    def finish(self) -> None:
        """Tell that nothing follows.

        Raises:
            UnfitError: there should.
        """
        if self._first:
            self._text(self._first)
        if self._inflater is not None:
            try:
                self._inflater.finish()
            except CorruptError as error:
                message = "is cut off, as gzip"
                raise UnfitError(message) from error
        if self.lines and self._last != b"}":
            message = "is cut off in its last line"
            raise UnfitError(message)

    def _text_of(self, data: bytes) -> None:
        if self._inflater is None:
            self._text(data)
            return
        try:
            for piece in self._inflater.feed(data):
                self._text(piece)
        except CorruptError as error:
            message = "is damaged gzip"
            raise UnfitError(message) from error
        except TooLongError as error:
            message = "unfolds to more than a terabyte"
            raise UnfitError(message) from error

    def _text(self, text: bytes) -> None:
        """Count the lines that are not blank, and look at the beginning and the end."""
        self._look_at_head(text)
        parts = text.split(b"\n")
        for number, part in enumerate(parts):
            if number:
                self._in_line = False
            if not self._in_line and part.strip():
                self._in_line = True
                self.lines += 1
        end = text.rstrip()
        if end:
            self._last = end[-1:]

    def _look_at_head(self, text: bytes) -> None:
        """Keep the first line, and refuse what does not begin as an object."""
        if self._head is None or b"\n" in self._head:
            return
        head = (self._head + text).removeprefix(_BYTE_ORDER_MARK).lstrip()
        if head and not head.startswith(b"{") and not _BYTE_ORDER_MARK.startswith(head):
            message = "is no NDJSON: its first line is no JSON object"
            raise UnfitError(message)
        self._head = head if len(head) <= _LONGEST_HEAD else None
