"""Every vignette as a call of a CRD client, and what the service answers to it.

The calls are made conformant: a Medicare Coverage that the order names as its insurance, an author
and a day on every order. ``corpus`` is a session fixture: each call is answered once, for all the
tests that look at the answers. PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from crd_judge.call import Call, Reply
from fhir_builders import Json, bundle, by_keys, payer, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crd_judge.call import Version
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.hooks.response import HookResponse

    Answer = Callable[..., HookResponse]
    Evaluate = Callable[..., tuple[Determination, ...]]

_DATA = Path(__file__).parent / "data"
_TODAY = date(2026, 11, 21)
_FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
VIGNETTES: list[Json] = [
    vignette
    for name in ("vignettes.json", "own_vignettes.json")
    for vignette in json.loads((_DATA / name).read_text(encoding="utf-8"))
]
VERSIONS: tuple[Version | None, ...] = (None, "2.0", "2.2")
HOOKS = ("order-sign", "order-select", "order-dispatch")
COVERAGE = payer("1", id="medicare-1", subscriberId="1AB2CD3EF45")


class Case(NamedTuple):
    """A call, and the answer to it."""

    name: str
    request: Json
    call: Call
    determinations: tuple[Determination, ...]
    answer: Json
    reply: Reply


def today_of(vignette: Json) -> date:
    """The clock of a vignette."""
    return date.fromisoformat(vignette["today"]) if "today" in vignette else _TODAY


def conformant(order: Json, today: date) -> Json:
    """An order with all that the CRD profiles want of it."""
    reference = {"reference": f"Coverage/{COVERAGE['id']}"}
    made = {
        "status": "draft",
        "intent": "order",
        "authoredOn": today.isoformat(),
        "requester": {"reference": "Practitioner/dr-1"},
    }
    return made | order | {"insurance": [reference]}


def request_of(vignette: Json) -> Json:
    """A vignette as an order-sign call."""
    orders = [conformant(one, today_of(vignette)) for one in vignette["orders"]]
    prefetch = by_keys([*vignette["resources"], COVERAGE])
    prefetch |= dict.fromkeys(vignette.get("failed", ()), _FAILED)
    request: Json = json.loads(sign(orders, prefetch))
    return request


def asking(request: Json, hook: str, version: Version | None) -> Json:
    """An order-sign call as one of another hook, for a version of CRD."""
    context = dict(request["context"])
    prefetch = request["prefetch"]
    orders = [entry["resource"] for entry in context["draftOrders"]["entry"]]
    names = [f"{one['resourceType']}/{one['id']}" for one in orders]
    if hook == "order-select":
        context["selections"] = names
    elif hook == "order-dispatch":
        context = {"patientId": context["patientId"], "dispatchedOrders": names}
        context["performer"] = "Organization/lab-1"
        prefetch = prefetch | {"dispatched": bundle(orders)}
    made = request | {"hook": hook, "context": context, "prefetch": prefetch}
    if version is not None:
        made["extension"] = {"davinci-crd.requestedVersion": version}
    return made


def in_scope(determinations: Sequence[Determination]) -> tuple[str, ...]:
    """The orders that something is to be said of."""
    return tuple(one.order.reference for one in determinations if one.status != "not-applicable")


def cases(answer: Answer, evaluate: Evaluate) -> Iterator[Case]:
    """All calls with their answers."""
    for vignette in VIGNETTES:
        request, today = request_of(vignette), today_of(vignette)
        for hook in HOOKS:
            plain = json.dumps(asking(request, hook, None)).encode()
            determinations = evaluate(plain, today)
            scope = in_scope(determinations)
            for version in VERSIONS:
                asked = asking(request, hook, version)
                text = json.dumps(asked)
                body = msgspec.json.encode(answer(text.encode(), today))
                yield Case(
                    f"{vignette['id']} {hook} {version or 'no version'}",
                    asked,
                    Call(version, hook, text, scope, today),
                    determinations,
                    json.loads(body),
                    Reply(200, "application/json", body, 0.0),
                )


@pytest.fixture(scope="session")
def corpus(answer: Answer, evaluate: Evaluate) -> tuple[Case, ...]:
    """Every vignette for every hook and version, answered."""
    return tuple(cases(answer, evaluate))
