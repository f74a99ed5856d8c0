"""gzip, inflated piece by piece and never beyond a bound."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from defib_coverage.errors import DefibCoverageError

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 16
"""The most bytes that come out at a time."""
_GZIP = 16 + zlib.MAX_WBITS
# Blocked gzip has a member for every 64 KB; members without content cost time and give nothing.
_MOST_MEMBERS = 1000


class CorruptError(DefibCoverageError):
    """What came is not gzip, or ends too early, or goes on after its end."""


class TooLongError(DefibCoverageError):
    """More bytes than are allowed, decoded or still encoded."""


class Inflater:
    """Inflates one gzip stream of any number of members.

    Use ``feed`` for each piece that arrives and ``finish`` at the end; after an error, neither.
    """

    def __init__(self, most: int, most_members: int = _MOST_MEMBERS) -> None:
        """Begin a stream that may decode to ``most`` bytes, and be as many itself."""
        self._most = most
        self._most_members = most_members
        self._came = 0
        self._made = 0
        self._members = 0
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes of a piece, at most ``PIECE`` at a time.

        Nothing is decoded before it is asked for: a bomb costs one piece above the bound.

        Raises:
            CorruptError: the piece is not gzip, or follows the end of the stream.
            TooLongError: the bound is passed.
        """
        self._came += len(data)
        if self._came > self._most:
            raise TooLongError
        while data:
            if self._member.eof:
                self._next()
            try:
                piece = self._member.decompress(data, PIECE)
            except zlib.error as error:
                raise CorruptError from error
            self._begun = True
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            self._made += len(piece)
            if self._made > self._most:
                raise TooLongError
            if piece:
                yield piece

    def finish(self) -> None:
        """Tell that nothing follows.

        Raises:
            CorruptError: the stream has not come to its end.
        """
        if not self._begun or not self._member.eof:
            raise CorruptError

    def _next(self) -> None:
        """Begin a further member; what is no gzip after the first is corrupt like the first."""
        self._members += 1
        if self._members >= self._most_members:
            raise CorruptError
        self._member = zlib.decompressobj(_GZIP)
