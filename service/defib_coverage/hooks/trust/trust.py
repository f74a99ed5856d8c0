"""Who is calling: the token of a CDS client, verified before anything else is read.

Signatures are PyJWT's work: it refuses none, HS* and unknown crit by itself, verifies as fast as
joserfc, and is in far wider use. The claims are read here, in the order that CDS Hooks advises.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

from defib_coverage.errors import RequestError
from defib_coverage.hooks.trust.keys import Keys, PinnedKeys, PublishedKeys
from defib_coverage.hooks.trust.tokens import (
    Claims,
    Reason,
    RefusedError,
    Token,
    read_token,
    verify,
)
from defib_coverage.logs import TokenRefused, write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from defib_coverage.hooks.trust.client_file import Registration
    from defib_coverage.hooks.trust.clients import Client
    from defib_coverage.hooks.trust.replay import UsedTokens

SKEW = 30
"""Seconds by which clocks may differ."""


class Trust:
    """The clients that may call, and the memory of the tokens that they used."""

    def __init__(
        self,
        registrations: Iterable[Registration],
        fetch: Callable[[str], Awaitable[bytes]],
        now: Callable[[], float],
        used: UsedTokens,
    ) -> None:
        """Know the clients; nothing is fetched before the first call.

        Args:
            registrations: the clients and their pinned keys.
            fetch: gets the content of a URL, within bounds of time and size.
            now: seconds since 1970.
            used: remembers tokens.
        """
        self._now = now
        self._used = used
        self._by_issuer: dict[str, list[Client]] = {}
        self._keys: dict[str, Keys] = {}
        for registration in registrations:
            client = registration.client
            self._by_issuer.setdefault(client.issuer, []).append(client)
            if registration.pinned is not None:
                self._keys[client.id] = PinnedKeys(registration.pinned)
            elif client.jku is not None:
                self._keys[client.id] = PublishedKeys(client.id, client.jku, fetch, now)

    async def caller(self, authorization: str | None, *audiences: str) -> Client:
        """The client that calls.

        Args:
            authorization: the header of that name.
            audiences: the URL that is called, as clients know it; and others that the token may be
                made out to.

        Raises:
            RequestError: 401 without saying why, for that is in the log only; 503 if it cannot be
                told whether the token was used before.
        """
        token = None
        try:
            token = read_token(authorization)
            client = self._named(token.claims, audiences)
            await self._check_signature(token, client)
            await self._use(token.claims)
        except RefusedError as refused:
            line = TokenRefused(reason=refused.reason.value, **self._who(token))
            write(line, logging.WARNING)
        else:
            return client
        raise RequestError(401, "login", "authentication required")

    async def keys_known(self) -> tuple[int, int]:
        """Of how many clients keys are known, and how many clients there are."""
        known = await asyncio.gather(*(keys.known() for keys in self._keys.values()))
        return sum(known), len(known)

    def close(self) -> None:
        """Let go of the memory of used tokens."""
        self._used.close()

    def _named(self, claims: Claims, audiences: Sequence[str]) -> Client:
        """The client that a token names, if it is made out to one of the URLs and valid now."""
        clients = self._by_issuer.get(claims.iss)
        if clients is None:
            raise RefusedError(Reason.ISSUER)
        named = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if not any(audience in named for audience in audiences):
            raise RefusedError(Reason.AUDIENCE)
        now = self._now()
        if claims.exp + SKEW <= now:
            raise RefusedError(Reason.EXPIRED)
        if max(claims.iat, claims.nbf) - SKEW > now:
            raise RefusedError(Reason.EARLY)
        of_tenant = [c for c in clients if c.tenant in {None, claims.tenant}]
        if not of_tenant:
            raise RefusedError(Reason.TENANT)
        if claims.exp - claims.iat > of_tenant[0].longest_token:
            raise RefusedError(Reason.LONG_LIVED)
        return of_tenant[0]

    async def _check_signature(self, token: Token, client: Client) -> None:
        header = token.header
        if header.alg not in client.algorithms:
            raise RefusedError(Reason.ALGORITHM)
        # Before anything is fetched. Pinned keys need no address.
        if client.jku is not None and header.jku not in {None, client.jku}:
            raise RefusedError(Reason.JKU)
        key = await self._keys[client.id].find(header.kid)
        if key is None:
            raise RefusedError(Reason.KEY)
        if header.alg not in key.algorithms:
            raise RefusedError(Reason.ALGORITHM)
        verify(token, key.key)

    async def _use(self, claims: Claims) -> None:
        """Use a token up."""
        # Last, so that strangers cannot fill the memory.
        if not await self._used.remember(claims.iss, claims.jti, claims.exp + SKEW):
            raise RefusedError(Reason.REPLAYED)

    def _who(self, token: Token | None) -> dict[str, str]:
        """Whom a refused token names, as far as that is known; nothing else of it."""
        if token is None:
            return {}
        issuer, tenant = token.claims.iss, token.claims.tenant
        clients = self._by_issuer.get(issuer, [])
        named = [c for c in clients if len(clients) == 1 or c.tenant == tenant]
        if named:
            return {"client": named[0].id}
        return {"issuer_sha256": hashlib.sha256(issuer.encode()).hexdigest()[:12]}
