"""What CDS Hooks and CRD ask of every answer to a call, rule by rule."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.selftest.action_rules import ACTION_RULES, as_written, reference_of, sent
from defib_coverage.selftest.card_rules import CARD_RULES, values
from defib_coverage.selftest.charts import SECRET, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defib_coverage.selftest.action_rules import Sent
    from defib_coverage.selftest.caller import Answer

_IN_TIME = 5.0
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_MEMBERS = frozenset({"cards", "systemActions", "extension"})


class _Rule(msgspec.Struct, frozen=True):
    id: str
    text: str
    holds: Callable[[Answer, Json], bool]


def _whole(_: Answer, content: Json) -> bool:
    """Nothing is null or empty but ``cards``; what a client's own order holds is its own."""
    actions = content.get("systemActions", [])
    said = [{k: v for k, v in action.items() if k != "resource"} for action in actions]
    others = [v for k, v in content.items() if k not in {"cards", "systemActions"}]
    parts = [*others, *content["cards"], *said]
    if "systemActions" in content and not actions:
        return False
    return not any(v in (None, "", [], {}) for part in parts for v in values(part))


_RULES = (
    _Rule("R02", "the media type is JSON", lambda a, _: a.kind == "application/json"),
    _Rule("R04", "cards is a list", lambda _, c: isinstance(c["cards"], list)),
    _Rule("R05", "nothing is null or empty but cards", _whole),
    _Rule("R06", "answered within 5 s", lambda a, _: a.seconds < _IN_TIME),
    _Rule(
        "R08",
        "no needless white space",
        lambda a, _: not re.search(rb"\s", _STRING.sub(b"", a.content)),
    ),
    _Rule("R10", "only cards, systemActions, extension", lambda _, c: set(c) <= _MEMBERS),
    _Rule("patient", "the patient is not named", lambda a, _: SECRET not in a.text),
)


def broken_rules(answer: Answer, body: bytes, orders: frozenset[str]) -> list[str]:
    """The rules that an answer to a good call breaks, each in a few words.

    Args:
        answer: the answer.
        body: the call as it was sent.
        orders: the orders that it is about, as ``Type/id``.
    """
    if answer.status != 200:  # noqa: PLR2004 - the status of success
        return [f"R01 answered with 200 (not {answer.short()})"]
    try:
        content = read_object(answer.content)
    except ValueError:
        return ["R03 the body is an object of strict JSON"]
    broken = [f"{r.id} {r.text}" for r in _RULES if not holds(r.holds, answer, content)]
    cards = content.get("cards")
    for card in cards if isinstance(cards, list) else ():
        broken += _broken_by(card, orders)
    if "systemActions" in content:
        broken += _broken_by_actions(answer.content, sent(body, orders))
    return list(dict.fromkeys(broken))


def _broken_by(card: object, orders: frozenset[str]) -> Iterator[str]:
    if not isinstance(card, dict):
        yield "C00 a card is an object"
        return
    for rule in CARD_RULES:
        if not holds(rule.holds, card, orders):
            yield f"{rule.id} {rule.text}"


def _broken_by_actions(content: bytes, call: Sent) -> Iterator[str]:
    actions = as_written(content)["systemActions"]
    if not isinstance(actions, list):
        yield "S01 systemActions is a list"
        return
    for action in actions:
        for rule in ACTION_RULES:
            if not holds(rule.holds, action, call):
                yield f"{rule.id} {rule.text}"
    if not holds(lambda: len({*map(reference_of, actions)}) == len(actions)):
        yield "S09 an order is updated once"


def holds(rule: Callable[..., bool], *given: object) -> bool:
    """Whether a rule holds; content on which it cannot even be judged breaks it."""
    try:
        return rule(*given)
    except (TypeError, KeyError, ValueError, AttributeError, IndexError):
        return False


def read_object(text: bytes) -> Json:
    """Read an object of JSON that is UTF-8, without NaN and without a name said twice.

    Raises:
        ValueError: it is something else.
    """

    def once(pairs: list[tuple[str, object]]) -> Json:
        members = dict(pairs)
        if len(members) < len(pairs):
            raise ValueError
        return members

    def never(_: str) -> None:
        raise ValueError

    try:
        found = json.loads(text.decode(), object_pairs_hook=once, parse_constant=never)
    except RecursionError as error:
        raise ValueError from error
    if isinstance(found, dict):
        return found
    raise ValueError
