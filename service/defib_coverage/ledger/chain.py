"""The chain: each row is linked to the row before it, so that none changes or goes unnoticed.

A link is a keyed digest of the link before it and of the row; a day's first row follows the last of
the day before. The row of a day, sealed likewise together with the last link of the day before,
tells how many rows it has and its last link: so rows of old days can be deleted, and what follows
them can still be verified. Who has no key cannot make a link; what only something kept elsewhere
can show is that all of it was replaced by an older state of itself.
"""

from __future__ import annotations

import hmac
from datetime import date
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

START = bytes(32)
"""What the first row of all follows."""
_encode = msgspec.json.Encoder().encode


def link_of(key: bytes, previous: bytes, row: Sequence[object]) -> bytes:
    """The link of a row: 32 bytes.

    Args:
        key: the ledger's key.
        previous: the link of the row before it.
        row: its values, in the order of the table's columns; text, numbers, dates, bytes or None.
    """
    return hmac.digest(key, previous + _encode(row), "sha256")


def tail_of(key: bytes, day: date | str, length: int, head: bytes) -> bytes:
    """The seal of the ledger's end: 32 bytes.

    Args:
        key: the ledger's key.
        day: the last day.
        length: the number of its rows.
        head: its last link.
    """
    return hmac.digest(key, b"tail" + _encode((day, length, head)), "sha256")


def seal_of(  # noqa: PLR0913, PLR0917 - what a day's row consists of
    key: bytes, day: date | str, previous: bytes, length: int, head: bytes, purged: str | None
) -> bytes:
    """The seal of a day's row: 32 bytes.

    Args:
        key: the ledger's key.
        day: the day.
        previous: the last link of the day before it in the ledger.
        length: the number of its rows.
        head: its last link.
        purged: when its rows were deleted.
    """
    return hmac.digest(key, previous + _encode((day, length, head, purged)), "sha256")
