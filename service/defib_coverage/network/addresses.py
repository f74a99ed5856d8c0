"""Where a connection may lead: base URLs as they are configured, and addresses after look-up."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Where clouds answer questions about the machine itself; some stand among public addresses.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)
_SCHEMES = {"https": 443, "http": 80}


class Reach(msgspec.Struct, frozen=True):
    """The addresses that may be connected to.

    Public ones always; private ones inside ``networks``; with ``development`` private ones and the
    machine itself. Link-local and metadata addresses never.
    """

    networks: tuple[Network, ...] = ()
    development: bool = False

    def allows(self, address: str) -> bool:
        """Whether an IP address may be connected to."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address):
            # An IPv4 address in the clothes of IPv6 is judged as what it is.
            ip = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip
        if ip in _METADATA or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            return False
        if any(ip.version == network.version and ip in network for network in self.networks):
            return True
        if ip.is_loopback or ip.is_private:
            return self.development
        return ip.is_global and not ip.is_reserved


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read private networks such as ``10.20.0.0/16``.

    Raises:
        ValueError: one is no network, or holds addresses that are not private.
    """
    found = []
    for text in texts:
        network = ipaddress.ip_network(text)
        if not network.is_private or network.is_link_local or network.is_loopback:
            message = f"{text} is not a private network"
            raise ValueError(message)
        found.append(network)
    return tuple(found)


def read_base(text: str, *, development: bool = False) -> str:
    """Read a base URL; it is returned without a slash at its end.

    Args:
        text: such as ``https://fhir.example.org/r4``.
        development: whether plain http will do.

    Raises:
        ValueError: it is no absolute https URL, or holds more than scheme, host, port and path.
    """
    parts = urlsplit(text)
    schemes = _SCHEMES if development else {"https": 443}
    if parts.scheme not in schemes or not parts.hostname:
        message = f"{text} is not a URL that begins with {' or '.join(schemes)}://"
        raise ValueError(message)
    if parts.query or parts.fragment or "@" in parts.netloc or not text.isascii():
        message = f"{text} must hold no user, query or fragment"
        raise ValueError(message)
    if parts.port == 0:
        message = f"{text} has no usable port"
        raise ValueError(message)
    return text.rstrip("/")


def same_base(base: str, text: str) -> bool:
    """Whether two base URLs mean the same: a slash at the end and a default port say nothing."""
    return _place(base) is not None and _place(base) == _place(text)


def below(base: str, link: str) -> str | None:
    """A link as a URL below a base, or None if it leads anywhere else.

    The configured base is used, never the link's own spelling of it.
    """
    try:
        whole = urlsplit(urljoin(base + "/", link))
    except ValueError:
        return None
    wanted, found = _place(base), _place(whole._replace(query="", fragment="").geturl())
    if wanted is None or found is None or wanted[:3] != found[:3]:
        return None
    path = whole.path
    if "\\" in path or "%" in path or any(part in {".", ".."} for part in path.split("/")):
        return None
    root = wanted[3]
    if path.rstrip("/") != root and not path.startswith(root + "/"):
        return None
    return base + path[len(root) :] + (f"?{whole.query}" if whole.query else "")


def _place(text: str) -> tuple[str, str, int, str] | None:
    """Scheme, host, port and path; None for what is no URL of HTTP."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not parts.hostname or "@" in parts.netloc:
        return None
    if parts.query or parts.fragment:
        return None
    port = port or _SCHEMES[parts.scheme]
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")
