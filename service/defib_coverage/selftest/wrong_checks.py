"""Wrong calls: refused with the right status, and nothing of the body said again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from defib_coverage.hooks.request import HOOKS
from defib_coverage.selftest.caller import DISCOVERY, path_of
from defib_coverage.selftest.calls import body_of, call
from defib_coverage.selftest.charts import SECRET
from defib_coverage.selftest.checks import Check, Group
from defib_coverage.selftest.demands import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.selftest.caller import Caller
    from defib_coverage.selftest.charts import Json

_SIGN = path_of("order-sign")


def _refused(status: int, path: str, request: Json, caller: Caller) -> None:
    refused(caller.post(path, body_of(request)), (status,))


def _without(*places: str) -> Json:
    """A good call that lacks a member."""
    request = call()
    node = request
    for place in places[:-1]:
        node = node[place]
    del node[places[-1]]
    return request


def _members() -> Iterator[Check]:
    wrong = {
        "hook-missing": _without("hook"),
        "hook-unknown": call() | {"hook": "patient-view"},
        "hook-instance-missing": _without("hookInstance"),
        "hook-instance-no-uuid": call(hookInstance=SECRET),
        "hook-instance-urn": call(hookInstance=f"urn:uuid:{call()['hookInstance']}"),
        "context-missing": _without("context"),
        "context-text": call(context=SECRET),
        "patient-missing": _without("context", "patientId"),
        "user-missing": _without("context", "userId"),
        "draft-orders-missing": _without("context", "draftOrders"),
        "prefetch-list": call(prefetch=[SECRET]),
    }
    for name, request in wrong.items():
        yield Check(name, "400 for a call that is none", partial(_refused, 400, _SIGN, request))


def _of_another_service() -> Iterator[Check]:
    for hook, other in zip(HOOKS, (*HOOKS[1:], HOOKS[0]), strict=True):
        probe = partial(_refused, 400, path_of(other), call(hook))
        yield Check(f"{hook}-elsewhere", f"400 for {hook} at the service of {other}", probe)


def _wrong_method(method: str, path: str, caller: Caller) -> None:
    body = None if method == "GET" else body_of(call())
    refused(caller.send(method, path, body, {"Content-Type": "application/json"}), (405,))


def _wrong_type(kind: str, caller: Caller) -> None:
    refused(caller.post(_SIGN, body_of(call()), {"Content-Type": kind}), (415,))


def group() -> Group:
    """The checks of wrong calls."""
    unknown = partial(_refused, 404, f"{DISCOVERY}/no-such-service", call())
    checks = (
        *_members(),
        *_of_another_service(),
        Check("service-unknown", "404 for a service that does not exist", unknown),
        Check("get-on-service", "405 for GET at a service", partial(_wrong_method, "GET", _SIGN)),
        Check("put-on-service", "405 for PUT at a service", partial(_wrong_method, "PUT", _SIGN)),
        Check(
            "post-on-discovery",
            "405 for POST at discovery",
            partial(_wrong_method, "POST", DISCOVERY),
        ),
        Check("type-text", "415 for text/plain", partial(_wrong_type, "text/plain")),
        Check("type-xml", "415 for FHIR's XML", partial(_wrong_type, "application/fhir+xml")),
    )
    return Group("wrong calls", checks)
