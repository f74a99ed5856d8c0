"""Who may have an order of ours: a set of patients in a fixed amount of memory.

It may hold a patient too many, never one too few; who has an order is known when their records are
read together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BITS = 26


class Cohort:
    """A bitmap of hashes of patients."""

    def __init__(self, bits: bytes | None = None) -> None:
        """Start empty, or with the bits of another one."""
        self._bits = bytearray(1 << (_BITS - 3)) if bits is None else bytearray(bits)

    def add(self, hashes: Iterable[int]) -> None:
        """Take patients in."""
        bits = self._bits
        for one in hashes:
            bits[one >> (35 - _BITS)] |= 1 << (one >> (32 - _BITS) & 7)

    def __contains__(self, one: int) -> bool:
        """Whether a patient of this hash may have an order of ours."""
        return bool(self._bits[one >> (35 - _BITS)] >> (one >> (32 - _BITS) & 7) & 1)

    def find(self, keys: Iterable[int]) -> list[int]:
        """At which places of ``keys`` patients stand who may have one.

        The hash is in the upper half of each key, as scans write it.
        """
        bits = self._bits
        return [
            at
            for at, key in enumerate(keys)
            if bits[key >> (67 - _BITS)] >> (key >> (64 - _BITS) & 7) & 1
        ]

    def __bytes__(self) -> bytes:
        """The bits, to make the same set elsewhere."""
        return bytes(self._bits)
