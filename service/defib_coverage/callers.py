"""Who calls, and what each may ask for: the client file and the settings put to work."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.edge.rate import RateLimit
from defib_coverage.errors import RequestError
from defib_coverage.hooks.fetching import Access, Hosts
from defib_coverage.network.addresses import Reach, read_networks
from defib_coverage.network.transport import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defib_coverage.hooks.trust.client_file import Registration
    from defib_coverage.hooks.trust.clients import Client
    from defib_coverage.hooks.trust.replay import UsedTokens
    from defib_coverage.hooks.trust.trust import Trust
    from defib_coverage.settings import Settings

# A JWK Set is a few keys.
_MOST_KEY_BYTES = 256 * 1024
_KEY_THREADS = 4


class Caller(msgspec.Struct, frozen=True):
    """Who calls: ``client`` is its id, None where nobody is asked who they are.

    ``label`` is what it wants the source of its cards to be called, ``options`` what its calls set
    unless they say otherwise.
    """

    access: Access
    client: str | None = None
    label: str | None = None
    options: Mapping[str, bool | int] = {}
    per_minute: int | None = None


class Callers:
    """Tells who calls, by the token of the call where tokens are required."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        """Read who may call; nothing is connected to yet.

        Args:
            settings: how this installation runs.
            now: seconds since 1970.

        Raises:
            DataError: the client file cannot be used; with every fault found.
            SettingsError: the database cannot be used.
        """
        self._hosts = Hosts(settings.authorities, development=settings.development)
        self._rate = RateLimit()
        self._trust: Trust | None = None
        self._base = (settings.public_base or "").rstrip("/")
        self._known: dict[str, Caller] = {}
        self._anyone = Caller(self._hosts.access(settings.fhir_servers))
        if settings.tokens_required and settings.client_file is not None:
            # Costs memory and time to import: only where it is used.
            from defib_coverage.hooks.trust.client_file import read_clients  # noqa: PLC0415
            from defib_coverage.hooks.trust.trust import Trust  # noqa: PLC0415

            found = read_clients(settings.client_file, development=settings.development)
            self._known = {r.client.id: self._caller(r.client) for r in found}
            self._keys = _KeyHost(settings, found)
            self._trust = Trust(found, self._keys.fetch, now, _used_tokens(settings, now))

    def _caller(self, client: Client) -> Caller:
        return Caller(
            self._hosts.access(client.fhir_servers, client.networks),
            client.id,
            client.payer,
            client.options,
            client.calls_per_minute,
        )

    async def identify(self, authorization: str | None, *paths: str) -> Caller:
        """Who calls.

        Args:
            authorization: the header of that name.
            paths: of the URL that is called; and of others that its token may be made out to.

        Raises:
            RequestError: 401 without a reason, 503 where it cannot be told whether a token was used
                before.
        """
        if self._trust is None:
            return self._anyone
        client = await self._trust.caller(authorization, *[self._base + path for path in paths])
        return self._known[client.id]

    def admit(self, caller: Caller) -> None:
        """Count a call of a known client.

        Raises:
            RequestError: 429 for a client that calls too often.
        """
        if caller.client is None or caller.per_minute is None:
            return
        wait = self._rate.seconds_to_wait(caller.client, caller.per_minute)
        if wait:
            message = "this client calls too often; call again later"
            raise RequestError(429, "throttled", message, retry_after=wait)

    async def keys_known(self) -> tuple[int, int] | None:
        """Of how many clients keys are known, of how many; None where nobody is asked for any."""
        return None if self._trust is None else await self._trust.keys_known()

    def close(self) -> None:
        """Let go of connections and of the memory of used tokens."""
        self._hosts.close()
        if self._trust is not None:
            self._trust.close()
            self._keys.close()


class _KeyHost:
    """Fetches the JWK Sets of clients, each only from where it is registered to be."""

    def __init__(self, settings: Settings, registrations: Sequence[Registration]) -> None:
        self._host = Host("keys", _KEY_THREADS, settings.authorities)
        self._seconds = settings.fhir_seconds
        networks: defaultdict[str, list[str]] = defaultdict(list)
        for registration in registrations:
            if registration.client.jku is not None:
                networks[registration.client.jku] += registration.client.networks
        self._reaches = {
            jku: Reach(read_networks(texts), settings.development)
            for jku, texts in networks.items()
        }

    async def fetch(self, url: str) -> bytes:
        """The content of a URL.

        Raises:
            TransferError: it could not be had.
            KeyError: no client is registered with it.
        """
        headers = {"Accept": "application/json"}
        (found,) = await self._host.run(
            [lambda transfer: self._host.get(url, headers, transfer, _MOST_KEY_BYTES)],
            time.monotonic() + self._seconds,
            self._reaches[url],
        )
        if isinstance(found, Exception):
            raise found
        return found.body if found.status == 200 else b""  # noqa: PLR2004 - HTTP's OK

    def close(self) -> None:
        self._host.close()


def _used_tokens(settings: Settings, now: Callable[[], float]) -> UsedTokens:
    """Where the ids of used tokens are kept."""
    if settings.database is not None:
        from defib_coverage.hooks.trust.replay_database import TokensInDatabase  # noqa: PLC0415

        return TokensInDatabase(settings.database, now)
    from defib_coverage.hooks.trust.replay import TokensInMemory  # noqa: PLC0415

    return TokensInMemory(now)
