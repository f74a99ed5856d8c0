"""The kick-off: which export is asked for, and where its status will be told."""

from __future__ import annotations

import json
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urljoin

import msgspec

from defib_coverage.bulk.faults import BUSY, REASONS, FetchError, UnsureError
from defib_coverage.bulk.outcomes import told
from defib_coverage.fhir.needs import READ_TYPES
from defib_coverage.network.transfer import Reason, TransferError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.bulk.courier import Courier
    from defib_coverage.bulk.patience import Patience
    from defib_coverage.bulk.telling import Watch
    from defib_coverage.network.transport import Reply

TYPES = tuple(
    dict.fromkeys((*READ_TYPES, "Appointment", "Claim", "ExplanationOfBenefit", "Location"))
)
"""What is asked for by default: what the rules read, what was billed, and where it was done."""
_LONGEST_URL = 2000
_MOST_NAMED = 6
_LARGEST = 1 << 20
# Of a connection that was never made, or that led to somebody who sends it elsewhere.
_UNHEARD = frozenset(
    {
        *(Reason.ADDRESS_REFUSED, Reason.NAME_UNKNOWN),
        *(Reason.CERTIFICATE_REFUSED, Reason.REDIRECTED),
    }
)
# What a gateway says of a server that it has asked: that may have begun.
_PASSED_ON = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})
_FHIR = "application/fhir+json"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which export is asked for.

    ``group`` is the id of a Group, ``system`` the whole server; else all patients. No ``types``
    stand for all that the server has. ``filters`` are searches such as ``Observation?code=...``.
    """

    group: str | None = None
    system: bool = False
    types: tuple[str, ...] = TYPES
    since: str | None = None
    filters: tuple[str, ...] = ()

    @property
    def described(self) -> str:
        """The types in words, by name where they are few."""
        if not self.types:
            return "all types"
        number = len(self.types)
        words = f"{number} type{'' if number == 1 else 's'}"
        return words if number > _MOST_NAMED else f"{words}: {', '.join(self.types)}"

    def endpoint(self, base: str) -> str:
        """The URL of the operation."""
        if self.group is not None:
            return f"{base}/Group/{quote(self.group, safe='')}/$export"
        return f"{base}/$export" if self.system else f"{base}/Patient/$export"

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The parameters of the operation, by name."""
        found = [("_outputFormat", "application/fhir+ndjson")]
        if self.types:
            found.append(("_type", ",".join(self.types)))
        if self.since is not None:
            found.append(("_since", self.since))
        found.extend(("_typeFilter", one) for one in self.filters)
        return tuple(found)

    def url(self, base: str) -> str:
        """The export as one URL, which tells it from others."""
        return f"{self.endpoint(base)}?{urlencode(self.parameters, safe=',/')}"


def kick_off(wanted: Wanted, courier: Courier, patience: Patience, watch: Watch) -> str:
    """Ask for an export.

    A busy server is asked again. One that broke off is not: it may have begun already.

    Args:
        wanted: which.
        courier: who asks.
        patience: for how long.
        watch: is told of pauses.

    Returns:
        The URL of its status.

    Raises:
        UnsureError: the server may have begun one, and it cannot be found.
        FetchError: the server does not begin one.
    """
    base = courier.places.base
    passed_on = False
    for attempt in range(patience.attempts):
        try:
            reply = _ask(wanted, courier)
        except TransferError as error:
            reason = REASONS[error.reason]
            if error.reason == Reason.REDIRECTED:
                reason = "leads elsewhere; give the FHIR base itself"
            message = f"{base}: {reason}"
            fault = FetchError if error.reason in _UNHEARD else UnsureError
            raise fault(message) from error
        passed_on = passed_on or reply.status in _PASSED_ON
        if reply.status not in BUSY or attempt + 1 == patience.attempts:
            break
        pause = patience.pause(attempt, reply.headers.get("retry-after"))
        watch.waits(f"busy ({reply.status})", pause)
        time.sleep(pause)
    if reply.status != HTTPStatus.ACCEPTED:
        refusal = UnsureError if passed_on else FetchError
        raise refusal(f"{base}: " + _refusal(reply, wanted))
    location = reply.headers.get("content-location")
    if not location:
        message = f"{base}: began an export, and does not say where (no Content-Location)"
        raise UnsureError(message)
    try:
        return courier.places.check(urljoin(base + "/", location), "the export's status")
    except FetchError as error:
        raise UnsureError(str(error)) from error


def _ask(wanted: Wanted, courier: Courier) -> Reply:
    headers = {"Accept": _FHIR, "Prefer": "respond-async"}
    base = courier.places.base
    url = wanted.url(base)
    if len(url) <= _LONGEST_URL:
        return courier.send("GET", url, headers, _LARGEST)
    kinds = {"_since": "valueInstant"}
    parameters = [
        {"name": name, kinds.get(name, "valueString"): value} for name, value in wanted.parameters
    ]
    body = json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()
    headers["Content-Type"] = _FHIR
    return courier.send("POST", wanted.endpoint(base), headers, _LARGEST, body)


def _refusal(reply: Reply, wanted: Wanted) -> str:
    """Why there is no export, and what may help."""
    if reply.status < HTTPStatus.BAD_REQUEST:
        return f"answers {reply.status} instead of 202: it offers no Bulk Data export there"
    text = f"refuses the export ({told(reply)})"
    if reply.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        other = "--group ID" if wanted.group is None else "another --group"
        return f"{text}; try {other} or --system"
    if reply.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return text
    named = _named(reply, wanted.types)
    if named:
        rest = ",".join(one for one in wanted.types if one not in named)
        return f"{text}; it names {', '.join(named)}: leave out by --types {rest or 'all'}"
    if wanted.types:
        return f"{text}; --types names fewer types, --types all none"
    return text


def _named(reply: Reply, types: Sequence[str]) -> tuple[str, ...]:
    """The types that a refusal names, where it does not name all of them."""
    words = set(re.findall(r"[A-Za-z]+", reply.body.decode("utf-8", "replace")))
    # Whatever is refused, it is not the patients.
    named = tuple(one for one in types if one in words and one != "Patient")
    return named if len(named) < len(types) else ()
