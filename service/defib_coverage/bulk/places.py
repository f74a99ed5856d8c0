"""Where an export may lead: which addresses are asked, and which of them get the token."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from defib_coverage.bulk.faults import FetchError
from defib_coverage.documents.document import InputError
from defib_coverage.network.addresses import Reach, fhir_base_fault, published_fault

if TYPE_CHECKING:
    from collections.abc import Sequence

# A hospital's servers stand in private networks; what clouds tell about the machine, nobody asks.
REACH = Reach(development=True)
"""The addresses that may be connected to."""
_PORTS = {"https": 443, "http": 80}


class Places(msgspec.Struct, frozen=True):
    """The FHIR base, and the further origins that get its token.

    ``development`` allows plain http to other machines than this one.
    """

    base: str
    token_to: tuple[str, ...] = ()
    development: bool = False

    def fault(self, url: str) -> str | None:
        """What keeps a URL that the server named from being asked; None for a good one."""
        local = _is_local(self.base)
        plain = self.development or (local and _is_local(url))
        fault = published_fault(url, development=plain)
        if fault is None and _is_local(url) and not local:
            # What runs on this machine is none of a distant server's business.
            return "leads to this machine"
        return fault

    def check(self, url: str, what: str) -> str:
        """A URL that may be asked.

        Raises:
            FetchError: it may not be. The URL itself may be a secret, and is not repeated.
        """
        fault = self.fault(url)
        if fault is not None:
            message = f"{self.base}: the address of {what} {fault}"
            raise FetchError(message)
        return url

    def takes_token(self, url: str) -> bool:
        """Whether the token goes along to a URL."""
        place = origin(url)
        if place is None:
            return False
        if place == origin(self.base):
            return True
        is_safe = place.startswith("https:") or _is_local(url)
        return is_safe and place in self.token_to


def origin(url: str) -> str | None:
    """Scheme, host and port, such as ``https://fhir.example.org:443``; None for none of HTTP."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return f"{parts.scheme}://{parts.hostname}:{port or _PORTS[parts.scheme]}"


def read_places(base: str, token_to: Sequence[str], *, development: bool) -> Places:
    """The places that options name, checked.

    Args:
        base: the FHIR base URL.
        token_to: further origins that get the token.
        development: whether plain http to other machines will do.

    Raises:
        InputError: one of them is none.
    """
    base = base.rstrip("/")
    fault = fhir_base_fault(base, development=development or _is_local(base))
    if fault is not None and "://" not in base:
        fault = "lacks https://"
    if fault is not None:
        message = (
            f"FHIR_BASE {fault}; give the base URL of a FHIR server, such as https://host/fhir"
        )
        raise InputError(message)
    allowed = []
    for text in token_to:
        found = origin(text)
        if found is None or published_fault(text, development=_is_local(text)) is not None:
            message = "--token-to: give an origin such as https://files.example.org"
            raise InputError(message)
        allowed.append(found)
    return Places(base, tuple(allowed), development)


def host_of(url: str) -> str:
    """What a message may say of a URL: its origin, without the path that may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_local(url: str) -> bool:
    """Whether a URL leads to this machine by its name or address."""
    try:
        host = urlsplit(url).hostname or ""
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
