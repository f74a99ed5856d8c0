"""Hostile calls: each refused, and after each a good call is answered."""

from __future__ import annotations

import gzip
from functools import partial
from typing import TYPE_CHECKING

import requests

from defib_coverage.selftest.caller import path_of
from defib_coverage.selftest.calls import FAILURE, body_of, call, with_raw
from defib_coverage.selftest.card_rules import live_markup
from defib_coverage.selftest.charts import condition, covered_chart, ejection_fraction
from defib_coverage.selftest.checks import Check, Group, unmet
from defib_coverage.selftest.demands import CLIENT_ERRORS, answered, refused
from defib_coverage.selftest.sockets import head, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defib_coverage.selftest.caller import Caller

_SIGN = path_of("order-sign")
_OK = 200
_DEEP = 100_000
_DIGITS = 6_000
_HUGE = 20 * 1024 * 1024
_BOMB = 100 * 1024 * 1024
_FLOOD = 1024 * 1024
_UNREAD = ("prefetch", "conditions", "entry", 0, "resource", "unread")
_MARKUP = (
    "<img src=x onerror=alert(1)>",
    "a\r\n\r\n<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "\\[x](javascript:alert(1))",
    "https://evil.selftest.invalid/x",
)


def _good_after(probe: Callable[[Caller], None], caller: Caller) -> None:
    probe(caller)
    answer = caller.call(call())
    if answer.status != _OK:
        unmet("a good call answered afterwards", answer.short())


def _refused(body: bytes, caller: Caller) -> None:
    refused(caller.post(_SIGN, body), (400,))


def _texts() -> Iterator[Check]:
    """Bodies that are not honest JSON."""
    good = body_of(call())
    bodies = {
        "truncated": good[: len(good) // 2],
        "trailing-text": good + b"{}",
        "nan": with_raw(("extension",), b"NaN"),
        "infinity": with_raw(_UNREAD, b"-Infinity"),
        "endless-number": with_raw(_UNREAD, b"9" * _DIGITS),
        "lone-surrogate": with_raw(_UNREAD, b'"a\\ud800b"'),
        "invalid-utf8": with_raw(_UNREAD, b'"\xff"'),
        "deep-lists": with_raw(_UNREAD, b"[" * _DEEP + b"]" * _DEEP),
        "deep-objects": with_raw(("extension",), b'{"a":' * _DEEP + b"1" + b"}" * _DEEP),
        "deep-unclosed": b"[" * _DEEP,
        "name-twice-envelope": good.replace(b'{"hook"', b'{"hook": "order-select", "hook"', 1),
        "name-twice-context": good.replace(b'{"patientId"', b'{"patientId": "x", "patientId"', 1),
        "name-twice-order": good.replace(b'"intent": ', b'"intent": "plan", "intent": ', 1),
        "name-twice-order-code": good.replace(
            b'"code": "33249"', b'"code": "93306", "code": "33249"', 1
        ),
    }
    for name, body in bodies.items():
        probe = partial(_good_after, partial(_refused, body))
        yield Check(name, "400 for a body that is not honest JSON", probe)


def _huge(caller: Caller) -> None:
    # Cut short, so that a service without limit refuses it as well.
    body = b'{"hook": "' + b"x" * _HUGE
    try:
        answer = caller.post(_SIGN, body)
    except requests.ConnectionError:
        return  # cut off while it was being sent
    refused(answer, CLIENT_ERRORS)


def _bomb(caller: Caller) -> None:
    body = gzip.compress(b'{"hook": "' + b"x" * _BOMB)
    refused(caller.post(_SIGN, body, {"Content-Encoding": "gzip"}), CLIENT_ERRORS)


def _no_gzip(caller: Caller) -> None:
    refused(caller.post(_SIGN, body_of(call()), {"Content-Encoding": "gzip"}), CLIENT_ERRORS)


def _flood(line: str, caller: Caller) -> None:
    """Headers of a megabyte; the good body after them must not get an answer."""
    body = body_of(call())
    lines = (line % n for n in range(_FLOOD // len(line)))
    status = status_of(
        caller, [head(caller, _SIGN, f"Content-Length: {len(body)}", *lines), b"\r\n", body]
    )
    if status is not None and status not in CLIENT_ERRORS:
        unmet("4xx, or cut off", str(status))


def _neutral(markup: str, caller: Caller) -> None:
    """Text that a card may repeat, from wherever in the call it comes."""
    chart = [r for r in covered_chart() if r["resourceType"] != "Observation"]
    infarction = condition("I21.4", markup, "2025-03-01")
    charts = (
        [*chart, ejection_fraction(unit=markup)],
        [*chart, ejection_fraction(markup, value=52)],
        [*covered_chart(), infarction],
        [*covered_chart(), condition("I21.4", "event", markup)],
    )
    requests_ = [call(chart=c) for c in charts]
    requests_[0]["prefetch"][markup] = FAILURE
    for request in requests_:
        cards = answered(caller, request)
        if not cards:
            unmet("a card for a chart that leaves something open", "none")
        if any(live_markup(card["summary"] + "\n" + card.get("detail", "")) for card in cards):
            unmet("text of the chart without effect", "live markup")


def group() -> Group:
    """The checks of hostile calls."""
    others: dict[str, tuple[str, Callable[[Caller], None]]] = {
        "huge-body": ("4xx for a body of 20 MB", _huge),
        "gzip-bomb": ("4xx for a small body that unpacks to 100 MB", _bomb),
        "gzip-false": ("4xx for a body that is not packed as it says", _no_gzip),
        "header-flood": ("many headers are refused", partial(_flood, f"X-Flood-%d: {'x' * 50}")),
        "header-long": (
            "endless headers are refused",
            partial(_flood, f"X-Flood-%d: {'x' * 60_000}"),
        ),
    }
    checks = [
        *_texts(),
        *(Check(name, asks, partial(_good_after, probe)) for name, (asks, probe) in others.items()),
    ]
    for number, markup in enumerate(_MARKUP):
        asks = "markup in a chart does not come to life in a card"
        probe = partial(_good_after, partial(_neutral, markup))
        checks.append(Check(f"markup-{number + 1}", asks, probe))
    return Group("hostile calls", tuple(checks))
