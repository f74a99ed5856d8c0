"""The clients that may call this installation, and the memory of their tokens: wiring only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.trust.callers import Trust
from defib_coverage.hooks.trust.client_file import read_clients
from defib_coverage.hooks.trust.replay import TokensInMemory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from defib_coverage.hooks.trust.replay import UsedTokens
    from defib_coverage.settings import Settings


def make_trust(
    settings: Settings,
    fetch: Callable[[str], Awaitable[bytes]],
    now: Callable[[], float],
) -> Trust | None:
    """Who may call, as the settings say; None if the service is open.

    Args:
        settings: how this installation runs.
        fetch: gets a JWK Set by its URL, within bounds of time and size; raises if it cannot.
        now: seconds since 1970.

    Raises:
        DataError: the client file cannot be used; with every fault found.
        SettingsError: the database cannot be used.
    """
    if not settings.tokens_required or settings.client_file is None:
        return None
    registrations = read_clients(settings.client_file, development=settings.development)
    used: UsedTokens = TokensInMemory(now)
    if settings.database is not None:
        # Costs memory and time to import: only where it is used.
        from defib_coverage.hooks.trust.replay_database import TokensInDatabase  # noqa: PLC0415

        used = TokensInDatabase(settings.database, now)
    return Trust(registrations, fetch, now, used)
