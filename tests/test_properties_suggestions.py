"""What holds of every suggestion: accepted, it settles what it is made for, and it is valid R4."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from fhir.resources.R4B import get_fhir_model_class
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answers import answer_to
from defib_coverage.content import load
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from fhir_builders import (
    Json,
    by_keys,
    concept,
    condition,
    device_request,
    lvef,
    nyha,
    order,
    patient,
    procedure,
    sign,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.hooks.response import Card, Suggestion

TODAY = date(2026, 11, 21)
KNOWLEDGE = load().knowledge()
EVALUATOR = Evaluator(KNOWLEDGE)
BOUNDED = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
DIAGNOSES = (
    *("I25.2", "I25.5", "I42.0", "I42.1", "I42.2", "I46.2", "I47.2", "I47.20", "I49.01", "I21.4"),
    *("I50.22", "I50.9", "I44.2", "Z45.02", "Z76.82", "Z95.1", "Z95.810"),
)
IN_SNOMED = (
    *("22298006", "399211009", "472100003", "426856002", "399020009", "233873004", "419671004"),
    *("441481004", "443254009", "25569003", "71908006"),
)
DAYS = (
    *(
        "2026-12-05",
        "2026-11-21",
        "2026-11-20",
        "2026-11-15",
        "2026-11-10",
        "2026-11",
        "2026-10-12",
    ),
    *("2026-10", "2026-09-01", "2026-08-22", "2026", "2019-03-01"),
)
SERVICE_DAYS = (
    *("2026-11-20", "2026-11-25", "2026-12-01", "2026-06-01", "2026-11", "2022-09-01"),
    "2022-10-05",
)
days = st.none() | st.sampled_from(DAYS)
coded = st.tuples(st.just("icd10cm"), st.sampled_from(DIAGNOSES)) | st.tuples(
    st.just("snomed"), st.sampled_from(IN_SNOMED)
)
diagnoses = st.builds(
    lambda code, day, noted, status: condition(
        code[1], day, system=code[0], recordedDate=noted, verification=status
    ),
    coded,
    days,
    days,
    st.sampled_from(("confirmed", "confirmed", "provisional")),
)
others = st.one_of(
    st.builds(lvef, st.sampled_from((25, 33, 45))),
    st.builds(nyha, st.sampled_from((2, 4))),
    st.builds(lambda who: visit(profession=who), st.sampled_from(("MD", "RN", None))),
    st.builds(procedure, st.sampled_from(("92928", "33533")), days),
)
charts = st.builds(
    lambda some, more: [patient(), *some, *more],
    st.lists(diagnoses, min_size=1, max_size=5),
    st.lists(others, max_size=4),
)
dated = st.one_of(
    st.just({}),
    st.builds(lambda day: {"occurrenceDateTime": day}, st.sampled_from(SERVICE_DAYS)),
    st.builds(
        lambda start, end: {"occurrencePeriod": {"start": start, "end": end}},
        st.sampled_from(SERVICE_DAYS),
        st.sampled_from(("2026-12-10", "2027-06")),
    ),
)
reasons: st.SearchStrategy[Json] = st.just({}) | st.builds(
    lambda codes: {"reasonCode": [concept(code, "icd10cm", text="why") for code in codes]},
    st.lists(st.sampled_from(("I47.2", "i472", "I25.5", "I42.0")), min_size=1, max_size=2),
)
drafts = st.builds(
    lambda make, more: make(None) | more,
    st.sampled_from(
        (
            *(lambda day, code=code: order(code, day=day) for code in ("33249", "33262", "33225")),
            lambda day: order("33241", day=day),
            lambda day: device_request("C1721", day),
        )
    ),
    st.builds(lambda day, why: day | why, dated, reasons),
)
calls = st.lists(drafts, min_size=1, max_size=3).map(
    lambda found: [one | {"id": f"order-{number}"} for number, one in enumerate(found)]
)


def _judged(orders: Sequence[Json], prefetch: Json) -> dict[str, Determination]:
    decoded = decode_request(sign(orders, prefetch), KNOWLEDGE.index)
    found = EVALUATOR.evaluate(decoded, TODAY).determinations
    return {one.order.reference: one for one in found}


def _open(card: Card, made: Json, found: dict[str, Determination]) -> set[str]:
    """What the suggestion is made for, as far as it is still there."""
    topic = card.source.topic.code
    if topic == "clinical-reminder":
        return {f.code for d in found.values() for f in d.findings} & {"sdm-missing"}
    one = found[f"{made['resourceType']}/{made['id']}"]
    warned = [f for f in one.findings if f.severity == "warning"]
    if topic == "limits":
        return {f.code for f in warned} & {"waiting-period-open"}
    own = {c["code"] for reason in made["reasonCode"] for c in reason.get("coding", ())}
    left = {c for m in one.missing_secondary for c in m.supported}
    left |= {c for f in warned for c in f.codes}
    return own & left


def _accept(orders: Sequence[Json], suggestion: Suggestion) -> tuple[Json, list[Json]]:
    (action,) = suggestion.actions
    made: Json = json.loads(bytes(action.resource))
    get_fhir_model_class(made["resourceType"]).model_validate(made)
    if action.type == "create":
        return made, [*orders, made | {"id": "new-1"}]
    return made, [made if one["id"] == made["id"] else one for one in orders]


@BOUNDED
@given(charts, calls)
def test_an_accepted_suggestion_settles_what_it_is_made_for(
    chart: list[Json], orders: list[Json]
) -> None:
    prefetch = by_keys(chart)
    for card in answer_to(EVALUATOR, sign(orders, prefetch), TODAY).cards:
        found = card.suggestions
        assert not (found and card.links)
        assert (card.selection_behavior is None) is (not found)
        assert len({one.label for one in found}) == len(found)
        recommended = sum(one.is_recommended for one in found)
        assert card.selection_behavior == "any" or recommended <= 1
        for one in found:
            assert one.label.isprintable()
            assert one.actions[0].description.isprintable()
            made, changed = _accept(orders, one)
            assert _open(card, made, _judged(changed, prefetch)) == set()
