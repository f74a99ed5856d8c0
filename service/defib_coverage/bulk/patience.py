"""How long to wait before a server is asked again."""

from __future__ import annotations

from random import SystemRandom

import msgspec
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry


class Patience(msgspec.Struct, frozen=True):
    """Bounds of waiting, in seconds.

    ``first`` is the first pause where the server names none; each is twice the one before, up to
    ``longest``. What a server asks for counts from ``least`` to ``most``. ``attempts`` is how often
    in a row a fault that may pass is borne.
    """

    first: float = 2.0
    longest: float = 120.0
    least: float = 1.0
    most: float = 3600.0
    attempts: int = 8

    def pause(self, number: int, asked: str | None) -> float:
        """How long to wait.

        Args:
            number: how many pauses went before.
            asked: the header Retry-After: seconds, or a date; one that is neither counts as none.
        """
        if asked is not None:
            try:
                wished: float = Retry().parse_retry_after(asked)
                return min(max(wished, self.least), self.most)
            except (InvalidHeader, OverflowError, ValueError):
                return self._own(number)
        return self._own(number)

    def _own(self, number: int) -> float:
        whole = min(self.first * 2.0 ** min(number, 32), self.longest)
        # Clients that began together shall not come together ever after.
        return whole * SystemRandom().uniform(0.5, 1.0)
