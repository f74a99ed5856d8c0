"""What CDS Hooks and CRD ask of system actions: each order back as it came, with one statement.

Numbers are compared as they are written: to FHIR, 1.00 is another value than 1.0.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.selftest.card_rules import is_text, values
from defib_coverage.selftest.charts import Json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COVERAGE_INFORMATION = (
    "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
)
_KINDS = {
    "coverage": "valueReference",
    "covered": "valueCode",
    "pa-needed": "valueCode",
    "doc-needed": "valueCode",
    "doc-purpose": "valueCode",
    "info-needed": "valueCode",
    "billingCode": "valueCoding",
    "reason": "valueCodeableConcept",
    "dependency": "valueReference",
    "questionnaire": "valueCanonical",
    "date": "valueDate",
    "coverage-assertion-id": "valueString",
    "satisfied-pa-id": "valueString",
}
_ONCE = ("coverage", "covered", "date", "coverage-assertion-id")
_CODES = {
    "covered": {"covered", "not-covered", "conditional", "indeterminate"},
    "pa-needed": {
        "no-auth",
        "auth-needed",
        "satisfied",
        "performpa",
        "conditional",
        "indeterminate",
    },
    "doc-needed": {"clinical", "admin", "conditional"},
    "doc-purpose": {"withpa", "withclaim", "withorder", "retain-doc", "OTH"},
    "info-needed": {"performer", "location", "timeframe", "contract-window", "OTH"},
}


class Sent(msgspec.Struct, frozen=True):
    """A call as it was sent: its hook, its orders by ``Type/id``, and which of them are meant."""

    hook: str
    orders: Mapping[str, Json]
    meant: frozenset[str]


class ActionRule(msgspec.Struct, frozen=True):
    """One rule: its id, what it asks, and whether a system action holds it."""

    id: str
    text: str
    holds: Callable[[Json, Sent], bool]


def as_written(text: bytes) -> Json:
    """An object of JSON whose numbers are told by how they are written.

    Raises:
        ValueError: it is something else.
    """

    def number(digits: str) -> tuple[str, str]:
        return "number", digits

    found = json.loads(text, parse_float=number, parse_int=number)
    if isinstance(found, dict):
        return found
    raise ValueError


def sent(body: bytes, meant: frozenset[str]) -> Sent:
    """The call of a body; ``meant`` are the orders that it is about."""
    request = as_written(body)
    orders = {
        f"{one['resourceType']}/{one['id']}": one
        for one in values([request["context"], request.get("prefetch")])
        if isinstance(one, dict) and isinstance(one.get("id"), str) and "resourceType" in one
    }
    return Sent(request["hook"], orders, meant)


def reference_of(action: Json) -> str:
    """``Type/id`` of what an action updates."""
    return f"{action['resource']['resourceType']}/{action['resource']['id']}"


def parts_of(order: Json) -> list[Json]:
    """The parts of the coverage information that was written to an order, which stands last."""
    found = [e for e in order["extension"] if e["url"] == COVERAGE_INFORMATION]
    parts: list[Json] = found[-1]["extension"]
    return parts


def codes_of(order: Json) -> dict[str, str]:
    """The codes of that coverage information, by part."""
    return {one["url"]: one["valueCode"] for one in parts_of(order) if "valueCode" in one}


def _is_update(action: Json, _: Sent) -> bool:
    return (
        action["type"] == "update"
        and is_text(action["description"])
        and isinstance(action["resource"], dict)
        and set(action) == {"type", "description", "resource"}
    )


def _unchanged(action: Json, call: Sent) -> bool:
    def apart(order: Json) -> tuple[Json, list[object]]:
        rest = {name: value for name, value in order.items() if name != "extension"}
        told = order.get("extension", [])
        return rest, [one for one in told if one.get("url") != COVERAGE_INFORMATION]

    return apart(action["resource"]) == apart(call.orders[reference_of(action)])


def _parts_fit(action: Json, _: Sent) -> bool:
    parts = parts_of(action["resource"])
    times = Counter(one["url"] for one in parts)
    return (
        all(set(one) == {"url", _KINDS[one["url"]]} for one in parts)
        and all(times[name] == 1 for name in _ONCE)
        and all(is_text(c["text"]) for one in parts if (c := one.get("valueCodeableConcept")))
        and all(one["valueCode"] in _CODES[one["url"]] for one in parts if "valueCode" in one)
    )


def _parts_agree(action: Json, _: Sent) -> bool:
    names, codes = (
        {one["url"] for one in parts_of(action["resource"])},
        codes_of(action["resource"]),
    )
    refused = codes["covered"] == "not-covered"
    return (
        ("info-needed" in names) is ("conditional" in codes.values())
        and ("satisfied-pa-id" in names) is (codes.get("pa-needed") == "satisfied")
        and ("questionnaire" not in names or "doc-needed" in names)
        and (not refused or codes.get("pa-needed") in {None, "no-auth"})
    )


def _fits_hook(action: Json, call: Sent) -> bool:
    return call.hook != "order-select" or codes_of(action["resource"]).get("doc-needed") is None


ACTION_RULES = (
    ActionRule("S02-S05", "a system action is an update with a description", _is_update),
    ActionRule(
        "S06-S11",
        "only orders that the call is about are updated",
        lambda a, s: reference_of(a) in s.meant,
    ),
    ActionRule("S07-S08", "the order comes back as it was sent", _unchanged),
    ActionRule("S10", "no documents are asked for while an order is selected", _fits_hook),
    ActionRule("K01-K04", "coverage information has its parts, each with its value", _parts_fit),
    ActionRule("Kq1-Kq5", "the parts of coverage information agree", _parts_agree),
)
