"""Charts for the tests of the console: its samples, hostile ones, a large one.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

from defib_coverage.console.samples import read_samples
from live_server import (
    Json,
    bundle,
    concept,
    condition,
    covered_chart,
    observation,
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
