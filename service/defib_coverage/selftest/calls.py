"""Hook requests: good ones, and the ways in which clients spoil them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from defib_coverage.fhir.needs import KEYS, KEYS_OF_TYPE
from defib_coverage.hooks.configuration import OPTIONS
from defib_coverage.selftest.charts import PATIENT, SECRET, Json, appointment, covered_chart, order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.hooks.request import HookName

_MARK = "@@raw@@"
_CONFIGURATION = "davinci-crd.configuration"
FAILURE: Json = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "search failed"}],
}
"""What a client sends where its own query failed."""


def bundle(resources: Sequence[Json], **more: object) -> Json:
    """A searchset; without entry where nothing was found."""
    found: Json = {"resourceType": "Bundle", "type": "searchset"}
    if resources:
        found["entry"] = _entries(resources)
    return found | more


def drafted(orders: Sequence[Json]) -> Json:
    """The Bundle of draft orders, or of appointments."""
    return {"resourceType": "Bundle", "type": "collection", "entry": _entries(orders)}


def _entries(resources: Sequence[Json]) -> list[Json]:
    url = "https://ehr.example.org/fhir"
    return [
        {"fullUrl": f"{url}/{r.get('resourceType')}/{r.get('id')}", "resource": r}
        for r in resources
    ]


def prefetch_of(chart: Sequence[Json]) -> Json:
    """Every key of discovery, answered from a chart: an empty Bundle where it has nothing."""
    found: Json = {}
    for key in KEYS:
        matches = [r for r in chart if key in KEYS_OF_TYPE[r["resourceType"]]]
        single = key == "patient" and len(matches) == 1
        found[key] = matches[0] if single else bundle(matches)
    return found


def call(
    hook: HookName = "order-sign",
    chart: Sequence[Json] | None = None,
    orders: Sequence[Json] | None = None,
    **more: object,
) -> Json:
    """A good call of a hook.

    Args:
        hook: one of the four.
        chart: the patient's records; a covered chart by default.
        orders: what is ordered; the implant of a defibrillator by default.
        more: further members of the request, or other values for those that it has.
    """
    ordered = [order()] if orders is None else list(orders)
    names = [f"{o.get('resourceType')}/{o.get('id')}" for o in ordered]
    context: Json = {"patientId": PATIENT}
    prefetch = prefetch_of(covered_chart() if chart is None else chart)
    match hook:
        case "order-dispatch":
            context |= {"dispatchedOrders": names, "performer": "Organization/selftest"}
            prefetch["ordered"] = bundle(ordered)
        case "appointment-book":
            context["appointments"] = drafted([appointment(o) for o in ordered])
            prefetch["ordered"] = bundle(ordered)
        case "order-select":
            context |= {"draftOrders": drafted(ordered), "selections": names}
        case "order-sign":
            context["draftOrders"] = drafted(ordered)
    if hook != "order-dispatch":
        context["userId"] = f"Practitioner/{SECRET}"
    request: Json = {
        "hook": hook,
        "hookInstance": str(uuid4()),
        "context": context,
        "prefetch": prefetch,
    }
    return deepcopy(request | more | {"extension": _with_options(more.get("extension"))})


def _with_options(extension: object) -> object:
    """An extension that sets every option, so that a client's own defaults change nothing."""
    told: Json = extension if isinstance(extension, dict) else {}
    given = told.get(_CONFIGURATION, {})
    if (extension is not None and not told) or not isinstance(given, dict):
        return extension
    return told | {_CONFIGURATION: {option.code: option.default for option in OPTIONS} | given}


def without(key: str) -> Json:
    """A covered patient's call that leaves a prefetch key out."""
    request = call()
    del request["prefetch"][key]
    return request


def with_key(key: str, value: object, chart: Sequence[Json] | None = None) -> Json:
    """A call whose prefetch key holds something else."""
    request = call(chart=chart)
    request["prefetch"][key] = value
    return request


def body_of(request: Json) -> bytes:
    """A request as it is sent."""
    return json.dumps(request).encode()


def with_raw(place: Sequence[str | int], raw: bytes) -> bytes:
    """A good call's body with raw text in the place of one value."""
    request = call()
    node: Any = request
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = _MARK
    return body_of(request).replace(f'"{_MARK}"'.encode(), raw)
