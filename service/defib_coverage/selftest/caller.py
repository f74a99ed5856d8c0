"""HTTP as a CDS client speaks it: one connection a call, with a token where there is a signer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import requests

from defib_coverage.errors import DefibCoverageError
from defib_coverage.hooks.discovery import SERVICE_IDS
from defib_coverage.hooks.trust.signing import SigningKey, sign
from defib_coverage.selftest.calls import body_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from defib_coverage.selftest.charts import Json

_CONNECT = 5.0
_READ = 20.0
_LONGEST_QUOTE = 120
_TOKEN = re.compile(r"eyJ[\w-]*(?:\.[\w-]*)*")
_SERVICE_OF_HOOK: dict[str, str] = {hook: service for service, hook in SERVICE_IDS.items()}
DISCOVERY = "/cds-services"
DETERMINATIONS = "/determinations"


class UnreachableError(DefibCoverageError):
    """There is no service where one was said to be."""


class Answer(msgspec.Struct, frozen=True):
    """An answer: its status, media type and body, and how many seconds it took."""

    status: int
    kind: str
    content: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The body, with a mark for what is no UTF-8."""
        return self.content.decode(errors="replace")

    def short(self) -> str:
        """The answer in a few words: never a token, never much of a body."""
        said = re.search(r'"diagnostics":\s*"((?:[^"\\]|\\.)*)"', self.text)
        if said is None:
            return f"{self.status}, {self.kind or 'no media type'}, {len(self.content)} bytes"
        return f"{self.status}, {_TOKEN.sub('[token]', said[1])[:_LONGEST_QUOTE]}"


class Signer(msgspec.Struct, frozen=True):
    """Signs the tokens of one client.

    ``audience`` is the base URL that the service knows itself by, ``now`` the clock in seconds
    since 1970.
    """

    key: SigningKey
    issuer: str
    audience: str
    now: Callable[[], float]
    tenant: str | None = None

    def token(self, path: str, **claims: object) -> str:
        """A token for one call of a path; ``claims`` replace what it would say."""
        told = {} if self.tenant is None else {"tenant": self.tenant}
        url = self.audience + path
        return sign(self.key, self.issuer, url, now=self.now(), **told | claims)  # type: ignore[arg-type]  # claims only


class Caller:
    """Calls one service."""

    def __init__(
        self, base: str, signer: Signer | None = None, ca_bundle: str | None = None
    ) -> None:
        """Call the service at a base URL.

        Args:
            base: without a slash at its end.
            signer: signs every call; None calls without a token.
            ca_bundle: certificates of authorities that the machine does not know.
        """
        self.base = base
        self.signer = signer
        self.ca_bundle = ca_bundle

    def anonymous(self) -> Caller:
        """The same without a signer."""
        return Caller(self.base, None, self.ca_bundle)

    def authorization(self, path: str) -> dict[str, str]:
        """The headers that say who calls a path."""
        if self.signer is None:
            return {}
        return {"Authorization": f"Bearer {self.signer.token(path)}"}

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request as it is; ``headers`` replace those that it would have.

        Raises:
            requests.RequestException: there was no answer.
        """
        sent = self.authorization(path) | dict(headers or {})
        with requests.Session() as session:
            # Neither a proxy nor a .netrc of the machine: what is sent is what is written here.
            session.trust_env = False
            response = session.request(
                method,
                self.base + path,
                data=body,
                headers=sent,
                timeout=(_CONNECT, _READ),
                allow_redirects=False,
                verify=self.ca_bundle or True,
            )
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        seconds = response.elapsed.total_seconds()
        return Answer(response.status_code, kind, response.content, seconds)

    def get(self, path: str) -> Answer:
        """GET a path."""
        return self.send("GET", path)

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a JSON body as it is."""
        return self.send(
            "POST", path, body, {"Content-Type": "application/json"} | dict(headers or {})
        )

    def call(self, request: Json) -> Answer:
        """Send a request to the service of its hook."""
        return self.post(path_of(request["hook"]), body_of(request))


def path_of(hook: str) -> str:
    """The path of a hook's service."""
    return f"{DISCOVERY}/{_SERVICE_OF_HOOK[hook]}"
