"""The judge of CRD answers: every rule of CDS Hooks 2.0 and Da Vinci CRD 2.0.1 and 2.2.

A call and its reply go in as they went over the wire; out come the rules that are broken, what is
wrong, and where. What the guides only recommend counts like what they demand. Where no version is
asked for, the answer must fit both. Here stand the rules of the whole reply (R); cards (C), system
actions (S) and coverage information (K) have modules of their own. Nothing of the service is used.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from crd_judge.actions import RULES as ACTION_RULES
from crd_judge.actions import broken_actions
from crd_judge.call import Broken, Call, Facts, Reply, read_facts
from crd_judge.cards import RULES as CARD_RULES
from crd_judge.cards import broken_cards
from crd_judge.coverage import RULES as COVERAGE_RULES
from crd_judge.json_text import COVERAGE_INFORMATION, Json, compact, empties, members, strict

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RULES", "Broken", "Call", "Reply", "broken_rules"]

RULES = {
    "R01": "a valid request is answered with 200",
    "R02": "the reply's content type is JSON",
    "R03": "the body is strict JSON: UTF-8, an object, no NaN, no name twice",
    "R04": "cards is an array",
    "R05": "nothing is null or empty but cards",
    "R06": "the answer comes inside 5 s",
    "R07": "the answer comes in about 500 ms",
    "R08": "no insignificant white space",
    "R09": "the access token is not repeated",
    "R10": "cards, systemActions and extension alone stand at the top",
    **CARD_RULES,
    **ACTION_RULES,
    **COVERAGE_RULES,
}
_TOP = {"cards", "systemActions", "extension"}
_MOST_SECONDS = 5.0
_GOOD_SECONDS = 0.5


def broken_rules(call: Call, reply: Reply, seen: set[str] | None = None) -> list[Broken]:
    """The rules that a reply breaks.

    Args:
        call: what was asked.
        reply: what came back.
        seen: the uuids of earlier replies of the run; those of this one are added.
    """
    return list(_broken(call, reply, set() if seen is None else seen))


def _broken(call: Call, reply: Reply, seen: set[str]) -> Iterator[Broken]:
    if reply.status != 200:
        yield Broken("R01", f"status {reply.status}", "")
    if not _is_json(reply.content_type):
        yield Broken("R02", reply.content_type, "")
    if reply.seconds >= _MOST_SECONDS:
        yield Broken("R06", f"{reply.seconds:.1f} s", "")
    if reply.seconds >= _GOOD_SECONDS:
        yield Broken("R07", f"{reply.seconds:.1f} s", "")
    try:
        text = reply.body.decode("utf-8")
        value = strict(text)
    except ValueError as error:
        yield Broken("R03", str(error), "")
        return
    if not isinstance(value, dict):
        yield Broken("R03", "no object", "")
        return
    facts = read_facts(call)
    yield from _envelope(facts, text, value)
    if isinstance(value.get("cards"), list):
        yield from broken_cards(facts, value["cards"], seen)
    actions = dict(members(compact(text))).get("systemActions", "")
    yield from broken_actions(facts, value.get("systemActions"), actions)


def _is_json(content_type: str) -> bool:
    kind, _, more = content_type.partition(";")
    charset = more.strip().lower().replace('"', "")
    return kind.strip().lower() == "application/json" and charset in {"", "charset=utf-8"}


def _envelope(facts: Facts, text: str, value: Json) -> Iterator[Broken]:
    """The rules of the reply as a whole."""
    if not isinstance(value.get("cards"), list):
        yield Broken("R04", "no array", "cards")
    for name, inner in value.items():
        if name == "systemActions" and isinstance(inner, list) and inner:
            for number, action in enumerate(inner):
                yield from _empty_in_action(facts, action, f"systemActions[{number}]")
        elif not (name == "cards" and inner == []):
            yield from _empty(facts, inner, name)
    if compact(text) != text:
        yield Broken("R08", "white space", "")
    if facts.token and facts.token in text:
        yield Broken("R09", "the token stands in the answer", "")
    foreign = sorted(value.keys() - _TOP)
    if foreign:
        yield Broken("R10", ", ".join(foreign), "")


def _empty(facts: Facts, value: object, place: str) -> Iterator[Broken]:
    """Empty parts, save those that the client's own order brought along."""
    if isinstance(value, dict) and {"type", "resource"} <= value.keys():
        yield from _empty_in_action(facts, value, place)
    elif isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _empty(facts, inner, f"{place}.{name}")
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _empty(facts, inner, f"{place}[{number}]")
    else:
        yield from (Broken("R05", "empty", where) for where in empties(value, place))


def _empty_in_action(facts: Facts, action: object, place: str) -> Iterator[Broken]:
    if not isinstance(action, dict) or not isinstance(action.get("resource"), dict):
        yield from (Broken("R05", "empty", where) for where in empties(action, place))
        return
    resource = action["resource"]
    name = f"{resource.get('resourceType')}/{resource.get('id')}"
    sent = json.loads(facts.orders.get(name, "{}"))
    rest, said = _apart(resource)
    theirs, before = _apart(sent)
    found = set(empties(rest)) - set(empties(theirs))
    found |= {where for one in said if one not in before for where in empties(one, ".extension")}
    yield from (Broken("R05", "empty", f"{place}.resource{where}") for where in sorted(found))
    for other in action.keys() - {"resource"}:
        yield from (Broken("R05", "empty", where) for where in empties(action[other], place))


def _apart(resource: Json) -> tuple[Json, list[Json]]:
    """A resource without its coverage information, and that."""
    listed = resource.get("extension")
    if not isinstance(listed, list):
        return resource, []
    said = [
        one for one in listed if isinstance(one, dict) and one.get("url") == COVERAGE_INFORMATION
    ]
    others = [one for one in listed if one not in said]
    rest = {name: value for name, value in resource.items() if name != "extension"}
    return (rest | {"extension": others} if others or not said else rest), said
