"""A Bundle as the hook call that an EHR would have made with it.

The Bundle is taken as the patient's whole chart: what is not in it was not found. Only a Bundle
that says of itself that it is a part (a next page, a total above its entries) leaves gaps.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.documents.document import InputError, refused
from defib_coverage.fhir.needs import PREFETCH
from defib_coverage.fhir.order_devices import Devices
from defib_coverage.fhir.order_reader import JUDGED_TYPES, read_order
from defib_coverage.fhir.raw import BAD, RawEntry, decode_order, decode_resource, name_of
from defib_coverage.fhir.references import PatientCheck
from defib_coverage.fhir.systems import SYSTEM_URIS
from defib_coverage.hooks.undecoded import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.documents.document import Document
    from defib_coverage.documents.order_codes import OrderedCode

_STANDING = frozenset({"draft", "active"})
_URN = re.compile(rb'"(urn:(?:uuid|oid):[^"\\]+)"')
# The call is never sent, so it needs no id of its own.
_NO_INSTANCE = "00000000-0000-0000-0000-000000000000"


class Ways(NamedTuple):
    """How whoever hands a Bundle in says what it does not: messages tell of these."""

    order: str
    patient: str


class _Chart(msgspec.Struct, rename="camel"):
    resource_type: str
    total: int | None = None
    link: msgspec.Raw = msgspec.Raw(b"[]")
    entry: list[RawEntry] = []


def as_request(
    document: Document,
    patient: str | None,
    ordered: Sequence[tuple[OrderedCode, date | None]],
    index: CodeIndex,
    ways: Ways,
) -> bytes:
    """The body of the order-sign call.

    Args:
        document: the Bundle.
        patient: id of the patient; None where the Bundle has only one.
        ordered: codes to judge, each with its service date, None for today; where there is none,
            the draft and active defibrillator orders of the Bundle itself.
        index: tells which orders are ours.
        ways: how patient and order can be named.

    Raises:
        InputError: no patient, several, or no order.
    """
    chart = _read(document)
    patient = _patient(document.name, chart, patient, ways)
    drafts: list[object] = [
        _draft(code, day, patient, n) for n, (code, day) in enumerate(ordered, 1)
    ]
    if not ordered:
        drafts = list(_own_orders(chart, patient, index))
        if not drafts:
            message = (
                f"{document.name}: holds no draft or active defibrillator order; "
                f"name one with {ways.order}"
            )
            raise InputError(message)
    prefetch: dict[str, object] = {key.name: None for key in PREFETCH}
    prefetch["bundle"] = chart
    return msgspec.json.encode(
        {
            "hook": "order-sign",
            "hookInstance": _NO_INSTANCE,
            "context": {
                "userId": "Practitioner/unknown",
                "patientId": patient,
                "draftOrders": {
                    "resourceType": "Bundle",
                    "type": "collection",
                    "entry": [{"resource": draft} for draft in drafts],
                },
            },
            "prefetch": prefetch,
        },
    )


def _read(document: Document) -> _Chart:
    """The Bundle with a name for every resource, and every reference by that name."""
    try:
        chart = msgspec.json.decode(document.body, type=_Chart)
        name_entries(chart.entry)
    except BAD as error:
        raise refused(document.name, refusal(document.body, error)) from error
    return chart


def name_entries(entries: Sequence[RawEntry]) -> None:
    """Give every resource of a Bundle an id, and every reference the name that it means by it.

    Raises:
        MsgspecError: a resource without an id is no object.
    """
    names: dict[bytes, bytes] = {}
    for entry in entries:
        entry.resource = _named(entry, names)

    def by_name(match: re.Match[bytes]) -> bytes:
        name = names.get(match[1])
        return match[0] if name is None else b'"' + name + b'"'

    for entry in entries:
        entry.resource = msgspec.Raw(_URN.sub(by_name, bytes(entry.resource)))


def _named(entry: RawEntry, names: dict[bytes, bytes]) -> msgspec.Raw:
    """The resource with an id; in a transaction its full URL alone may name it."""
    resource_type, identifier = name_of(entry.resource)
    if not resource_type or entry.full_url is None:
        return entry.resource
    resource = entry.resource
    if identifier is None:
        identifier = re.split("[:/]", entry.full_url)[-1]
        members = msgspec.json.decode(resource, type=dict[str, msgspec.Raw])
        members["id"] = msgspec.Raw(msgspec.json.encode(identifier))
        resource = msgspec.Raw(msgspec.json.encode(members))
    names[entry.full_url.encode()] = f"{resource_type}/{identifier}".encode()
    return resource


def _patient(name: str, chart: _Chart, wanted: str | None, ways: Ways) -> str:
    """The patient's id: the one asked for, else the only one."""
    found: dict[str, None] = {}
    for entry in chart.entry:
        resource_type, identifier = name_of(entry.resource)
        if resource_type == "Patient" and identifier is not None:
            found[identifier] = None
    listed = ", ".join(found)
    wanted = None if wanted is None else wanted.removeprefix("Patient/")
    if wanted is not None and (wanted in found or not found):
        return wanted
    if wanted is not None:
        message = f"{name}: holds no patient {wanted}; it holds {listed}"
    elif not found:
        message = f"{name}: holds no Patient; say whose chart it is with {ways.patient}"
    elif len(found) > 1:
        message = f"{name}: holds {len(found)} patients; choose one with {ways.patient}: {listed}"
    else:
        return listed
    raise InputError(message)


def _draft(code: OrderedCode, day: date | None, patient: str, number: int) -> dict[str, object]:
    """An order as a clinician would have drafted it."""
    concept = {"coding": [{"system": SYSTEM_URIS[code.system][0], "code": code.code}]}
    draft: dict[str, object] = {
        "resourceType": code.resource_type,
        "id": f"order-{number}",
        "status": "draft",
        "intent": "order",
        "code" if code.resource_type == "ServiceRequest" else "codeCodeableConcept": concept,
        "subject": {"reference": f"Patient/{patient}"},
    }
    if day is not None:
        draft["occurrenceDateTime"] = day.isoformat()
    return draft


def _own_orders(chart: _Chart, patient: str, index: CodeIndex) -> Iterator[msgspec.Raw]:
    """The Bundle's own orders that are this patient's and ours."""
    is_patient = PatientCheck(patient)
    devices = Devices()
    for entry in chart.entry:
        if name_of(entry.resource)[0] == "Device":
            devices.add(decode_resource(entry.resource))
    for entry in chart.entry:
        kind, identifier = name_of(entry.resource)
        if kind not in JUDGED_TYPES:
            continue
        decoded = decode_order(entry.resource)
        if decoded is None or decoded[0].status not in _STANDING:
            continue
        device = devices.ordered_as(decoded[0])
        read = read_order(decoded[0], f"{kind}/{identifier}", index, is_patient, device)
        if read.code is not None and read.refusal != "order-of-other-patient":
            yield entry.resource
