"""The rules of suggestions and their actions, and of uuids, of the judge of CRD answers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from uuid import UUID

from crd_judge.call import Broken, Facts
from crd_judge.card_shapes import Check, actions, is_text, known, objects, suggestions
from crd_judge.json_text import Json, compact, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

_ORDER_MEMBERS = {"status", "intent", "subject", "authoredOn", "requester"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def offers(_: Facts, card: Json, place: str) -> Iterator[Check]:
    """Suggestions."""
    value = card.get("suggestions")
    behavior = card.get("selectionBehavior")
    if value is not None:
        yield "C11", behavior in {"at-most-one", "any"}, str(behavior), place
        found = objects(value)
        right = isinstance(value, list) and 0 < len(value) == len(found)
        labelled = all(is_text(one.get("label")) for one in found)
        yield "C12", right and labelled, "no objects with labels", f"{place}.suggestions"
        recommended = [one["isRecommended"] for one in found if "isRecommended" in one]
        boolean = all(isinstance(one, bool) for one in recommended)
        once = behavior != "at-most-one" or recommended.count(True) <= 1
        yield "C14", boolean and once, str(recommended), f"{place}.suggestions"
    for one, where in suggestions(card, place):
        yield "C13", is_text(one.get("uuid")), "no uuid", where
        yield "C15", "actionSelectionBehavior" not in one, "used", where
        yield known("suggestion", one, where)


def changes(facts: Facts, card: Json, place: str) -> Iterator[Check]:
    """Actions of suggestions."""
    for one, where in actions(card, place):
        kind, resource = one.get("type"), one.get("resource")
        described = is_text(one.get("description"))
        yield "C16", kind in {"create", "update", "delete"} and described, str(kind), where
        yield known("action", one, where)
        body = resource if isinstance(resource, dict) else {}
        name = f"{body.get('resourceType')}/{body.get('id')}"
        match kind:
            case "create":
                yield "C17", _is_complete(body), "not complete", where
            case "update":
                yield "C17", is_text(body.get("resourceType")), "no resource", where
                yield "C18", name in facts.orders and "resourceId" not in one, name, where
            case "delete":
                target = str(one.get("resourceId"))
                yield "C19", target in facts.drafts and resource is None, target, where
    for suggestion, where in suggestions(card, place):
        done = objects(suggestion.get("actions"))
        gone = [str(one.get("resourceId")).split("/")[0] for one in done if one["type"] == "delete"]
        made = [
            one["resource"].get("resourceType")
            for one in done
            if one["type"] == "create" and isinstance(one.get("resource"), dict)
        ]
        yield "C19", all(kind in made for kind in gone), "a delete without its create", where


def _is_complete(resource: Json) -> bool:
    """Whether a created resource has what the CRD profiles want of an order."""
    kind = resource.get("resourceType")
    if kind not in {"ServiceRequest", "DeviceRequest"}:
        return is_text(kind)
    code = "code" if kind == "ServiceRequest" else "codeCodeableConcept"
    return (_ORDER_MEMBERS | {code}) <= resource.keys()


def says_more(facts: Facts, resource: Json) -> bool:
    """Whether a changed order holds coverage information that the order as sent does not."""
    sent = facts.orders.get(f"{resource.get('resourceType')}/{resource.get('id')}", "{}")
    told = [json.loads(one) for one in statements(sent)]
    text = compact(json.dumps(resource))
    return any(json.loads(one) not in told for one in statements(text))


def broken_uuids(card: Json, place: str, seen: set[str]) -> Iterator[Broken]:
    """Uuids of the card and of its suggestions."""
    if not is_text(card.get("uuid")):
        yield Broken("C07", "no uuid", place)
    for one in [card, *(one for one, _ in suggestions(card, place))]:
        uuid = one.get("uuid")
        if not isinstance(uuid, str):
            continue
        if not _UUID.fullmatch(uuid) or UUID(uuid).variant != "specified in RFC 4122":
            yield Broken("C08", uuid, place)
        if uuid in seen:
            yield Broken("C09", uuid, place)
        seen.add(uuid)
