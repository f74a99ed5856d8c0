"""Tokens that must be refused, and the client in whose name they are made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from uuid import uuid4

import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from defib_coverage.errors import SettingsError
from defib_coverage.hooks.trust.client_file import read_clients
from defib_coverage.hooks.trust.signing import new_key, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from defib_coverage.hooks.trust.clients import Client
    from defib_coverage.selftest.caller import Signer

_HOUR = 3600
_YEAR = 365 * 24 * _HOUR
_STRANGER = "https://stranger.selftest.invalid"


def read_registered(file: Path, client: str) -> Client:
    """Read a client's entry.

    Raises:
        DataError: the client file cannot be used.
        SettingsError: it has no such client.
    """
    known = {r.client.id: r.client for r in read_clients(file, development=True)}
    if client not in known:
        message = f"{file}: has no client {client}. It has: {', '.join(known)}"
        raise SettingsError(message)
    return known[client]


class BadToken(msgspec.Struct, frozen=True):
    """A token that must be refused; ``stranger``: it can be made without a registered client."""

    name: str
    asks: str
    made: Callable[[Signer, str], str]
    stranger: bool = False


def _claims(signer: Signer, path: str) -> dict[str, object]:
    now = int(signer.now())
    told: dict[str, object] = {} if signer.tenant is None else {"tenant": signer.tenant}
    return told | {
        "iss": signer.issuer,
        "aud": signer.audience + path,
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid4()),
    }


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _none(signer: Signer, path: str) -> str:
    header = {"alg": "none", "typ": "JWT", "kid": signer.key.kid}
    return f"{_part(header)}.{_part(_claims(signer, path))}."


def _symmetric(signer: Signer, path: str) -> str:
    """Signed with the public key as a shared secret, by hand: the library refuses to."""
    public = jwt.PyJWK(signer.key.public()).key
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": signer.key.kid}
    text = f"{_part(header)}.{_part(_claims(signer, path))}"
    mark = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def _at(seconds: int, lifetime: int = 300) -> Callable[[Signer, str], str]:
    """A token that was signed so many seconds from now."""

    def made(signer: Signer, path: str) -> str:
        start = int(signer.now()) + seconds
        return signer.token(path, iat=start, exp=start + lifetime)

    return made


def _changed(signer: Signer, path: str) -> str:
    """A good token whose claims were changed after signing."""
    header, _, mark = signer.token(path).split(".")
    return f"{header}.{_part(_claims(signer, path))}.{mark}"


def _other_key(signer: Signer, path: str, jku: str | None = None) -> str:
    key = msgspec.structs.replace(new_key(signer.key.algorithm), kid=signer.key.kid)
    own = {} if signer.tenant is None else {"tenant": signer.tenant}
    return sign(key, signer.issuer, signer.audience + path, now=signer.now(), jku=jku, **own)  # type: ignore[arg-type]  # claims only


def _unknown_kid(signer: Signer, path: str) -> str:
    key = msgspec.structs.replace(signer.key, kid=str(uuid4()))
    return msgspec.structs.replace(signer, key=key).token(path)


BAD_TOKENS = (
    BadToken("garbage", "a token that is none", lambda _s, _p: "garbage", stranger=True),
    BadToken("three-dots", "a token of three empty parts", lambda _s, _p: "..", stranger=True),
    BadToken("algorithm-none", "a token without signature", _none, stranger=True),
    BadToken(
        "issuer-unknown",
        "a token of an issuer that is not registered",
        lambda s, p: s.token(p, iss=_STRANGER),
        stranger=True,
    ),
    BadToken("algorithm-symmetric", "HS256 with the public key as its secret", _symmetric),
    BadToken(
        "audience-elsewhere",
        "a token made out to another service",
        lambda s, p: s.token(p, aud=f"https://elsewhere.selftest.invalid{p}"),
    ),
    BadToken("expired", "a token that has expired", _at(-2 * _HOUR)),
    BadToken("from-the-future", "a token that is signed in the future", _at(_HOUR)),
    BadToken("life-too-long", "a token that lives for a year", _at(0, _YEAR)),
    BadToken("kid-unknown", "a key id that the client does not have", _unknown_kid),
    BadToken("key-of-another", "a signature by another key", _other_key),
    BadToken("claims-changed", "claims that were changed after signing", _changed),
    BadToken(
        "jku-elsewhere",
        "another key with an address of its own for it",
        lambda s, p: _other_key(s, p, f"{_STRANGER}/jwks.json"),
    ),
)
