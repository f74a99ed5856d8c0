"""Where this service is reached: as its settings say, else as the visitor asked."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from defib_coverage.errors import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

    from defib_coverage.settings import Settings

# A name or an address, and a port: nothing that a shell or a page could take for more.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_OWN = {"same-origin", "none"}
_PORTS = {"http": 80, "https": 443}


class Base(msgspec.Struct, frozen=True):
    """The URL before every path; ``is_set`` where the settings say it."""

    url: str
    is_set: bool


def base_of(request: Request, settings: Settings) -> Base:
    """Where clients reach the service.

    Raises:
        RequestError: 400, the visitor asked for a host that is none.
    """
    if settings.public_base is not None:
        return Base(settings.public_base.rstrip("/"), is_set=True)
    return Base(asked_base(request), is_set=False)


def asked_base(request: Request) -> str:
    """The URL that the visitor asked at.

    Raises:
        RequestError: 400, the header Host names no host.
    """
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise RequestError(400, "value", "the header Host must name a host", "header")
    return f"{request.url.scheme}://{host}"


def is_on_this_machine(request: Request) -> bool:
    """Whether a visitor on this machine asked this very server, past no proxy of another name."""
    scope = request.scope
    ends = (scope.get("server"), scope.get("client"))
    if not all(end is not None and _is_loopback(end[0]) for end in ends):
        return False
    try:
        parts = urlsplit(asked_base(request))
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError, RequestError):
        return False
    return _is_loopback(parts.hostname or "") and port == scope["server"][1]


def check_own(request: Request, settings: Settings) -> None:
    """Refuse what a page of another site sends in a visitor's name.

    Without a public base, a name that anybody can point at this machine is another site too.

    Raises:
        RequestError: 403; or 400, the visitor asked for a host that is none.
    """
    if settings.public_base is None and not _is_address(asked_base(request)):
        message = "Under a name, this is answered only where DEFIB_COVERAGE_PUBLIC_BASE says it."
        raise RequestError(403, "forbidden", message)
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        # A form of a page that tells no referrer has an origin of null: the browser's word counts.
        own = site in _OWN
    else:
        host = request.headers.get("host")
        own = origin is None or origin in {f"{scheme}://{host}" for scheme in _PORTS}
    if not own:
        raise RequestError(403, "forbidden", "Only a page of this service may ask for that.")


def _is_address(base: str) -> bool:
    """Whether a URL names this machine, or a machine by its address: no name server is asked."""
    try:
        host = urlsplit(base).hostname or ""
        return host == "localhost" or bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
