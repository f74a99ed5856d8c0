"""Clients, keys and tokens for the tests of trust, and a Trust whose clock stands still."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.hooks.trust.client_file import Registration
from defib_coverage.hooks.trust.clients import Client
from defib_coverage.hooks.trust.jwks import read_key_set
from defib_coverage.hooks.trust.replay import TokensInMemory
from defib_coverage.hooks.trust.signing import new_key, sign
from defib_coverage.hooks.trust.trust import Trust
from defib_coverage.logs import Line, TokenRefused

if TYPE_CHECKING:
    import pytest

    from defib_coverage.hooks.trust.replay import UsedTokens
    from defib_coverage.hooks.trust.signing import SigningKey

NOW = 1_800_000_000.0
ISSUER = "https://ehr.example.org"
JKU = "https://ehr.example.org/jwks.json"
PUBLIC = "https://cds.example.org"
AUDIENCE = f"{PUBLIC}/cds-services/defibrillator-order-sign"
KEY = new_key()
OTHER_KEY = new_key()
RSA_KEY = new_key("RS384")


def key_set(*keys: SigningKey) -> bytes:
    return json.dumps({"keys": [key.public() for key in keys]}).encode()


def pinned(*keys: SigningKey, identity: str = "ehr", **entry: Any) -> Registration:  # noqa: ANN401 - any key of the client file
    """A client with pinned keys."""
    client = Client(**{"id": identity, "issuer": ISSUER, "keys": "ehr.jwks.json"} | entry)
    return Registration(client, read_key_set(key_set(*(keys or (KEY,)))))


def published(**entry: Any) -> Registration:  # noqa: ANN401 - any key of the client file
    """A client that publishes its keys."""
    return Registration(Client(**{"id": "ehr", "issuer": ISSUER, "jku": JKU} | entry), None)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> float:
        return self.time


class Web:
    """What is published, and how often it was fetched."""

    def __init__(self, content: bytes | Exception = b"") -> None:
        self.content = content
        self.fetched: list[str] = []
        self.asked = asyncio.Event()

    async def __call__(self, url: str) -> bytes:
        self.fetched.append(url)
        self.asked.set()
        await asyncio.sleep(0)
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


def trusting(
    *registrations: Registration,
    web: Web | None = None,
    clock: Clock | None = None,
    used: UsedTokens | None = None,
) -> Trust:
    clock = clock or Clock()
    return Trust(registrations or (pinned(),), web or Web(), clock, used or TokensInMemory(clock))


def token(key: SigningKey = KEY, **claims: Any) -> str:  # noqa: ANN401 - any value of a claim
    """A good token but for what is given."""
    jku = claims.pop("jku_header", None)
    return sign(key, ISSUER, AUDIENCE, now=NOW, jku=jku, **claims)


def encoded(part: object) -> str:
    """A part of a token: bytes as they are, anything else as JSON."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def caller(trust: Trust, text: str | None, audience: str = AUDIENCE) -> Client:
    """Who calls with a token."""
    header = None if text is None else f"Bearer {text}"
    return asyncio.run(trust.caller(header, audience))


def refusal(
    log: pytest.LogCaptureFixture,
    trust: Trust,
    text: str | None,
    audience: str = AUDIENCE,
) -> str:
    """The logged reason of a call that must be refused without a word to the caller."""
    log.clear()
    log.set_level(logging.DEBUG)
    try:
        found = caller(trust, text, audience)
    except RequestError as error:
        said = (error.status, error.code, error.message, error.place)
        if said != (401, "login", "authentication required", None):
            raise
    else:
        message = f"{found.id} was let in"
        raise AssertionError(message)
    lines = [line for line in lines_of(log) if isinstance(line, TokenRefused)]
    logged = msgspec.json.encode(lines).decode() + log.text
    if len(lines) != 1 or any(len(part) > 8 and part in logged for part in (text or "").split(".")):
        message = f"the log must hold one line, and nothing of the token: {lines}"
        raise AssertionError(message)
    (line,) = lines
    who = f"issuer-sha256={line.issuer_sha256}" if line.issuer_sha256 else "client unknown"
    return f"{line.reason} " + (f"client={line.client}" if line.client else who)


def lines_of(log: pytest.LogCaptureFixture) -> list[Line]:
    """The lines of ours that were logged."""
    return [r.line for r in log.records if hasattr(r, "line")]
