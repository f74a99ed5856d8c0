"""What a FHIR server tells of its tokens in ``.well-known/smart-configuration``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.bulk.faults import REASONS, FetchError
from defib_coverage.bulk.places import REACH
from defib_coverage.network.transfer import Transfer, TransferError

if TYPE_CHECKING:
    from defib_coverage.bulk.places import Places
    from defib_coverage.network.transport import Host

SCOPE_V1 = "system/*.read"
SCOPE_V2 = "system/*.rs"
_PATH = "/.well-known/smart-configuration"
_SECONDS = 30
_LARGEST = 1 << 20
_OK = 200


class Configuration(msgspec.Struct, frozen=True):
    """What is read of the document."""

    token_endpoint: str | None = None
    capabilities: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        """The scope to read everything, as the server's version of SMART spells it."""
        has_v2 = "permission-v2" in self.capabilities
        return SCOPE_V2 if has_v2 else SCOPE_V1


def discover(places: Places, host: Host) -> Configuration:
    """Read the document of a FHIR server; no token is sent for it.

    Args:
        places: the FHIR base.
        host: the connections.

    Raises:
        FetchError: there is none that can be read.
    """
    what = f"{places.base}{_PATH}"
    transfer = Transfer(time.monotonic() + _SECONDS, REACH)
    try:
        reply = host.get(what, {"Accept": "application/json"}, transfer, _LARGEST)
    except TransferError as error:
        message = f"{what}: {REASONS[error.reason]}"
        raise FetchError(message) from error
    if reply.status != _OK:
        message = f"{what}: answers {reply.status}; name the token server by --token-url"
        raise FetchError(message)
    try:
        found = msgspec.json.decode(reply.body, type=Configuration)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        message = f"{what}: is no SMART configuration; name the token server by --token-url"
        raise FetchError(message) from error
    if found.token_endpoint is None:
        message = f"{what}: names no token_endpoint; name it by --token-url"
        raise FetchError(message)
    places.check(found.token_endpoint, "the token server")
    return found
