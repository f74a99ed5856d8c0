"""How often each client may call."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class RateLimit:
    """Counts calls by client in this process, in a window that moves with the time.

    Several workers count each by itself: together they let through as many times more.
    """

    def __init__(self) -> None:
        """Begin with no call counted."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._items: dict[int, RateLimitItemPerMinute] = {}

    def seconds_to_wait(self, client_id: str, per_minute: int) -> int:
        """Count a call, or tell how long to wait: 0 if the call may go on.

        Args:
            client_id: a known client; who is not known is not counted.
            per_minute: how many calls it may make in any minute.
        """
        item = self._items.get(per_minute)
        if item is None:
            item = self._items[per_minute] = RateLimitItemPerMinute(per_minute)
        if self._limiter.hit(item, client_id):
            return 0
        reset, _ = self._limiter.get_window_stats(item, client_id)
        return max(1, math.ceil(reset - time.time()))
