"""The end of the service: told to stop, it says so first and goes on for a while."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def told_first(tell: Callable[[], None], seconds: float) -> Iterator[None]:
    """Let SIGTERM call ``tell`` at once, and stop the server so many seconds later.

    A second SIGTERM stops it at once. The server's own way to stop is what handled the signal
    before; where nothing did, or another thread than the first runs the loop, nothing is changed.
    """
    stop = signal.getsignal(signal.SIGTERM)
    is_first_thread = threading.current_thread() is threading.main_thread()
    if not is_first_thread or not callable(stop):
        yield
        return
    server_stops = stop
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.TimerHandle] = []

    def on_signal() -> None:
        tell()
        if waiting or not seconds:
            server_stops(signal.SIGTERM, None)
        else:
            waiting.append(loop.call_later(seconds, server_stops, signal.SIGTERM, None))

    loop.add_signal_handler(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        for timer in waiting:
            timer.cancel()
        loop.remove_signal_handler(signal.SIGTERM)
