"""Good calls of each hook: what comes back, and what must not."""

from __future__ import annotations

import gzip
from functools import partial
from typing import TYPE_CHECKING

from defib_coverage.hooks.configuration import VERSIONS
from defib_coverage.hooks.request import HOOKS
from defib_coverage.selftest.caller import path_of
from defib_coverage.selftest.calls import body_of, call
from defib_coverage.selftest.charts import (
    BOOKED_FOR,
    ORDERED_ON,
    device_order,
    order,
    unpaired_chart,
)
from defib_coverage.selftest.checks import Check, Group, unmet
from defib_coverage.selftest.demands import answered, has_status, judged, says, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.hooks.request import HookName
    from defib_coverage.selftest.caller import Caller
    from defib_coverage.selftest.charts import Json

_OK = 200
_QUICK = 0.5
_TRIES = 5
_ORDER = "ServiceRequest/selftest-order"
_DEVICE = "DeviceRequest/selftest-device"


def _silent(request: Json, caller: Caller) -> None:
    cards = answered(caller, request)
    if cards:
        unmet("no card", f"{len(cards)}")


def _covered(hook: HookName, caller: Caller) -> None:
    _silent(call(hook), caller)
    says(caller, call(hook), {_ORDER: "covered"})
    found = judged(caller, call(hook))
    has_status(found, "covered")
    day = BOOKED_FOR if hook == "appointment-book" else ORDERED_ON
    if found.order.service_date.isoformat() != day:
        unmet(f"judged for {day}", found.order.service_date.isoformat())


def _unpaired(hook: HookName, caller: Caller) -> None:
    request = call(hook, unpaired_chart())
    cards = answered(caller, request)
    if not any("I25.5" in str(card) and "I50.22" in str(card) for card in cards):
        unmet("a card that names I25.5 and its partner I50.22", f"{len(cards)} cards without")
    says(caller, request, {_ORDER: "conditional"})
    found = judged(caller, request)
    has_status(found, "conditional")
    if not any(m.primary == "I25.5" and "I50.22" in m.any_of for m in found.missing_secondary):
        unmet("missingSecondary with I25.5 and I50.22", "none of them")


def _not_ours(hook: HookName, caller: Caller) -> None:
    request = call(hook, orders=[order("93306")])
    _silent(request, caller)
    says(caller, request, {})
    has_status(judged(caller, request), "not-applicable")


def _several(caller: Caller) -> None:
    request = call(chart=unpaired_chart(), orders=[order(), device_order(), order("93306", "echo")])
    if not answered(caller, request):
        unmet("cards", "none")
    says(caller, request, {_ORDER: "conditional", _DEVICE: "conditional"})
    has_status(judged(caller, request, "ServiceRequest/selftest-order"), "conditional")
    has_status(judged(caller, request, "ServiceRequest/echo"), "not-applicable")


def _as_written(caller: Caller) -> None:
    """Numbers of an order keep their digits, and what nobody knows its place."""
    request = call(orders=[order(quantityQuantity={"value": 1.5}, future=[{"deep": 1.5}])])
    body = body_of(request).replace(b"1.5", b"1.500")
    if not told(caller, request, body):
        unmet("the order with its coverage information", "none")


def _said_before(caller: Caller) -> None:
    """An order that says it already comes back only when there is something new."""
    updated = list(told(caller, call()).values())
    says(caller, call(orders=updated), {})
    says(caller, call(chart=unpaired_chart(), orders=updated), {_ORDER: "conditional"})


def _switched_off(caller: Caller) -> None:
    for wanted, said in ((True, {_ORDER: "covered"}), (False, {})):
        options = {"davinci-crd.configuration": {"coverage-info": wanted}}
        says(caller, call(extension=options), said)


def _each_version(caller: Caller) -> None:
    for version in VERSIONS:
        wanted = {"davinci-crd.requestedVersion": version}
        says(caller, call(extension=wanted), {_ORDER: "covered"})


def _fresh(caller: Caller) -> None:
    request = call(chart=unpaired_chart())
    uuids = [card["uuid"] for _ in range(3) for card in answered(caller, request)]
    if not uuids or len(set(uuids)) < len(uuids):
        unmet("C09 a new uuid for every card", "one twice" if uuids else "no cards")


def _quick(caller: Caller) -> None:
    body = body_of(call(chart=unpaired_chart()))
    answers = [caller.post(path_of("order-sign"), body) for _ in range(_TRIES)]
    quickest = min(answers, key=lambda a: a.seconds)
    if quickest.status != _OK:
        unmet("200", quickest.short())
    if quickest.seconds > _QUICK:
        expected = f"R07 the quickest of {_TRIES} within {_QUICK} s"
        unmet(expected, f"{quickest.seconds:.1f} s")


def _packed(caller: Caller) -> None:
    body = gzip.compress(body_of(call()))
    answer = caller.post(path_of("order-sign"), body, {"Content-Encoding": "gzip"})
    if answer.status != _OK:
        unmet("200", answer.short())


def _of_each_hook() -> Iterator[Check]:
    for hook in HOOKS:
        yield Check(f"{hook}-covered", "a covered order gets no card", partial(_covered, hook))
        yield Check(
            f"{hook}-secondary",
            "a missing secondary diagnosis gets a card that names it",
            partial(_unpaired, hook),
        )
        yield Check(f"{hook}-not-ours", "an order not ours gets no card", partial(_not_ours, hook))


def group() -> Group:
    """The checks of good calls."""
    checks = (
        *_of_each_hook(),
        Check(
            "several-orders", "each of several orders is judged, and named in its cards", _several
        ),
        Check("order-as-written", "an order comes back with its numbers as written", _as_written),
        Check("order-said-before", "an order is updated only by what is new", _said_before),
        Check("option-coverage-info", "coverage information can be switched off", _switched_off),
        Check("versions", "each version of CRD may be asked for", _each_version),
        Check("card-uuids", "no two cards have the same uuid", _fresh),
        Check("quick", "a small call takes no longer than CDS Hooks advises", _quick),
        Check("gzip-call", "a call packed with gzip is answered", _packed),
    )
    return Group("good calls", checks)
