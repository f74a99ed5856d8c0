"""Clients as they are: what they leave out, send in part, or send in their own way."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from defib_coverage.fhir.needs import KEYS, REQUIRED
from defib_coverage.selftest.calls import FAILURE, bundle, call, drafted, with_key, without
from defib_coverage.selftest.charts import (
    Json,
    covered_chart,
    ejection_fraction,
    medicare,
    order,
    patient,
)
from defib_coverage.selftest.checks import Check, Group, unmet
from defib_coverage.selftest.demands import (
    ACCESS_TOKEN,
    answered,
    has_status,
    judged,
    refused,
    tells_of_a_gap,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.selftest.caller import Caller

# What the covered chart's indication rests on: without it nothing is covered.
_DECISIVE = ("conditions", "procedures", "observations", "encounters")
_NEXT = {"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}
_INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
_METADATA = "http://169.254.169.254/latest/meta-data"
_ODD: Json = {"future": {"deep": [1, {"x": None}]}, "extension": {"org.example.x": True}}


def _open_with_gap(request: Json, caller: Caller) -> None:
    """Answered, not covered, and told that something was not fetched."""
    answered(caller, request)
    found = judged(caller, request)
    has_status(found, "conditional")
    tells_of_a_gap(found, in_criteria=True)


def _told(request: Json, caller: Caller) -> None:
    answered(caller, request)
    tells_of_a_gap(judged(caller, request), in_criteria=False)


def _judged(status: str, request: Json, caller: Caller) -> None:
    answered(caller, request)
    has_status(judged(caller, request, "ServiceRequest/selftest-order"), status)


def _unusable(request: Json, caller: Caller) -> None:
    refused(caller.call(request), (412,))


def _kebab(name: str) -> str:
    return re.sub(r"([A-Z])", lambda m: "-" + m[1].lower(), name)


def _incomplete() -> Iterator[Check]:
    """Every key in turn: withheld, failed, and the first page only."""
    for name, key in KEYS.items():
        label = _kebab(name)
        if name not in REQUIRED:
            probe = partial(_judged, "covered", without(name))
            yield Check(f"withheld-{label}", f"{name}, which is not needed, may be left out", probe)
        elif name in _DECISIVE:
            asks = f"without {name} nothing is covered, and the gap is named"
            yield Check(f"withheld-{label}", asks, partial(_open_with_gap, without(name)))
        else:
            asks = f"without {name} the record is said to be incomplete"
            yield Check(f"withheld-{label}", asks, partial(_told, without(name)))
        if name in ("conditions", "procedures", "observations"):
            yield from _partial(name, key.types)


def _partial(name: str, types: tuple[str, ...]) -> Iterator[Check]:
    page = [r for r in covered_chart() if r["resourceType"] in types]
    values = {
        "failed": FAILURE,
        "failed-in-part": bundle([*page, FAILURE]),
        "next-page": bundle(page, link=[_NEXT]),
        "total-above": bundle(page, total=179),
    }
    says = {
        "failed": "an OperationOutcome in the place of",
        "failed-in-part": "an OperationOutcome among",
        "next-page": "a link to the next page of",
        "total-above": "a total above the entries of",
    }
    for kind, value in values.items():
        asks = f"{says[kind]} {name} is a gap, and nothing is covered"
        yield Check(f"{kind}-{name}", asks, partial(_open_with_gap, with_key(name, value)))


def _nulls() -> Iterator[Check]:
    looked_up = call()
    prefetch = looked_up["prefetch"]
    for key, value in prefetch.items():
        if value["resourceType"] == "Bundle" and "entry" not in value:
            prefetch[key] = None
    yield Check(
        "null-for-empty",
        "null for a key says that there is no such record",
        partial(_judged, "covered", looked_up),
    )
    nothing = call(prefetch=dict.fromkeys(KEYS))
    yield Check(
        "null-for-all",
        "null for every key is answered, and nothing is covered",
        partial(_judged, "conditional", nothing),
    )


def _own_keys() -> Iterator[Check]:
    chart = [order(), *covered_chart()]
    own = {"serviceRequestBundle": bundle(chart), "coverageBundle": bundle([medicare()])}
    yield Check(
        "own-keys",
        "a whole chart under the client's own key is read by what it holds",
        partial(_judged, "covered", call(prefetch=own)),
    )
    bare = {
        "serviceRequestBundle": bundle([order(), patient()]),
        "coverageBundle": bundle([medicare()]),
    }
    partly = bare | {"observationBundle": bundle([ejection_fraction()])}
    yield Check(
        "own-keys-bare",
        "the client's own keys with little in them cover nothing",
        partial(_open_with_gap, call(prefetch=partly)),
    )
    for name, prefetch in (
        ("nothing-usable", {}),
        ("only-patient", {"patient": patient()}),
        ("own-keys-unusable", bare),
    ):
        probe = partial(_unusable, call(prefetch=prefetch))
        yield Check(name, "412 where nothing that is needed came", probe)


def _poor_orders() -> Iterator[Check]:
    poor: dict[str, Json] = {
        "coding-empty": {"resource": order(identity="poor") | {"code": {"coding": [{}]}}},
        "intent-plan": {"resource": order(identity="poor", intent="plan")},
        "category-object": {"resource": order(identity="poor", category={"text": "Procedure"})},
        "drug-without-drug": {"resource": {"resourceType": "MedicationRequest", "id": "poor"}},
        "no-id": {"resource": {"resourceType": "ServiceRequest", "status": "draft"}},
        "entry-empty": {},
        "resource-null": {"resource": None},
    }
    for name, entry in poor.items():
        request = call()
        entries = [entry, *drafted([order()])["entry"]]
        request["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": entries}
        yield Check(
            f"poor-order-{name}",
            "a poor order in a Bundle without type spoils nothing else",
            partial(_judged, "covered", request),
        )


def _odd_envelopes() -> Iterator[Check]:
    token = {"token_type": "Bearer", "expires_in": 300, "scope": "user/*.read", "subject": "x"}
    for name, server, access in (
        ("empty-access-token", "https://ehr.selftest.invalid/r4", ""),
        ("unlisted-fhir-server", "https://ehr.selftest.invalid/r4", ACCESS_TOKEN),
        ("inner-fhir-server", _METADATA, ACCESS_TOKEN),
        ("file-fhir-server", "file:///etc/passwd", ACCESS_TOKEN),
    ):
        authorization = token | {"access_token": access}
        request = call(fhirServer=server, fhirAuthorization=authorization)
        yield Check(
            name,
            "a FHIR server that may not be read is no reason to fail: the prefetch is judged",
            partial(_judged, "covered", request),
        )
    odd: tuple[object, ...] = (None, 7, "x", [], {"coverage-info": "maybe"}, {"none": [{}]})
    for number, nonsense in enumerate(odd):
        request = call(extension={"davinci-crd.configuration": nonsense})
        yield Check(
            f"odd-configuration-{number + 1}",
            "a configuration that makes no sense is passed over",
            partial(_judged, "covered", request),
        )
    for number in (1, 2):
        yield Check(
            f"constant-hook-instance-{number}",
            "the same hookInstance may come again",
            partial(_judged, "covered", call(hookInstance=_INSTANCE)),
        )


def _odd_everywhere(caller: Caller) -> None:
    odd = call() | _ODD
    odd["context"] |= _ODD
    odd["prefetch"]["org.example.future"] = {"resourceType": "FutureResource", "id": "f"} | _ODD
    draft = odd["context"]["draftOrders"]
    draft |= {"future": 1}
    draft["entry"][0] |= {"future": 1}
    draft["entry"][0]["resource"] |= {"future": 1}
    odd["prefetch"]["conditions"]["entry"][0]["resource"]["code"] |= {"future": [None, 1.5]}
    answered(caller, odd)
    if judged(caller, odd) != judged(caller, call()):
        unmet("the determination that the call has without them", "another")


def group() -> Group:
    """The checks of awkward clients."""
    checks = (
        *_incomplete(),
        *_nulls(),
        *_own_keys(),
        *_poor_orders(),
        *_odd_envelopes(),
        Check("unknown-members", "members that nobody knows change nothing", _odd_everywhere),
    )
    return Group("awkward clients", checks)
