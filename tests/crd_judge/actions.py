"""The rules of system actions (S) of the judge of CRD answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from crd_judge.call import Broken, Facts
from crd_judge.coverage import broken_statements
from crd_judge.json_text import (
    COVERAGE_INFORMATION,
    items,
    member,
    numbers,
    statements,
    without_statements,
)
from crd_judge.statements import codes_of, coverage_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crd_judge.json_text import Json

RULES = {
    "S01": "order-sign: systemActions is a non-empty array",
    "S02": "actions have a valid type and what it needs",
    "S03": "actions have a description",
    "S04": "every order in scope gets coverage information",
    "S05": "coverage information comes by update, without resourceId",
    "S06": "the updated resource is an order of this request",
    "S07": "the updated order is the order sent, save for coverage information",
    "S08": "numbers of the order keep their digits",
    "S09": "one coverage-information update an order at most",
    "S10": "order-select: no clinical or admin documentation is asked for",
    "S11": "order-select: selected orders only",
}
_ASKED = {"clinical", "admin", "both"}


def broken_actions(facts: Facts, actions: object, text: str) -> Iterator[Broken]:
    """The rules that system actions break; ``text`` is their compact text."""
    wanted = facts.scope if facts.wanted else ()
    listed = actions if isinstance(actions, list) else []
    if (wanted and facts.hook == "order-sign" and not listed) or (actions and not listed):
        yield Broken("S01", "no system actions", "systemActions")
    told: list[str] = []
    for number, (action, one) in enumerate(zip(listed, items(text), strict=True)):
        place = f"systemActions[{number}]"
        if not isinstance(action, dict):
            yield Broken("S02", "no object", place)
            continue
        yield from _action(action, place)
        resource = member(one, "resource")
        if COVERAGE_INFORMATION in resource:
            told.append(_name(action["resource"]))
            yield from _update(facts, action, resource, place)
    for name in wanted:
        if name not in told:
            yield Broken("S04", name, "systemActions")
    for name in sorted(set(told)):
        if told.count(name) > 1:
            yield Broken("S09", name, "systemActions")


def _name(resource: Json) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _action(action: Json, place: str) -> Iterator[Broken]:
    kind, resource = action.get("type"), action.get("resource")
    if kind in {"create", "update"}:
        right = isinstance(resource, dict) and isinstance(resource.get("resourceType"), str)
    else:
        right = kind == "delete" and isinstance(action.get("resourceId"), str) and resource is None
    if not right:
        yield Broken("S02", str(kind), place)
    if not isinstance(action.get("description"), str) or not action["description"]:
        yield Broken("S03", "no description", place)


def _update(facts: Facts, action: Json, resource: str, place: str) -> Iterator[Broken]:
    """The rules of one update, and of what it says."""
    if action.get("type") != "update" or "resourceId" in action:
        yield Broken("S05", str(action.get("type")), place)
    name = _name(action["resource"])
    if name not in facts.orders:
        yield Broken("S06", name, place)
        return
    if facts.selected is not None and name not in facts.selected:
        yield Broken("S11", name, place)
    sent = facts.orders[name]
    yield from _as_sent(sent, resource, place)
    before, after = statements(sent), statements(resource)
    new = [one for one in after if one not in before]
    if not new:
        yield Broken("S04", f"{name}: nothing new is said", place)
    known = [json.loads(one) for one in after]
    for one in new:
        told: Json = json.loads(one)
        if facts.hook == "order-select" and _ASKED & set(codes_of(told, "doc-needed")):
            yield Broken("S10", name, place)
        yield from broken_statements(facts, json.loads(sent), told, known, place)


def _as_sent(sent: str, resource: str, place: str) -> Iterator[Broken]:
    """Whether the order came back as it was sent."""
    before, after = without_statements(sent), without_statements(resource)
    if before != after:
        names = [name for name, _ in set(before) ^ set(after)] or ["the order of members"]
        yield Broken("S07", ", ".join(sorted(set(names))), place)
    old = [number for _, text in before for number in numbers(text)]
    if old != [number for _, text in after for number in numbers(text)]:
        yield Broken("S08", "a number is written otherwise", place)
    said, saying = statements(sent), statements(resource)
    replaced = {coverage_of(json.loads(one)) for one in saying if one not in said} - {None}
    kept = [one for one in said if coverage_of(json.loads(one)) not in replaced]
    if kept != [one for one in saying if one in kept]:
        yield Broken("S07", "what was said of another Coverage is gone or changed", place)
