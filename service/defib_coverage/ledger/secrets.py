"""What of a patient is kept: digests that only the ledger's key makes, texts that only it opens.

From one secret come three keys, each for one use: so a digest of a patient tells nothing about the
chain.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_REFERENCE = re.compile(rb'"(reference|dependsOn)":"([^"\\]*)"')
# Digests of 16 bytes: enough that two patients never share one.
_DIGEST = 16
_LEVEL = 1


class Secrets:
    """The keys of one ledger."""

    def __init__(self, secret: str) -> None:
        """Derive the keys from the setting."""
        self._names = _derive(secret, b"names")
        self._texts = _derive(secret, b"texts")
        self.chain = _derive(secret, b"chain")
        self._fernet: Fernet | None = None

    def digest(self, kind: str, *names: str) -> str:
        """A keyed digest: 32 hexadecimal digits.

        Args:
            kind: what is named, so that things of two kinds never share a digest.
            names: its name, in parts.
        """
        text = "\0".join((kind, *names)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._names, digest_size=_DIGEST).hexdigest()

    def without_names(self, text: bytes) -> bytes:
        """JSON with keyed digests in the place of references; their resource types stay."""
        return _REFERENCE.sub(self._hidden, text)

    def _hidden(self, match: re.Match[bytes]) -> bytes:
        member, name = match.groups()
        kind, slash, _ = name.partition(b"/")
        digest = hashlib.blake2b(name, key=self._names, digest_size=_DIGEST).hexdigest()
        return b'"%b":"%b%b"' % (member, kind + slash if slash else b"", digest.encode())

    def lock(self, text: bytes) -> bytes:
        """A text, compressed and encrypted."""
        return self._cipher().encrypt(zlib.compress(text, _LEVEL))

    def open(self, locked: bytes) -> bytes:
        """What was locked.

        Raises:
            ValueError: it was locked with another key, or has changed since.
        """
        # Costs memory and time to import: only where it is used.
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return zlib.decompress(self._cipher().decrypt(locked))
        except InvalidToken as error:
            message = "locked with another key, or changed since"
            raise ValueError(message) from error

    def _cipher(self) -> Fernet:
        if self._fernet is None:
            from cryptography.fernet import Fernet  # noqa: PLC0415 - as above

            self._fernet = Fernet(base64.urlsafe_b64encode(self._texts))
        return self._fernet


def _derive(secret: str, use: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"defib-coverage ledger " + use, "sha256")


def pack(text: bytes) -> bytes:
    """A text, compressed."""
    return zlib.compress(text, _LEVEL)


def unpack(packed: bytes) -> bytes:
    """What was packed.

    Raises:
        ValueError: it has changed since.
    """
    try:
        return zlib.decompress(packed)
    except zlib.error as error:
        message = "is not what was packed"
        raise ValueError(message) from error
