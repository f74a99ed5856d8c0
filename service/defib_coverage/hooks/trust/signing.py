"""Tokens as a CDS client signs them: to try a registration out, and to test the service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from defib_coverage.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_RSA_BITS = 3072
LIFETIME = 300
"""Seconds that a signed token lives: what CDS clients commonly use."""


class SigningKey(msgspec.Struct, frozen=True):
    """A client's private key: its id, its algorithm, and itself as a JWK."""

    kid: str
    algorithm: str
    private: dict[str, Any]

    def public(self) -> dict[str, Any]:
        """The public half as a JWK."""
        kept = {"kty", "crv", "x", "y", "n", "e"}
        named = {k: v for k, v in self.private.items() if k in kept}
        return named | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}


def new_key(algorithm: str = "ES384") -> SigningKey:
    """Make a key pair for ES384 or RS384."""
    if algorithm.startswith("ES"):
        made = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)
    else:
        made = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, _RSA_BITS), as_dict=True)
    return SigningKey(str(uuid4()), algorithm, made)


def read_key(path: Path) -> SigningKey:
    """Read a private key that ``client add`` has written.

    Raises:
        SettingsError: the file is missing or holds no such key.
    """
    try:
        private = json.loads(path.read_text(encoding="utf-8"))
        key = SigningKey(private["kid"], private["alg"], private)
        sign(key, "https://ehr.example", "https://cds.example", now=0)
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        message = f"{path}: holds no private key as `defib-coverage client add` writes it"
        raise SettingsError(message) from error
    return key


def write_key(key: SigningKey, path: Path) -> None:
    """Write a private key that only its owner may read; never over another.

    Raises:
        FileExistsError: there is such a file.
    """
    path.touch(mode=0o600, exist_ok=False)
    whole = key.private | {"kid": key.kid, "alg": key.algorithm}
    path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def sign(  # noqa: PLR0913 - the claims of a token
    key: SigningKey,
    issuer: str,
    audience: str,
    *,
    now: float,
    lifetime: int = LIFETIME,
    jku: str | None = None,
    **claims: object,
) -> str:
    """A token for one call.

    Args:
        key: the client's private key.
        issuer: claim iss.
        audience: claim aud, the URL that is called.
        now: seconds since 1970.
        lifetime: seconds until it expires.
        jku: where the client publishes its keys.
        claims: further claims, such as tenant; or other values for those above.
    """
    payload: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "iat": int(now),
        "exp": int(now) + lifetime,
        "jti": str(uuid4()),
    }
    headers = {"kid": key.kid} | ({} if jku is None else {"jku": jku})
    private = jwt.PyJWK(key.private, key.algorithm).key
    return jwt.encode(payload | claims, private, key.algorithm, headers)
