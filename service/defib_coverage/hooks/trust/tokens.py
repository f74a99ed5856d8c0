"""The token of a CDS client as it is read before it is believed, and why it may be refused."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import jwt
import msgspec

LONGEST_TOKEN = 8192
"""Characters that a token may have."""
_LATEST = 2**53
_Time = (
    Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]
    | Annotated[float, msgspec.Meta(ge=0, le=_LATEST)]
)
_jws = jwt.PyJWS()


class Reason(Enum):
    """Why a call is refused: for the log, never for the caller."""

    MISSING = "token-missing"
    TOO_LONG = "token-too-long"
    GARBLED = "token-garbled"
    HEADER = "header-refused"
    CLAIMS = "claims-wrong"
    ISSUER = "issuer-unknown"
    AUDIENCE = "audience-other"
    EXPIRED = "expired"
    EARLY = "not-yet-valid"
    TENANT = "tenant-other"
    LONG_LIVED = "lives-too-long"
    ALGORITHM = "algorithm-refused"
    JKU = "jku-other"
    KEY = "key-unknown"
    SIGNATURE = "signature-wrong"
    REPLAYED = "token-replayed"


class RefusedError(Exception):
    """A call that is refused."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason."""
        super().__init__(reason.value)
        self.reason = reason


class Header(msgspec.Struct, frozen=True):
    """The header of a token, as far as it is read."""

    alg: str
    kid: str
    typ: str = "JWT"
    jku: str | None = None


class Claims(msgspec.Struct, frozen=True):
    """The claims of a token, as far as they are read; times in seconds since 1970."""

    iss: str
    aud: str | tuple[str, ...]
    exp: _Time
    iat: _Time
    jti: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    nbf: _Time = 0
    tenant: str | None = None


class Token(msgspec.Struct, frozen=True):
    """A token whose signature was not looked at yet."""

    text: str
    header: Header
    claims: Claims


def read_token(authorization: str | None) -> Token:
    """Read the token of a call.

    Args:
        authorization: the header of that name.

    Raises:
        RefusedError: there is no token, or it cannot be read. Nothing that it says is repeated.
    """
    scheme, _, text = (authorization or "").partition(" ")
    text = text.strip(" ")
    if scheme.lower() != "bearer" or not text:
        raise RefusedError(Reason.MISSING)
    if len(text) > LONGEST_TOKEN:
        raise RefusedError(Reason.TOO_LONG)
    try:
        read = _jws.decode_complete(text, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        # An unknown crit is told like this too.
        unreadable = isinstance(error, jwt.DecodeError)
        raise RefusedError(Reason.GARBLED if unreadable else Reason.HEADER) from None
    except (ValueError, RecursionError):
        raise RefusedError(Reason.GARBLED) from None
    return Token(text, _header(read["header"]), _claims(read["payload"]))


def _header(read: dict[str, object]) -> Header:
    """The header.

    Raises:
        RefusedError: it lacks what CDS Hooks requires, or demands what is not understood.
    """
    try:
        header = msgspec.convert(read, Header)
    except msgspec.ValidationError:
        raise RefusedError(Reason.HEADER) from None
    if header.typ.upper() != "JWT" or "crit" in read:
        raise RefusedError(Reason.HEADER)
    return header


def _claims(payload: bytes) -> Claims:
    """The claims.

    Raises:
        RefusedError: one is missing, or is of another type.
    """
    try:
        return msgspec.json.decode(payload, type=Claims)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RefusedError(Reason.CLAIMS) from None


def verify(token: Token, key: object) -> None:
    """Check the signature.

    Args:
        token: the token; its algorithm is one that the key may be used with.
        key: the public key.

    Raises:
        RefusedError: the signature is another's.
    """
    try:
        _jws.decode_complete(token.text, key, [token.header.alg])  # type: ignore[arg-type]  # any public key of cryptography
    except (jwt.PyJWTError, ValueError):
        raise RefusedError(Reason.SIGNATURE) from None
