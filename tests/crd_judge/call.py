"""A call of a CRD client and the reply to it, and what the judge of replies reads in the call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NamedTuple

from crd_judge.json_text import Json, compact, member, members, resources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

Version = Literal["2.0", "2.2"]
ORDER_TYPES = {
    "CommunicationRequest",
    "DeviceRequest",
    "MedicationRequest",
    "NutritionOrder",
    "ServiceRequest",
    "VisionPrescription",
}


class Broken(NamedTuple):
    """A rule that is broken, what is wrong, and where in the answer."""

    rule: str
    what: str
    place: str


class Call(NamedTuple):
    """What was asked.

    ``version`` is the CRD version asked for, None where none was; ``scope`` names the orders that
    the service judges and has something new to say of; ``read`` are orders that the service could
    read from the client's FHIR server, by their JSON.
    """

    version: Version | None
    hook: str
    text: str
    scope: tuple[str, ...]
    today: date
    read: tuple[str, ...] = ()


class Reply(NamedTuple):
    """What came back, and after how many seconds."""

    status: int
    content_type: str
    body: bytes
    seconds: float


class Facts(NamedTuple):
    """What the call says: orders by reference as compact text, and the patient's Coverages."""

    version: Version | None
    hook: str
    today: date
    scope: tuple[str, ...]
    orders: dict[str, str]
    drafts: tuple[str, ...]
    selected: frozenset[str] | None
    coverages: frozenset[str]
    wanted: bool
    token: str

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions that the answer must fit."""
        return ("2.0", "2.2") if self.version is None else (self.version,)


def read_facts(call: Call) -> Facts:
    """Read a call."""
    text = compact(call.text)
    request: Json = json.loads(text)
    context = request["context"]
    drafts = list(resources(member(text, "context", "draftOrders")))
    known = [compact(one) for one in call.read]
    if not drafts:
        sent = [value for _, value in members(member(text, "prefetch"))]
        known += [one for value in sent for one in resources(value)]
    selections = context.get("selections")
    configuration = request.get("extension", {}).get("davinci-crd.configuration") or {}
    return Facts(
        version=call.version,
        hook=call.hook,
        today=call.today,
        scope=call.scope,
        orders=dict(_named([*known, *drafts])),
        drafts=tuple(name for name, _ in _named(drafts)),
        selected=None if selections is None else frozenset(selections),
        coverages=frozenset(_coverages(request.get("prefetch", {}), context["patientId"])),
        wanted=configuration.get("coverage-info") is not False,
        token=request.get("fhirAuthorization", {}).get("access_token", ""),
    )


def _named(listed: list[str]) -> Iterator[tuple[str, str]]:
    for text in listed:
        value = json.loads(text)
        if value.get("resourceType") in ORDER_TYPES and "id" in value:
            yield f"{value['resourceType']}/{value['id']}", text


def _coverages(prefetch: Json, patient: str) -> Iterator[str]:
    """The Coverages whose beneficiary is the patient."""
    for value in prefetch.values():
        entries = value.get("entry", [{"resource": value}]) if isinstance(value, dict) else []
        for one in [entry.get("resource", {}) for entry in entries]:
            beneficiary = one.get("beneficiary", {}).get("reference", "")
            if beneficiary.split("/")[-2:] == ["Patient", patient]:
                yield f"{one['resourceType']}/{one['id']}"
