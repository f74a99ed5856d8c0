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
        "fd00:ec2::23",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "fc00::/7",
        "::1/128",
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
        if isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local:
            return False
        if ip in _METADATA or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            return False
        if any(ip.version == network.version and ip in network for network in self.networks):
            return True
        if ip.is_loopback or ip.is_private:
            return self.development
        return ip.is_global and not ip.is_reserved


def fhir_base_fault(url: str, *, development: bool) -> str | None:
    """What keeps a URL from being a FHIR base that may be read; None for a good one.

    Args:
        url: the URL.
        development: whether plain http will do.
    """
    if "?" in url:
        return "has a query"
    return published_fault(url, development=development)


def published_fault(url: str, *, development: bool) -> str | None:
    """What keeps a URL from being one that is fetched; None for a good one.

    Args:
        url: the URL.
        development: whether plain http will do.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a port that is none is told by reading it
    except ValueError:
        return "is no URL"
    if not url.isascii() or not url.isprintable() or set(url) & set(' "<>\\^`{|}'):
        return "holds a character that no URL has"
    if parts.scheme != "https" and not (development and parts.scheme == "http"):
        return "is not https"
    if not parts.hostname:
        return "is not absolute: it names no host"
    if "@" in parts.netloc:
        return "carries a user name or password"
    return "has a fragment" if "#" in url else None


def network_fault(text: str) -> str | None:
    """What keeps a text from being a private network such as ``10.20.0.0/16``; None for one."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return "is no network such as 10.20.0.0/16 (address bits after the prefix must be 0)"
    if not any(
        network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type]  # the versions are equal
        for private in _PRIVATE
    ):
        return "is no private network: it reaches public or link-local addresses"
    return None


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read private networks such as ``10.20.0.0/16``.

    Raises:
        ValueError: one is no private network.
    """
    for text in texts:
        fault = network_fault(text)
        if fault is not None:
            message = f"{text}: {fault}"
            raise ValueError(message)
    return tuple(ipaddress.ip_network(text) for text in texts)


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
    # Servers in Java drop what follows a semicolon before they look at the dots.
    steps = {part.partition(";")[0] for part in path.split("/")}
    if "\\" in path or "%" in path or not steps.isdisjoint({".", ".."}):
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
