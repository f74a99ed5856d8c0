"""The vignettes as one population: each patient with a chart and orders under ids of their own.

``expected_of`` asks the real service for what an audit of the same charts must say. In ``OWN`` and
``VIGNETTES`` every patient is ``p1``; here the patient of case X is ``Patient/X``, and what
belongs to the case has ids that begin with ``X.``, in every reference too.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from fhir_builders import INSTANCE, Json, bundle, by_keys
from test_vignettes import EVERY, VIGNETTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from live_server import Live

    Rename = Callable[[str, str], str]

ORDER_TYPES = frozenset({"ServiceRequest", "DeviceRequest"})
TODAY = "2026-11-20"
_SUBJECTS = ("subject", "patient", "beneficiary")
_PATIENT = re.compile(r"Patient/[^/]+")


class Charted(NamedTuple):
    """One patient: the Patient and all that is theirs, with what it points at; and the orders."""

    patient: str
    orders: tuple[Json, ...]
    resources: tuple[Json, ...]

    def everything(self) -> list[Json]:
        return [*self.orders, *self.resources]


class Call(NamedTuple):
    """What is asked of the service at once: the orders of one patient on one day, and the rest.

    Looking back, an order without a date is of the day on which it was written; live, only one that
    was carried out is. So the service is asked about such an order as one that was carried out.
    """

    patient: str
    orders: tuple[Json, ...]
    chart: tuple[Json, ...]

    def body(self) -> bytes:
        """The order-sign call, every prefetch key answered."""
        context = {
            "userId": "Practitioner/dr-1",
            "patientId": self.patient,
            "draftOrders": bundle(map(_in_the_past, self.orders)),
        }
        return json.dumps(
            {
                "hook": "order-sign",
                "hookInstance": INSTANCE,
                "context": context,
                "prefetch": by_keys(self.chart),
            }
        ).encode()


def readable(case: str, name: str) -> str:
    """The id of a record of a case: the case's own for its patient."""
    return case if name == "Patient/p1" else f"{case}.{name.partition('/')[2]}"


def as_uuid(case: str, name: str) -> str:
    """The id of a record of a case as a UUID, as servers make them up."""
    return str(uuid5(NAMESPACE_URL, f"{case}/{name}"))


def population(rename: Rename = readable) -> list[Charted]:
    """Every vignette whose chart could be had in full, each with ids of its own."""
    charts: list[Charted] = []
    for case in EVERY:
        if "failed" not in case:
            charts += _charted(case["id"], [*case["orders"], *case["resources"]], rename)
    return charts


def first_vignettes(rename: Rename = readable) -> list[Charted]:
    """A tenth of the same: enough for what does not hang on the rules."""
    return [
        chart
        for case in VIGNETTES[::10]
        for chart in _charted(case["id"], [*case["orders"], *case["resources"]], rename)
    ]


def charted(patient: str, *resources: Json) -> Charted:
    """Records of the patient ``p1`` as those of another patient, with ids of their own."""
    (chart,) = _charted(patient, resources, readable)
    return chart


def merged(charts: Sequence[Charted], others: Sequence[Charted]) -> list[Charted]:
    """Pairs of patients as one: orders of several days, or several of one day, and both charts."""
    found: list[Charted] = []
    for one, other in zip(charts, others, strict=True):
        whose = f"{one.patient}-and"
        names = {f"Patient/{p.patient}": f"Patient/{whose}" for p in (one, other)}
        both = [_renamed(r, names) for r in (*one.everything(), *other.everything())]
        people = [r for r in both if r["resourceType"] == "Patient"]
        rest = [r for r in both if r["resourceType"] != "Patient"]
        found.append(_chart(whose, [*people[:1], *rest]))
    return found


def _charted(case: str, resources: Sequence[Json], rename: Rename) -> Iterator[Charted]:
    """The patients of one case: its own, and those whose records stand astray in the chart."""
    names = {_name(r): f"{r['resourceType']}/{rename(case, _name(r))}" for r in resources}
    for subject in filter(None, map(owner_of, resources)):
        names[subject] = f"Patient/{rename(case, subject)}"
    by_owner: defaultdict[str, list[Json]] = defaultdict(list)
    for one in resources:
        made = _renamed(one, names)
        by_owner[owner_of(made) or names["Patient/p1"]].append(made)
    for owner, held in by_owner.items():
        yield _chart(owner.partition("/")[2], held)


def _chart(patient: str, held: Iterable[Json]) -> Charted:
    listed = list(held)
    orders = tuple(_in_type(listed, ORDER_TYPES))
    return Charted(patient, orders, tuple(r for r in listed if r not in orders))


def _in_type(resources: Iterable[Json], types: frozenset[str]) -> Iterator[Json]:
    return (one for one in resources if one["resourceType"] in types)


def _name(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def owner_of(resource: Json) -> str | None:
    """``Patient/id`` of whose a record is; None for what is nobody's."""
    if resource["resourceType"] == "Patient":
        return _name(resource)
    named = [resource.get(member, {}) for member in _SUBJECTS]
    named += [one["actor"] for one in resource.get("participant", ()) if "actor" in one]
    for one in named:
        reference = one.get("reference", "")
        if _PATIENT.fullmatch(reference):
            return str(reference)
    return None


def _renamed(resource: Json, names: Mapping[str, str]) -> Json:
    """A resource under another id, with its references as they are now; contained ids stay."""
    made = with_references(resource, lambda reference: names.get(reference, reference))
    return made | {"id": names.get(_name(resource), _name(resource)).partition("/")[2]}


def with_references(resource: Json, rename: Callable[[str], str]) -> Json:
    """A resource with every reference in it spelled otherwise."""

    def walk(value: object) -> object:
        if isinstance(value, list):
            return [walk(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            member: rename(one) if member == "reference" and isinstance(one, str) else walk(one)
            for member, one in value.items()
        }

    return {member: walk(value) for member, value in resource.items()}


# ------------------------------------------------------------------------- what the service says


def calls_of(chart: Charted) -> list[Call]:
    """One call for each day on which something is ordered; other days' orders are in the chart.

    The orders are in the order of their names, as an audit has them: beside several implants a lead
    rests on the first.
    """
    days: defaultdict[str, list[Json]] = defaultdict(list)
    for order in sorted(chart.orders, key=_name):
        days[day_of(order, chart.resources)].append(order)
    return [
        Call(
            chart.patient,
            tuple(orders),
            tuple(one for one in chart.everything() if one not in orders),
        )
        for orders in days.values()
    ]


def _in_the_past(order: Json) -> Json:
    written = order.get("authoredOn")
    past = isinstance(written, str) and written < TODAY and order["status"] != "revoked"
    return order | {"status": "completed"} if past else order


def day_of(order: Json, chart: Iterable[Json] = ()) -> str:
    """The day on which an order is to be carried out, as precisely as the order says."""
    name = _name(order)
    booked = [
        str(one["start"])
        for one in chart
        if one["resourceType"] == "Appointment"
        and one["status"] == "booked"
        and any(basis["reference"] == name for basis in one.get("basedOn", ()))
    ]
    told = [
        order.get("occurrenceDateTime"),
        order.get("occurrencePeriod", {}).get("start"),
        *order.get("occurrenceTiming", {}).get("event", ())[:1],
        *sorted(booked),
        order.get("authoredOn"),
    ]
    return str(next(filter(None, told), TODAY))[:10]


def expected_of(charts: Iterable[Charted], live: Live) -> dict[tuple[str, str], Json]:
    """What the running service says of every order, by patient and order."""
    found: dict[tuple[str, str], Json] = {}
    for chart in charts:
        for call in calls_of(chart):
            response = live.post("/determinations", call.body())
            response.raise_for_status()
            for one in response.json()["determinations"]:
                found[f"Patient/{chart.patient}", one["order"]["reference"]] = one
    return found
