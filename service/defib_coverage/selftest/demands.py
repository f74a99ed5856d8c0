"""What the checks demand of answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.hooks.openapi import Determinations
from defib_coverage.selftest.action_rules import codes_of, reference_of
from defib_coverage.selftest.answer_rules import broken_rules, read_object
from defib_coverage.selftest.caller import DETERMINATIONS, path_of
from defib_coverage.selftest.calls import body_of
from defib_coverage.selftest.charts import SECRET, Json
from defib_coverage.selftest.checks import unmet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.selftest.caller import Answer, Caller

_OK = 200
ACCESS_TOKEN = "selftest-token-7c1f"  # noqa: S105 - invented, and sent to see that it is not repeated
_TRACE = re.compile(
    r"Traceback|\bFile \"|\bline \d+, in\b|\.py\b|Exception in|^\s+at [\w.$]+\(", re.MULTILINE
)


def answered(caller: Caller, request: Json) -> list[Json]:
    """The cards of a call that must be answered by all the rules.

    Raises:
        UnmetError: it is refused, or the answer breaks a rule.
    """
    cards: list[Json] = _by_rules(caller, request, body_of(request))["cards"]
    return cards


def told(caller: Caller, request: Json, body: bytes | None = None) -> dict[str, Json]:
    """The orders that a call gets back, by what is said of whether they are covered.

    Args:
        caller: the service.
        request: the call, which must be answered by all the rules.
        body: its text, where it is not as usual.

    Raises:
        UnmetError: it is refused, or the answer breaks a rule.
    """
    content = _by_rules(caller, request, body or body_of(request))
    actions = content.get("systemActions", [])
    return {reference_of(action): action["resource"] for action in actions}


def says(caller: Caller, request: Json, wanted: Mapping[str, str]) -> None:
    """Demand that a call's orders come back with these answers, and no others.

    Raises:
        UnmetError: they do not.
    """
    found = {
        name: codes_of(resource)["covered"] for name, resource in told(caller, request).items()
    }
    if found != wanted:
        expected = ", ".join(f"{name} {code}" for name, code in wanted.items()) or "no order"
        came = ", ".join(f"{name} {code}" for name, code in found.items()) or "none"
        unmet(f"coverage information: {expected}", came)


def _by_rules(caller: Caller, request: Json, body: bytes) -> Json:
    answer = caller.post(path_of(request["hook"]), body)
    if ACCESS_TOKEN in answer.text:
        unmet("the FHIR access token is not repeated", "it is")
    broken = broken_rules(answer, body, orders_of(request))
    if broken:
        unmet("an answer by the rules", "broken: " + "; ".join(broken))
    return read_object(answer.content)


def orders_of(request: Json) -> frozenset[str]:
    """The orders that a call is about."""
    context = request["context"]
    if "dispatchedOrders" in context:
        return frozenset(context["dispatchedOrders"])
    entries = (context.get("draftOrders") or context["appointments"]).get("entry", [])
    resources = [e.get("resource") or {} for e in entries]
    based = [b["reference"] for r in resources for b in r.get("basedOn", [])]
    return frozenset(based or [f"{r.get('resourceType')}/{r.get('id')}" for r in resources])


def judged(caller: Caller, request: Json, order: str | None = None) -> Determination:
    """The determination of a call's only order, or of the named one.

    Raises:
        UnmetError: there is none.
    """
    answer = caller.post(DETERMINATIONS, body_of(request))
    if answer.status != _OK:
        unmet("determinations with 200", answer.short())
    try:
        found = msgspec.json.decode(answer.content, type=Determinations).determinations
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        unmet("determinations as published", "something else with 200")
    named = [d for d in found if order is None or d.order.reference == order]
    if len(named) != 1:
        unmet("one determination of the order", str(len(named)))
    return named[0]


def has_status(found: Determination, *wanted: str) -> None:
    """Demand one of these statuses."""
    if found.status not in wanted:
        unmet(" or ".join(wanted), found.status)


def tells_of_a_gap(found: Determination, *, in_criteria: bool) -> None:
    """Demand that a determination says what was not fetched.

    Args:
        found: the determination.
        in_criteria: a criterion that the data would settle must be open for it; otherwise it is
            enough to say that the record is incomplete.
    """
    criteria = [c for i in found.indications for c in i.criteria] + list(found.always)
    if any(gap.kind == "not-fetched" for c in criteria for gap in c.gaps):
        return
    if not in_criteria and any(f.code == "record-incomplete" for f in found.findings):
        return
    unmet("a gap of kind not-fetched", f"{found.status} without one")


def refused(answer: Answer, statuses: Sequence[int]) -> None:
    """Demand a refusal: an OperationOutcome with no trace and nothing of the body's values."""
    wanted = " or ".join(map(str, statuses))
    if answer.status not in statuses:
        unmet(wanted, answer.short())
    try:
        outcome = read_object(answer.content)
    except ValueError:
        outcome = {}
    if not _is_outcome(outcome):
        unmet(f"{wanted} with an OperationOutcome", f"{answer.status} with something else")
    for name, leaked in (
        ("a trace", _TRACE.search(answer.text)),
        ("what was sent", SECRET in answer.text),
    ):
        if leaked:
            unmet(f"{wanted} without {name}", f"{answer.status} with it")


def _is_outcome(outcome: Json) -> bool:
    issues = outcome.get("issue")
    return (
        outcome.get("resourceType") == "OperationOutcome"
        and isinstance(issues, list)
        and bool(issues)
        and all(
            isinstance(i, dict) and {"severity", "code", "diagnostics"} <= set(i) for i in issues
        )
    )


CLIENT_ERRORS = tuple(range(400, 500))
"""Any refusal that says that the client is at fault."""
