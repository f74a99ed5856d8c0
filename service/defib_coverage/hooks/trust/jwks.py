"""JWK Sets: the public keys by which a client's tokens are verified."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, get_args

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from defib_coverage.hooks.trust.clients import Algorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_SET = 256 * 1024
"""Bytes that a JWK Set may have."""
MOST_KEYS = 100
_KID = re.compile(r"[!-~]{1,256}")
_RSA_BITS = range(2048, 8192 + 1)
_OF_CURVE: Mapping[str, Algorithm] = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_OF_RSA = frozenset(a for a in get_args(Algorithm) if not a.startswith("ES"))
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")


class PublicKey(msgspec.Struct, frozen=True):
    """One public key, and the algorithms that it may verify."""

    kid: str
    algorithms: frozenset[Algorithm]
    key: RSAPublicKey | EllipticCurvePublicKey


class KeyProblem(msgspec.Struct, frozen=True):
    """A key that must not be used: its place in the set, what is wrong, what to do."""

    place: str
    reason: str
    remedy: str


class KeySet(msgspec.Struct, frozen=True):
    """What a JWK Set holds: usable keys by kid, and those that must not be used.

    Keys of kinds that sign no token here, and keys for encryption, are in neither.
    """

    keys: dict[str, PublicKey]
    problems: tuple[KeyProblem, ...] = ()


class _Jwk(msgspec.Struct):
    kty: str
    kid: str | None = None
    alg: str | None = None
    use: str | None = None
    key_ops: tuple[str, ...] | None = None
    crv: str | None = None


class _JwkSet(msgspec.Struct):
    keys: list[dict[str, object]]


# Why a key must not be used, and what to do.
_Unusable = tuple[str, str]


def read_key_set(content: bytes) -> KeySet:
    """Read a JWK Set.

    Raises:
        ValueError: it is no JWK Set, or too large for one; the message says why.
    """
    if len(content) > LARGEST_SET:
        message = f"is larger than {LARGEST_SET} bytes"
        raise ValueError(message)
    try:
        found = msgspec.json.decode(content, type=_JwkSet).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = 'is no JWK Set: an object with a list "keys"'
        raise ValueError(message) from error
    if len(found) > MOST_KEYS:
        message = f"holds more than {MOST_KEYS} keys"
        raise ValueError(message)
    keys: list[tuple[str, PublicKey]] = []
    problems: list[KeyProblem] = []
    for number, raw in enumerate(found):
        place = f"keys[{number}]"
        read = _read_key(raw)
        if isinstance(read, PublicKey):
            keys.append((place, read))
        elif read is not None:
            problems.append(KeyProblem(place, *read))
    named = Counter(key.kid for _, key in keys)
    problems.extend(
        KeyProblem(place, f"kid {key.kid!r} names several keys", "Give each its own")
        for place, key in keys
        if named[key.kid] > 1
    )
    return KeySet({k.kid: k for _, k in keys if named[k.kid] == 1}, tuple(problems))


def _read_key(raw: dict[str, object]) -> PublicKey | _Unusable | None:
    """The key, or why it must not be used; None where it is of a kind that signs no token here."""
    try:
        jwk = msgspec.convert(raw, _Jwk)
    except msgspec.ValidationError:
        return "is no JWK", "Export the key again"
    if jwk.kty == "oct":
        return "is a symmetric key", "Use the public half of an EC or RSA pair"
    if raw.keys() & _PRIVATE:
        remedy = "Keep it with the client alone; only its public half goes into a JWK Set"
        return "is a private key", remedy
    able = _algorithms(jwk)
    return _usable(raw, jwk, able) if able else None


def _usable(raw: dict[str, object], jwk: _Jwk, able: frozenset[Algorithm]) -> PublicKey | _Unusable:
    """The key, bound to its own algorithm if it names one."""
    if jwk.alg is not None and jwk.alg not in able:
        return f"is no key for its alg {jwk.alg!r}", "Use one of " + ", ".join(sorted(able))
    if jwk.kid is None or _KID.fullmatch(jwk.kid) is None:
        return "has no usable kid", "Name the key: a token says by kid which one signed it"
    made = _material(raw, min(able))
    if isinstance(made, tuple):
        return made
    return PublicKey(jwk.kid, frozenset(a for a in able if jwk.alg in {None, a}), made)


def _algorithms(jwk: _Jwk) -> frozenset[Algorithm]:
    """What a key of this kind can verify."""
    if jwk.use not in {None, "sig"} or "verify" not in (jwk.key_ops or ("verify",)):
        return frozenset()
    if jwk.kty == "RSA":
        return _OF_RSA
    of_curve = _OF_CURVE.get(jwk.crv or "") if jwk.kty == "EC" else None
    return frozenset() if of_curve is None else frozenset({of_curve})


def _material(
    raw: dict[str, object], algorithm: Algorithm
) -> RSAPublicKey | EllipticCurvePublicKey | _Unusable:
    """The key itself; why not, where it is broken, or RSA of another size than is accepted."""
    public = {name: raw[name] for name in _PUBLIC if name in raw}
    try:
        made = jwt.PyJWK(public, algorithm).key
    # A member of another type than text ends in AttributeError inside the library.
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        made = None
    if not isinstance(made, RSAPublicKey | EllipticCurvePublicKey):
        return "is broken", "Export the key again"
    if isinstance(made, RSAPublicKey) and made.key_size not in _RSA_BITS:
        remedy = f"Use {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits, or ES384"
        return f"is RSA of {made.key_size} bits", remedy
    return made
