"""Charts of the patients in a generated export who have a defibrillator order.

A chart is one of the worked cases in ``tests/data/vignettes.json``, with its dates moved so that
the orders lie over five years. The case's order becomes an order, a device request, a performed
procedure or a line of a bill. Only codes that are orders by themselves are taken, so that the
number of orders is known without judging one.
"""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from charts import SERVICE_DAY
from export_parts import (
    CPT,
    Json,
    claim,
    claim_line,
    doctor,
    envelope,
    line_of,
    site,
    subject,
    visit_line,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT = Path(__file__).parent.parent
_HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
# Days by which a chart may lie before the worked case: five years.
_DAYS = 1826
# How an order comes, with how often. A device request only says "first implant".
_KINDS: Mapping[str, int] = {
    "ServiceRequest": 9,
    "Procedure": 5,
    "Claim": 4,
    "DeviceRequest": 2,
}
# One ordered implant in so many is also there as the procedure of the same day.
_ALSO_DONE = 6
_DATE = re.compile(r'"(\d{4}-\d\d)(-\d\d)?(?=["T])')
_GAP = re.compile(r"<<(\w+):?(-?\d*)>>")


class Row(NamedTuple):
    """One resource of a chart: its type, and its line with gaps."""

    kind: str
    line: str


class Case(NamedTuple):
    """A worked case: its rows without the order, and its order in each form that it can take."""

    rows: tuple[Row, ...]
    orders: Mapping[str, Row]


class Chart(NamedTuple):
    """The chart of one patient with an order: all its rows, which of them are orders, its day."""

    rows: tuple[Row, ...]
    orders: tuple[str, ...]
    day: date


def cases() -> tuple[Case, ...]:
    """The worked cases that a generated export uses."""
    vignettes = json.loads((_ROOT / "tests/data/vignettes.json").read_text(encoding="utf-8"))
    classes = _order_classes()
    return tuple(
        _case(vignette, order_class)
        for vignette in vignettes
        if (order_class := classes.get(_code(vignette)["code"])) is not None
        and _code(vignette)["system"] == CPT
        and vignette["orders"][0]["occurrenceDateTime"] == SERVICE_DAY.isoformat()
        and all(_is_own(resource) for resource in vignette["resources"])
    )


def charts(patients: int, share: float, seed: int) -> Mapping[int, Chart]:
    """By the patient's number: the charts of the share of patients who have an order."""
    random = Random(f"orders {seed}")
    found = cases()
    chosen = random.sample(range(patients), round(patients * share))
    return {patient: _chart(random, random.choice(found)) for patient in chosen}


def filled(row: Row, day: date, gaps: Mapping[str, str]) -> bytes:
    """The line of a row, in a chart whose order is for ``day``."""

    def gap(match: re.Match[str]) -> str:
        name, offset = match.groups()
        if not offset:
            return gaps[name]
        moved = (day + timedelta(days=int(offset))).isoformat()
        return moved[:7] if name == "month" else moved

    return _GAP.sub(gap, row.line).encode()


def _order_classes() -> dict[str, str]:
    """Class of each CPT code that is a defibrillator order whatever stands beside it."""
    found: dict[str, str] = {}
    for path in sorted((_ROOT / "valuesets").glob("orders-*.toml")):
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        found |= {
            row["code"]: values["order_class"]
            for row in values["codes"]
            if row["system"] == "cpt" and not row.get("shared", False)
        }
    return found


def _code(vignette: Json) -> Json:
    coding: Json = vignette["orders"][0]["code"]["coding"][0]
    return coding


def _is_own(resource: Json) -> bool:
    """Whether it is of the patient (one case holds a record of somebody else) and no order."""
    return (
        '"Patient/other"' not in json.dumps(resource)
        and resource["resourceType"] != "ServiceRequest"
    )


def _case(vignette: Json, order_class: str) -> Case:
    rows = tuple(
        _row(resource)
        for resource in vignette["resources"]
        if resource["resourceType"] != "Patient"
    )
    return Case(rows, _orders(vignette["orders"][0], order_class))


def _row(resource: Json) -> Row:
    """A resource of a case with what every resource begins with, and its dates as gaps."""
    kind = resource["resourceType"]
    text = line_of(envelope(kind) | {name: resource[name] for name in resource if name != "id"})
    return Row(kind, _DATE.sub(_offset, text).replace("Patient/p1", "Patient/<<patient>>"))


def _offset(match: re.Match[str]) -> str:
    month, day = match.groups()
    if day is None:
        return f'"<<month:{(date.fromisoformat(month + "-01") - SERVICE_DAY).days}>>'
    return f'"<<date:{(date.fromisoformat(month + day) - SERVICE_DAY).days}>>'


def _orders(order: Json, order_class: str) -> dict[str, Row]:
    """The order of a case in each of its forms."""
    day = order["occurrenceDateTime"]
    done: Json = {
        "resourceType": "Procedure",
        "status": "completed",
        "code": order["code"],
        "subject": subject(),
        "performedDateTime": day,
        "performer": [{"actor": doctor(), "onBehalfOf": site()}],
    }
    found = {
        "ServiceRequest": _row(
            order
            | {"status": "active", "authoredOn": day, "requester": doctor(), "performer": [site()]}
        ),
        "Procedure": _row(done),
        "Claim": _row(claim([visit_line(), claim_line(2, order["code"]["coding"][0])])),
    }
    if order_class == "initial-implant":
        device: Json = {
            "resourceType": "DeviceRequest",
            "status": "active",
            "intent": "order",
            "codeCodeableConcept": {"coding": [{"system": _HCPCS, "code": "C1722"}]},
            "subject": subject(),
            "occurrenceDateTime": day,
            "authoredOn": day,
            "requester": doctor(),
            "performer": site(),
        }
        found["DeviceRequest"] = _row(device)
    return found


def _chart(random: Random, case: Case) -> Chart:
    kind = random.choices(list(_KINDS), list(_KINDS.values()))[0]
    orders: tuple[str, ...] = (kind if kind in case.orders else "ServiceRequest",)
    if kind == "ServiceRequest" and random.randrange(_ALSO_DONE) == 0:
        orders += ("Procedure",)
    rows = (*case.rows, *(case.orders[name] for name in orders))
    return Chart(rows, orders, SERVICE_DAY - timedelta(days=random.randrange(_DAYS)))
