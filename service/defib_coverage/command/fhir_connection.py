"""HTTP with a FHIR server that is written to: where it may be, who is calling, patience, faults."""

from __future__ import annotations

import ipaddress
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import requests
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from defib_coverage.command.page import plain
from defib_coverage.documents.document import InputError
from defib_coverage.errors import DefibCoverageError
from defib_coverage.network.addresses import fhir_base_fault
from defib_coverage.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONNECT_SECONDS = 10
# A transaction of all releases is large, and a server may look at every code of it.
_ANSWER_SECONDS = 300
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_REDIRECTS = range(300, 400)
_ATTEMPTS = 5
_LONGEST_PAUSE = 60.0
_LONGEST_TEXT = 300
_FHIR = "application/fhir+json"
# As RFC 6750 has it.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class ServerError(DefibCoverageError):
    """A server that cannot be reached, or that does not answer as a FHIR server does."""


class Destination(msgspec.Struct, frozen=True):
    """A FHIR base that may be written to, and how.

    ``ca_bundle`` is a file of certificate authorities to trust instead of the usual ones.
    ``exposed`` says that what is sent can be read and changed on its way.
    """

    base: str
    token: str | None = None
    ca_bundle: str | None = None
    is_local: bool = False
    exposed: bool = False


class Reply(msgspec.Struct, frozen=True):
    """What came back; ``kind`` is the type of the body, without parameters."""

    status: int
    kind: str
    body: bytes


def destination(
    url: str,
    token_name: str | None,
    environment: Mapping[str, str],
    *,
    ca_bundle: str | None,
    development: bool,
) -> Destination:
    """Where to write, checked.

    Args:
        url: the FHIR base.
        token_name: the environment variable that holds a bearer token, None for no token.
        environment: the variables.
        ca_bundle: a file of certificate authorities.
        development: whether a token may go over plain http to another machine.

    Raises:
        InputError: the URL cannot be used, or there is no such token. Neither is ever repeated:
            a token may stand where its name should.
    """
    base = url.rstrip("/")
    fault = fhir_base_fault(base, development=True)
    if fault is not None and "://" not in base:
        fault = "http:// or https:// is missing"
    if fault is not None:
        message = f"--to: {fault}; give the base URL of a FHIR server, such as https://host/fhir"
        raise InputError(message)
    parts = urlsplit(base)
    is_local = _is_local(parts.hostname or "")
    exposed = parts.scheme == "http" and not is_local
    token = None if token_name is None else _token(environment.get(token_name))
    if token is not None and exposed and not development:
        message = (
            "--to: is plain http, and whoever carries the request could read the token; "
            f"use https, or {PREFIX}DEVELOPMENT=true for a server of invented data"
        )
        raise InputError(message)
    return Destination(base, token, ca_bundle, is_local, exposed)


def _is_local(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _token(text: str | None) -> str:
    """A bearer token out of a variable; white space around it comes of files and is dropped."""
    if text is None or not text.strip():
        message = "--token-env: no environment variable of that name holds a token"
        raise InputError(message)
    if _TOKEN.fullmatch(text.strip()) is None:
        message = "--token-env: what the variable holds is no bearer token"
        raise InputError(message)
    return text.strip()


class _Bearer(requests.auth.AuthBase):
    """The token, which requests must not replace by one from a netrc file; or none."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Connection:
    """Requests below one base; a busy server is waited for as it asks, within bounds."""

    def __init__(self, to: Destination) -> None:
        """Connect to nothing yet."""
        self.base = to.base
        self._token = to.token
        self._ca_bundle = to.ca_bundle
        self._session = requests.Session()
        # What is on this machine is not behind its proxy.
        self._session.trust_env = not to.is_local

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def said(self, text: str) -> str:
        """A server's words as they may be shown: short, and without the token."""
        if self._token is not None:
            text = text.replace(self._token, "***")
        text = " ".join(plain(text).split())
        return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."

    def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One exchange.

        Args:
            method: of HTTP.
            url: the whole URL.
            body: what to send, FHIR as JSON.
            headers: further ones.

        Returns:
            What came, whatever its status, unless it leads elsewhere or asks who is calling.

        Raises:
            ServerError: there is no such answer.
        """
        sent = {"Accept": _FHIR, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = _FHIR
        for attempt in range(_ATTEMPTS):
            try:
                response = self._session.request(
                    method,
                    url,
                    data=body,
                    headers=sent,
                    auth=_Bearer(self._token),
                    timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                    allow_redirects=False,
                    verify=self._ca_bundle,
                )
            except (OSError, HTTPError) as error:
                message = f"{self.base}: {_unreached(error)}"
                raise ServerError(message) from error
            if response.status_code not in _BUSY or attempt + 1 == _ATTEMPTS:
                break
            time.sleep(self._pause(response, attempt))
        return self._reply(response)

    def _pause(self, response: requests.Response, attempt: int) -> float:
        """How long to wait for a busy server: as it says, else longer each time."""
        asked = response.headers.get("Retry-After")
        if asked is None:
            return float(2**attempt)
        try:
            pause = Retry().parse_retry_after(asked)
        except InvalidHeader:
            return float(2**attempt)
        if pause > _LONGEST_PAUSE:
            message = (
                f"{self.base}: is busy ({response.status_code}) and asks for more than "
                f"{_LONGEST_PAUSE:.0f} seconds; push again later"
            )
            raise ServerError(message)
        return pause

    def _reply(self, response: requests.Response) -> Reply:
        status = response.status_code
        if status in _REDIRECTS:
            to = self.said(response.headers.get("Location", "no place"))
            message = f"{self.base}: leads elsewhere ({status}), to {to}; give that base by --to"
            raise ServerError(message)
        if status == HTTPStatus.UNAUTHORIZED:
            remedy = (
                "name the variable of a token by --token-env"
                if self._token is None
                else "the token is refused"
            )
            message = f"{self.base}: asks who is calling ({status}); {remedy}"
            raise ServerError(message)
        if status in _BUSY:
            message = f"{self.base}: is busy ({status}), {_ATTEMPTS} times over"
            raise ServerError(message)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Reply(status, kind, response.content)


def _unreached(error: OSError | HTTPError) -> str:
    """Why there is no answer, without the library's long text."""
    match error:
        case requests.exceptions.SSLError():
            return f"its certificate is not trusted; {PREFIX}CA_BUNDLE names your own authority"
        case requests.exceptions.ProxyError():
            return "the proxy does not let it through"
        case requests.exceptions.ReadTimeout():
            return f"no answer within {_ANSWER_SECONDS} seconds; what was sent may have been kept"
        case requests.exceptions.Timeout():
            return f"nobody answered within {_CONNECT_SECONDS} seconds"
        case requests.exceptions.ConnectionError():
            return "cannot be reached, or broke the connection off"
        case _:
            return f"cannot be asked ({type(error).__name__})"
