"""``client test``: the calls of a client to a running service, and why they may have failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import requests

from defib_coverage.command.invented_order import invented_order
from defib_coverage.command.options import counted
from defib_coverage.command.page import plain
from defib_coverage.documents.document import InputError
from defib_coverage.hooks.discovery import SERVICE_IDS
from defib_coverage.hooks.trust.signing import LIFETIME, read_key, sign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from defib_coverage.hooks.trust.client_file import Registration
    from defib_coverage.hooks.trust.signing import SigningKey

_SECONDS = 15
_DISCOVERY = "/cds-services"
_SERVICE = next(
    f"{_DISCOVERY}/{name}" for name, hook in SERVICE_IDS.items() if hook == "order-sign"
)
_OK = 200
_UNAUTHORIZED = 401
_LONGEST = 300
_NO_SERVICE = "  What answers there is no CDS service. URL is its base, without /cds-services."


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried: a client by id, the service's URL, its public base, the private key's file.

    ``ca_bundle`` is a file of certificate authorities to trust instead of the usual ones.
    """

    id: str
    url: str
    audience: str
    key: Path
    ca_bundle: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What came of it, in lines for a person, and whether all went well."""

    lines: tuple[str, ...]
    good: bool


class _Bearer(requests.auth.AuthBase):
    """The token, which requests must not replace by one from a netrc file; or none."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Answer(msgspec.Struct, frozen=True):
    """What answered a call: status, None if nothing did; a JSON object if it is a good answer."""

    status: int | None
    content: dict[str, Any] | None = None
    reasons: tuple[str, ...] = ()


def try_out(trial: Trial, registrations: Sequence[Registration]) -> Outcome:
    """Make the calls of a client: discovery, order-sign, and order-sign without a token.

    Args:
        trial: what to try.
        registrations: the clients of the client file.

    Raises:
        InputError: there is no such client, or the URL is none.
        SettingsError: there is no such private key.
    """
    registration = next((r for r in registrations if r.client.id == trial.id), None)
    if registration is None:
        known = ", ".join(r.client.id for r in registrations)
        message = f"{trial.id}: is not in the client file, which has: {known}"
        raise InputError(message)
    for url in (trial.url, trial.audience):
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            message = f"{url}: is no URL such as http://127.0.0.1:8000"
            raise InputError(message)
    caller = _Caller(trial, registration, read_key(trial.key))
    lines = tuple(caller.doubts())
    for call in (caller.discover, caller.order, caller.order_unsigned):
        outcome = call()
        lines += outcome.lines
        if not outcome.good:
            return Outcome(lines, good=False)
    return Outcome((*lines, f"{trial.id} can call."), good=True)


class _Caller:
    """The client, as the service sees it."""

    def __init__(self, trial: Trial, registration: Registration, key: SigningKey) -> None:
        self._url = trial.url.rstrip("/")
        self._audience = trial.audience.rstrip("/")
        self._registration = registration
        self._client = registration.client
        self._key = key
        self._session = requests.Session()
        # Neither a proxy nor a password file of the machine.
        self._session.trust_env = False
        self._session.verify = trial.ca_bundle or True

    def doubts(self) -> Iterator[str]:
        """What the client file already tells about the key."""
        pinned = self._registration.pinned
        if pinned is not None and self._key.kid not in pinned.keys:
            kids = ", ".join(pinned.keys)
            yield f"WARNING: the private key has kid {plain(self._key.kid)}, the file pins {kids}"
        if self._key.algorithm not in self._client.algorithms:
            allowed = ", ".join(self._client.algorithms)
            yield f"WARNING: the private key signs {self._key.algorithm}, the file allows {allowed}"

    def discover(self) -> Outcome:
        """Discovery."""
        answer = self._sent("GET", _DISCOVERY, self._token(_DISCOVERY))
        return self._outcome(f"GET {self._url}{_DISCOVERY}", answer, "service")

    def order(self) -> Outcome:
        """An order for an invented patient."""
        answer = self._sent("POST", _SERVICE, self._token(_SERVICE))
        return self._outcome(f"POST {self._url}{_SERVICE}", answer, "card")

    def order_unsigned(self) -> Outcome:
        """The same without a token: a service that answers it asks nobody who they are."""
        answer = self._sent("POST", _SERVICE, None)
        call = f"POST {self._url}{_SERVICE} without a token: {answer.status or 'no answer'}"
        if answer.status == _UNAUTHORIZED:
            return Outcome((f"{call}, as it should be",), good=True)
        if answer.status != _OK:
            return Outcome((call, *answer.reasons), good=False)
        reasons = (
            "  The service is open: it asks nobody who they are, so the calls above show nothing.",
            "  Start it with DEFIB_COVERAGE_CLIENTS and DEFIB_COVERAGE_PUBLIC_BASE.",
        )
        return Outcome((call, *reasons), good=False)

    def _outcome(self, call: str, answer: _Answer, what: str) -> Outcome:
        """What a call brought: its services or cards, or why it failed."""
        if answer.status is None:
            return Outcome((f"{call}: no answer", *answer.reasons), good=False)
        found = (answer.content or {}).get(what + "s")
        if not isinstance(found, list):
            reasons = answer.reasons or (_NO_SERVICE,)
            return Outcome((f"{call}: {answer.status}", *reasons), good=False)
        head = f"{call}: {answer.status}, {counted(len(found), what)}"
        cards = [f"  - {_summary(card)}" for card in found if what == "card"]
        return Outcome((head, *cards), good=True)

    def _token(self, path: str) -> str:
        client = self._client
        lifetime = min(LIFETIME, client.longest_token)
        claims = {} if client.tenant is None else {"tenant": client.tenant}
        return sign(
            self._key,
            client.issuer,
            self._audience + path,
            now=time.time(),
            lifetime=lifetime,
            jku=client.jku,
            **claims,
        )

    def _sent(self, method: str, path: str, token: str | None) -> _Answer:
        body = invented_order(time.time()) if method == "POST" else None
        try:
            answer = self._session.request(
                method,
                self._url + path,
                data=body,
                headers={"Content-Type": "application/json"} if body else None,
                auth=_Bearer(token),
                timeout=_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return _Answer(None, reasons=(f"  {_unreached(error)}",))
        try:
            content = answer.json()
        except ValueError:
            content = None
        if answer.status_code != _OK or not isinstance(content, dict):
            return _Answer(
                answer.status_code, reasons=tuple(self._reasons(answer.status_code, content))
            )
        return _Answer(answer.status_code, content)

    def _reasons(self, status: int, content: object) -> Iterator[str]:
        """What the service said, and what it probably means."""
        said = _diagnostics(content)
        if said:
            yield f"  it says: {said}"
        if status == _UNAUTHORIZED:
            yield "  Its log names the reason. Likely ones:"
            yield f"  - audience-other: its DEFIB_COVERAGE_PUBLIC_BASE is not {self._audience}"
            yield "    (say the public base by --audience where clients use another URL)"
            yield f"  - issuer-unknown: its client file has no issuer {self._client.issuer},"
            yield "    or was changed after the service started"
            yield "  - key-unknown, signature-wrong: its file pins, or the jku has, other keys"
            yield "  - expired, not-yet-valid: its clock and this one differ by more than 30 s"
        elif status == _OK or content is None:
            yield _NO_SERVICE
        else:
            yield "  The service's log may say more."


def _unreached(error: requests.RequestException) -> str:
    """Why there is no answer, without the library's long text."""
    match error:
        case requests.exceptions.SSLError():
            return (
                "its certificate is not trusted; DEFIB_COVERAGE_CA_BUNDLE names your own authority"
            )
        case requests.exceptions.Timeout():
            return f"nothing came within {_SECONDS} seconds"
        case requests.exceptions.ConnectionError():
            return "nobody answers at that address: does the service run?"
        case _:
            return type(error).__name__


def _summary(card: object) -> str:
    summary = card.get("summary") if isinstance(card, dict) else None
    return plain(str(summary))[:_LONGEST]


def _diagnostics(content: object) -> str:
    """The text of an OperationOutcome's first issue."""
    try:
        text = content["issue"][0]["diagnostics"]  # type: ignore[index]  # any JSON
    except (TypeError, KeyError, IndexError):
        return ""
    return plain(str(text))[:_LONGEST]
