"""Feedback on cards, and the look-up of what was decided."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from defib_coverage.selftest.action_rules import parts_of
from defib_coverage.selftest.caller import DETERMINATIONS, DISCOVERY, path_of
from defib_coverage.selftest.calls import body_of, call
from defib_coverage.selftest.charts import ORDERED_ON, PATIENT, SECRET, unpaired_chart
from defib_coverage.selftest.checks import Check, Group, unmet
from defib_coverage.selftest.demands import answered, refused, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.selftest.caller import Caller
    from defib_coverage.selftest.charts import Json

FEEDBACK = path_of("order-sign") + "/feedback"
_OK = 200
_NOWHERE = 404
_WHEN = f"{ORDERED_ON}T12:00:00Z"


class _Decision(msgspec.Struct, rename="camel"):
    assertion_id: str
    status: str


class _Decisions(msgspec.Struct):
    decisions: tuple[_Decision, ...]


def keeps_ledger(caller: Caller) -> bool:
    """Whether the service says that there is feedback: CDS Hooks lets it do without."""
    return caller.post(FEEDBACK, body_of({"feedback": []})).status != _NOWHERE


def _overridden(card: str, **more: object) -> Json:
    entry: Json = {"card": card, "outcome": "overridden", "outcomeTimestamp": _WHEN}
    return entry | more


def _taken(caller: Caller, *entries: Json) -> None:
    answer = caller.post(FEEDBACK, body_of({"feedback": list(entries)}))
    if answer.status != _OK:
        unmet("200", answer.short())
    if SECRET in answer.text or any(entry["card"] in answer.text for entry in entries):
        unmet("200 that repeats nothing of what was sent", "200 that does")


def _cards(caller: Caller) -> list[Json]:
    """Cards that were really sent, at least one of them with a suggestion."""
    # Without a visit of shared decision-making, for which an order is suggested.
    chart = [one for one in unpaired_chart() if one["resourceType"] != "Encounter"]
    cards = answered(caller, call(chart=chart))
    if not any(card.get("suggestions") for card in cards):
        unmet("a card with a suggestion", "none")
    return cards


def _good(caller: Caller) -> None:
    cards = _cards(caller)
    suggesting = next(card for card in cards if card.get("suggestions"))
    accepted = _overridden(
        suggesting["uuid"],
        outcome="accepted",
        acceptedSuggestions=[{"id": suggesting["suggestions"][0]["uuid"]}],
    )
    reason = {"code": "selftest", "system": "https://selftest.invalid/reasons"}
    why = {"reason": reason, "userComment": SECRET}
    _taken(caller, accepted)
    _taken(caller, *(_overridden(card["uuid"], overrideReason=why) for card in cards))


def _repeated(caller: Caller) -> None:
    entry = _overridden(_cards(caller)[0]["uuid"])
    for entries in ([entry], [entry], [entry, entry]):
        _taken(caller, *entries)


def _unknown(caller: Caller) -> None:
    _taken(caller, _overridden(_cards(caller)[0]["uuid"]), _overridden(str(uuid4())))


def _refused(status: int, body: Json, caller: Caller, path: str = FEEDBACK) -> None:
    refused(caller.post(path, body_of(body)), (status,))


def _malformed() -> Iterator[Check]:
    good = _overridden(str(uuid4()))
    wrong: dict[str, Json] = {
        "no-list": {"feedback": good},
        "missing": {},
        "card-missing": {"feedback": [{k: v for k, v in good.items() if k != "card"}]},
        "outcome-unknown": {"feedback": [good | {"outcome": SECRET}]},
        "time-missing": {"feedback": [good | {"outcomeTimestamp": None}]},
        "time-of-no-zone": {"feedback": [good | {"outcomeTimestamp": _WHEN.removesuffix("Z")}]},
        "nothing-accepted": {"feedback": [good | {"outcome": "accepted"}]},
        "reason-empty": {"feedback": [good | {"overrideReason": {}}]},
        "comment-list": {"feedback": [good | {"overrideReason": {"userComment": [SECRET]}}]},
    }
    for name, body in wrong.items():
        probe = partial(_refused, 400, body)
        yield Check(f"feedback-{name}", "400 for feedback that is none", probe)


def _looked_up(caller: Caller) -> None:
    orders = told(caller, call(chart=unpaired_chart()))
    if not orders:
        unmet("an order with coverage information", "none")
    for order in orders.values():
        (assertion,) = (
            part["valueString"]
            for part in parts_of(order)
            if part["url"] == "coverage-assertion-id"
        )
        answer = caller.get(f"{DETERMINATIONS}/{assertion}")
        if answer.status != _OK:
            unmet("200", answer.short())
        try:
            found = msgspec.json.decode(answer.content, type=_Decisions).decisions
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            unmet("decisions as described", "something else with 200")
        if not found or {(d.assertion_id, d.status) for d in found} != {(assertion, "conditional")}:
            unmet("the decision", "another one, or none")
        if SECRET in answer.text or PATIENT in answer.text:
            unmet("a decision without the patient", "one that names the patient")


def _nothing(caller: Caller) -> None:
    refused(caller.get(f"{DETERMINATIONS}/{uuid4().hex}"), (404,))


def group() -> Group:
    """The checks of feedback and look-up."""
    nowhere = partial(_refused, 404, {"feedback": []}, path=f"{DISCOVERY}/no-such-service/feedback")
    checks = (
        Check("feedback-good", "feedback on cards is taken, and not repeated", _good),
        Check("feedback-repeated", "a repeat is taken too", _repeated),
        Check("feedback-unknown-card", "an unknown card is no error", _unknown),
        *_malformed(),
        Check("feedback-elsewhere", "404 at a service that does not exist", nowhere),
        Check("look-up", "what was decided is found by its assertion id", _looked_up),
        Check("look-up-nothing", "404 for an id of nothing", _nothing),
    )
    return Group("feedback and look-up", checks)
