"""Charts for the tests of the console: its samples, hostile ones, a large one.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

from datetime import date, timedelta

from defib_coverage.console.samples import read_samples
from live_server import (
    Json,
    bundle,
    concept,
    condition,
    coverage,
    covered_chart,
    observation,
    open_chart,
    order,
    patient,
    sign,
)

SAMPLES = read_samples()
STATUSES = {
    "covered": "covered",
    "missing-secondary": "conditional",
    "infarction-25-days": "not covered",
    "bypass-80-days": "not covered",
    "battery": "covered",
    "imprecise-date": "conditional",
    "snomed-only": "conditional",
    "shared-lead-code": "conditional",
    "pacemaker-exception": "conditional",
    "transplant-list": "conditional",
    "no-data": "conditional",
    "everything-wrong": "not covered",
}
SCRIPT = "<script>alert(1)</script>"
TRICK = "[click](https://evil.example) ![x](https://evil.example/x.png) **bold** <b>b</b>"
TURNED = "\u202ecod.exe\u2066x\u2069\u200f"
HOSTILE = [SCRIPT, TRICK, TURNED, "</pre></details>" + SCRIPT, "'\"><x y=z>"]


def hostile(text: str) -> Json:
    """A call in which every text that may reach a page is hostile."""
    chart = [
        patient(name=[{"text": text}]),
        condition("I25.5", "c-1") | {"code": concept("I25.5", text) | {"text": text}},
        condition("I25.2", "c-2", onsetDateTime=text),
        observation("8806-2", "lvef", valueString=text),
        observation("8806-2", text, valueQuantity={"value": 30, "unit": text, "code": text}),
    ]
    return sign(order(note=[{"text": text}]) | {"reasonCode": [{"text": text}]}, chart=chart)


def chart_bundle(*more: Json) -> Json:
    return bundle(*covered_chart(), *more)


def large_call() -> Json:
    """A chart of 3,000 records, as an EHR sends one."""
    chart = covered_chart()
    chart += [
        observation("2345-7", f"lab-{n}", valueQuantity={"value": n, "unit": "mg/dL"})
        for n in range(3000 - len(chart))
    ]
    return sign(chart=chart)


def counting_call() -> Json:
    """A chart with 3,000 conditions that count, an infarction on each of many days among them."""
    chart = [*covered_chart(), coverage()]
    codes = ("I25.5", "I25.2", "I21.4", "I50.22", "I42.0")
    for n in range(3000 - len(chart)):
        day = (date(2026, 11, 19) - timedelta(days=n // 5)).isoformat()
        code = codes[n % len(codes)]
        chart.append(condition(code, f"counts-{n}", onsetDateTime=day, recordedDate=day))
    return sign(chart=chart)


def many_orders(*, heavy: bool = False) -> Json:
    """A hundred orders, with a small chart or one where everything counts."""
    codes = ("33249", "33262", "33225", "33240")
    orders = [order(codes[n % len(codes)], identity=f"order-{n}") for n in range(100)]
    call = counting_call()
    light = sign(*orders, chart=[*open_chart(), coverage()])
    return light | {"prefetch": call["prefetch"]} if heavy else light
