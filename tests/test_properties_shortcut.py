"""Silence is judged once a day: a chart comes to the same as when everything is judged for it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.coverage.case import Case
from defib_coverage.coverage.chart import ChartView
from defib_coverage.coverage.criteria import Judged, judge_case
from defib_coverage.coverage.orders import classify
from defib_coverage.coverage.verdict import by_criteria, by_diagnosis
from defib_coverage.fhir.answers import read_answers
from defib_coverage.fhir.reader import ChartReader
from defib_coverage.hooks.wire import decode_request
from fhir_builders import DOS, PATIENT, Json, by_keys, patient, sign
from test_properties_charts import BOUNDED, KNOWLEDGE, Item, charts, fhir

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.coverage.chart import Chart
    from defib_coverage.coverage.verdict import Verdict

CODES = ("33249", "33262", "33271", "33241")


def read(resources: list[Json]) -> Chart:
    """A chart as the core sees it."""
    body = sign([], by_keys([patient(), *resources]))
    decoded = decode_request(body, KNOWLEDGE.index)
    reader = ChartReader(KNOWLEDGE.index)
    return reader.read(read_answers(decoded.request.prefetch), PATIENT)[0]


def verdict(chart: Chart, text: str, day: date, judged_by: Callable[[Case], Judged]) -> Verdict:
    """What an order code comes to on a day."""
    code = classify([("cpt", "", text)], "ServiceRequest", KNOWLEDGE.index)
    policy = KNOWLEDGE.library.in_force(day)
    assert code is not None
    assert policy is not None
    case = Case(KNOWLEDGE.rulebook(policy), ChartView(chart, day, None), ())
    rule = policy.orders[code.order_class]
    judge = by_diagnosis if rule.diagnosis_support else by_criteria
    return judge(judged_by(case), rule, code)


def in_full(case: Case) -> Judged:
    """Judge every criterion by the chart."""
    return Judged(case, None)


@BOUNDED
@given(charts, st.sampled_from(CODES), st.integers(-400, 400))
def test_what_silence_comes_to_is_what_judging_it_comes_to(
    chart: tuple[Item, ...],
    code: str,
    ahead: int,
) -> None:
    day = date.fromisoformat(DOS) + timedelta(days=ahead)
    facts = read(fhir(chart))
    assert verdict(facts, code, day, judge_case) == verdict(facts, code, day, in_full)
