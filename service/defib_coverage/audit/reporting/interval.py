"""How sure a share is: the interval of Wilson."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

_CONFIDENCE = 0.95


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share.

    It stays between 0 and 1 and is wide for small numbers, where the usual one is wrong.

    Args:
        part: how many had it.
        whole: of how many; more than none.

    Returns:
        its lower and its upper end.
    """
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    share = part / whole
    weight = 1 + z * z / whole
    middle = (share + z * z / (2 * whole)) / weight
    half = z / weight * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    return max(0.0, middle - half), min(1.0, middle + half)
