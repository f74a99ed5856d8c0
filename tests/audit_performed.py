"""Ordered services as they stand in an export once they were carried out and billed.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NamedTuple

from audit_population import Charted
from fhir_builders import Json, concept

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

Form = Literal["Procedure", "Claim", "ExplanationOfBenefit"]
_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
_BILLS = frozenset({"Claim", "ExplanationOfBenefit"})
_REASONS = ("reasonCode", "reasonReference")
# What only a bill can say, or only an order.
_UNSAID = frozenset(
    {"authoredOn", "doNotPerform", "insurance", "occurrencePeriod", "occurrenceTiming"}
)


class Performed(NamedTuple):
    """Charts in which nothing is ordered any more; ``names`` are what each order is called now."""

    charts: list[Charted]
    names: dict[str, str]

    def renamed(self, found: Json) -> Json:
        """A determination of an order, as it must be of what was carried out."""
        text = json.dumps(found)
        for before, after in self.names.items():
            text = text.replace(f'"{before}"', f'"{after}"')
        made: Json = json.loads(text)
        return made


def performed(charts: Iterable[Charted], ours: Container[str], form: Form) -> Performed:
    """The charts whose orders can be told in a form, all of them carried out on their day.

    Only charts without any order but ``ours``: what else is ordered is a plan, and would be one no
    longer. Nor with a Device: of an implant that was carried out, it would be taken to be the one
    that was put in.
    """
    found = Performed([], {})
    for chart in charts:
        devices = any(one["resourceType"] == "Device" for one in chart.resources)
        told = all(_name(order) in ours and _can_be_told(order, form) for order in chart.orders)
        if chart.orders and told and not devices:
            made = [_done(order, form) for order in chart.orders]
            found.charts.append(Charted(chart.patient, (), (*made, *chart.resources)))
            for order, one in zip(chart.orders, made, strict=True):
                found.names[_name(order)] = _name(one)
    return found


def _can_be_told(order: Json, form: Form) -> bool:
    return (
        order["resourceType"] == "ServiceRequest"
        and order["status"] == "draft"
        and "occurrenceDateTime" in order
        and not order.keys() & (_UNSAID if form == "Procedure" else _UNSAID - {"insurance"})
    )


def _done(order: Json, form: Form) -> Json:
    made = {"resourceType": form, "id": order["id"]}
    if form != "Procedure":
        return made | _bill(order, form)
    reasons = {member: order[member] for member in _REASONS if member in order}
    return (
        made
        | {
            "status": "completed",
            "subject": order["subject"],
            "code": order["code"],
            "performedDateTime": order["occurrenceDateTime"],
        }
        | reasons
    )


def _bill(order: Json, form: Form) -> Json:
    """A bill whose second line, or whose own procedure, is what was ordered."""
    diagnoses = [
        {"sequence": number, "diagnosisCodeableConcept": code}
        for number, code in enumerate(order.get("reasonCode", ()), 1)
    ]
    diagnoses += [
        {"sequence": number, "diagnosisReference": reference}
        for number, reference in enumerate(order.get("reasonReference", ()), len(diagnoses) + 1)
    ]
    pointers = [one["sequence"] for one in diagnoses]
    day = order["occurrenceDateTime"]
    visit = {"sequence": 1, "productOrService": concept("99223", "cpt"), "servicedDate": day}
    made: Json = {
        "status": "active",
        "use": "claim",
        "patient": order["subject"],
        "created": day,
        "diagnosis": diagnoses,
        "item": [visit],
        "insurance": [{"coverage": one} for one in order.get("insurance", ())],
    }
    if form == "ExplanationOfBenefit":
        made["outcome"] = "complete"
    if _is_pcs(order):
        done = {"sequence": 1, "date": day, "procedureCodeableConcept": order["code"]}
        return made | {"procedure": [done]}
    line = {"sequence": 2, "productOrService": order["code"], "servicedDate": day}
    made["item"].append(line | ({"diagnosisSequence": pointers} if pointers else {}))
    return made


def _is_pcs(order: Json) -> bool:
    return any(coding.get("system") == _PCS for coding in order["code"].get("coding", ()))


def _name(made: Json) -> str:
    name = f"{made['resourceType']}/{made['id']}"
    if made["resourceType"] not in _BILLS:
        return name
    return f"{name}#procedure-1" if "procedure" in made else f"{name}#2"


def same_orders(found: Mapping[tuple[str, str], Json]) -> dict[tuple[str, str], Json]:
    """The determinations of orders of ours: an audit has no row for any other."""
    return {
        name: one for name, one in found.items() if one["order"]["class"] != "not-defibrillator"
    }
