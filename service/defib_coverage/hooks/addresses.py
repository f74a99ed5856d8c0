"""The addresses of a client entry: FHIR bases, where keys are published, private networks."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

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
