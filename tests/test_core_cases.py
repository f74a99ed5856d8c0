"""Turns of the rules that need more than one record, told by what they lead to."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from fhir_builders import (
    DOS,
    INSTANCE,
    PATIENT,
    Json,
    b1_chart,
    b2_chart,
    b3_chart,
    b6_chart,
    by_keys,
    coding,
    concept,
    condition,
    heart_rate,
    lvef,
    medication,
    nyha,
    order,
    patient,
    procedure,
    resource,
    sign,
    visit,
    weak_heart,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.hooks.response import HookResponse

    Judge = Callable[..., list[Json]]
    Answer = Callable[..., HookResponse]
    Evaluate = Callable[..., tuple[Determination, ...]]


def finding(found: Json, code: str) -> Json:
    """The one finding of a code."""
    (one,) = [f for f in found["findings"] if f["code"] == code]
    return dict(one)


def codes(found: Json) -> set[str]:
    """The finding codes of a determination."""
    return {f["code"] for f in found["findings"]}


def criterion(found: Json, name: str) -> Json:
    """A criterion of a determination, wherever it stands."""
    every = [c for i in found["indications"] for c in i["criteria"]] + found["always"]
    return dict(next(c for c in every if c["id"] == name))


def test_therapy_is_complete_with_whichever_stand_in_began_first(judge: Judge) -> None:
    # P-B4: the ACE inhibitor is a month older than hydralazine with its nitrate.
    drugs = [
        medication("20352", "2026-01-05"),
        medication("29046", "2026-10-01"),
        medication("905377", "2026-11-01"),
    ]
    found = judge([order()], [patient(), condition("I42.0"), *weak_heart(30), *drugs])[0]
    assert "2027-01-01" in finding(found, "omt-less-than-3-months")["text"]


def test_therapy_is_complete_by_the_stand_in_where_it_is_older(judge: Judge) -> None:
    drugs = [
        medication("20352", "2026-01-05"),
        medication("29046", "2026-11-01"),
        medication("905377", "2026-10-01"),
    ]
    found = judge([order()], [patient(), condition("I42.0"), *weak_heart(30), *drugs])[0]
    assert "2027-01-01" in finding(found, "omt-less-than-3-months")["text"]


def test_undated_reading_counts_where_no_other_is_on_file(judge: Judge) -> None:
    chart = [patient(), condition("I25.2", "2019-03-01"), condition("I50.22"), nyha(2), visit()]
    found = judge([order()], [*chart, lvef(28, None)])[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B2"])
    # A dated reading is later as far as anyone can tell.
    found = judge([order()], [*chart, lvef(28, None), lvef(40)])[0]
    assert found["status"] == "not-covered"


def test_infarction_of_unknown_age_ties_no_dated_arrhythmia_to_it(judge: Judge) -> None:
    # P-B1: an undated I25.2 says "some time before"; that is tied to no day.
    chart = [patient(), lvef(45), condition("I47.20", "2026-06-01")]
    found = judge([order()], [*chart, condition("I25.2", recordedDate="2026-06-02")])[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B1"])


def test_shock_as_reason_of_the_order_counts(judge: Judge) -> None:
    shocked = order(reasonCode=[concept("R57.0", "icd10cm")])
    found = judge([shocked], b3_chart())[0]
    assert (found["status"], found["indicationsMet"]) == ("not-covered", [])


def test_arrest_as_reason_of_the_order_does_not_bar_b3(judge: Judge) -> None:
    # P-B3: a claim on the order is no history in the chart.
    found = judge([order(reasonCode=[concept("Z86.74", "icd10cm")])], b3_chart())[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B3"])
    assert "history-of-vt-vf" not in codes(found)


def test_finding_of_a_candidate_is_not_softened_by_a_replacement_that_only_informs(
    judge: Judge,
) -> None:
    # B1 needs an LVEF, B6 only shows it: the order rests on B1.
    chart = [patient(), condition("I46.2", "2026-06-01"), condition("Z95.810")]
    found = judge([order()], chart)[0]
    assert found["status"] == "conditional"
    assert finding(found, "lvef-missing")["severity"] == "warning"


@pytest.mark.parametrize("first", ["confirmed", "provisional"])
def test_confirmed_record_speaks_for_a_doubtful_one_of_the_same_day(
    first: str,
    judge: Judge,
) -> None:
    second = {"confirmed": "provisional", "provisional": "confirmed"}[first]
    records = [
        condition("I21.4", "2026-11-01", verification=first, id="m1"),
        condition("I21.9", "2026-11-01", verification=second, id="m2"),
    ]
    found = judge([order()], [*b2_chart(), *records])[0]
    (window,) = found["waitingPeriods"]
    assert window["certainty"] == "definite"
    assert window["reference"] == ("Condition/m1" if first == "confirmed" else "Condition/m2")


def test_visit_of_after_the_service_date_leaves_the_day_of_the_record(judge: Judge) -> None:
    stay = resource("Encounter", id="stay", status="finished", period={"start": "2026-12-02"})
    infarction = condition(
        "I21.4",
        encounter={"reference": "Encounter/stay"},
        recordedDate="2026-11-18",
    )
    found = judge([order()], [*b2_chart(), stay, infarction])[0]
    (window,) = found["waitingPeriods"]
    assert (window["lastExcludedDay"], window["certainty"]) == ("2026-12-28", "definite")


@pytest.mark.parametrize("acute", ["I21.4", "22298006"])
def test_undated_old_infarction_counts_beside_one_that_may_not_have_been(
    acute: str,
    judge: Judge,
) -> None:
    # Rule 3: I25.2 is ignored beside a dated infarction; a provisional one may be none.
    system = "icd10cm" if acute == "I21.4" else "snomed"
    records = [
        condition("I25.2", recordedDate="2026-11-12"),
        condition(acute, "2026-03-01", system=system, verification="provisional"),
    ]
    found = judge([order()], [patient(), *records, *weak_heart(28)])[0]
    assert (found["status"], found["indicationsMet"]) == ("conditional", [])
    assert "event-date-imprecise" in codes(found)


def test_stent_status_counts_beside_a_procedure_that_was_broken_off(judge: Judge) -> None:
    records = [
        condition("Z95.5", recordedDate="2026-11-10"),
        procedure("92928", "2026-01-10", status="stopped"),
    ]
    found = judge([order()], [*b3_chart(), *records])[0]
    assert (found["status"], found["indicationsMet"]) == ("conditional", [])
    assert "event-date-imprecise" in codes(found)


@pytest.mark.parametrize(
    "removal",
    [procedure("33241", "2024-01-10", status="stopped"), procedure("33241", None)],
    ids=["broken off", "undated"],
)
def test_removal_that_may_have_been_makes_the_device_doubtful(
    removal: Json,
    judge: Judge,
) -> None:
    # P-B6, rule 4.7: an implant shows a device unless a later removal took it out.
    chart = [patient(), condition("T82.111A"), procedure("33249", "2020-05-05"), removal]
    found = judge([order("33263")], chart)[0]
    assert (found["status"], found["indicationsMet"]) == ("conditional", [])
    assert "existing-icd-not-evidenced" in codes(found)


def test_undated_implant_with_a_removal_on_file_is_doubtful(judge: Judge) -> None:
    chart = [
        patient(),
        condition("T82.111A"),
        procedure("33249", None),
        procedure("33241", "2024-01-10"),
    ]
    found = judge([order("33263")], chart)[0]
    assert (found["status"], found["indicationsMet"]) == ("conditional", [])


def test_rate_of_a_less_exact_date_may_be_the_latest(judge: Judge) -> None:
    # P-ADD3: 130 on the 15th, 80 some day of that month.
    rates = [heart_rate(130, "2026-11-15"), heart_rate(80, "2026-11")]
    found = judge([order()], [*b3_chart(), condition("I48.21"), *rates])[0]
    assert (found["status"], found["indicationsMet"]) == ("conditional", ["B3"])
    assert "svt-rate-needs-documentation" in codes(found)


def test_undated_fast_rate_asks(judge: Judge) -> None:
    found = judge([order()], [*b3_chart(), condition("I48.21"), heart_rate(130, None)])[0]
    assert "svt-rate-needs-documentation" in codes(found)


def test_lead_without_support_is_told_why_its_code_does_not_count(judge: Judge) -> None:
    # P-REV-R4.
    found = judge([order("33271")], [patient(), condition("I47.2", "2020-01-01")])[0]
    assert found["status"] == "conditional"
    assert {"no-group1-diagnosis", "code-not-effective"} <= codes(found)


def test_support_order_names_the_diagnosis_that_it_rests_on(judge: Judge) -> None:
    # P-GROUP1: no conclusion without evidence.
    arrest = condition("I46.2", "2026-06-01", id="why")
    found = judge([order("33271")], [patient(), arrest])[0]
    assert found["status"] == "covered"
    assert "Condition/why" in json.dumps(found)


def test_lesser_coding_after_the_billing_code_does_not_replace_it(judge: Judge) -> None:
    both = order(code={"coding": [coding("33262", "cpt"), coding("233170003", "snomed")]})
    assert judge([both], b6_chart())[0]["order"]["code"] == "33262"


def test_appointment_being_booked_wins_over_the_order(evaluate: Evaluate) -> None:
    # Decision of the service date: in appointment-book the appointment's start wins over all.
    appointment = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "proposed",
        "start": "2026-12-03T07:30:00-05:00",
        "basedOn": [{"reference": "ServiceRequest/order-1"}],
        "participant": [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "accepted"}],
    }
    body = {
        "hook": "appointment-book",
        "hookInstance": INSTANCE,
        "context": {
            "userId": "Practitioner/dr-1",
            "patientId": PATIENT,
            "appointments": {"resourceType": "Bundle", "entry": [{"resource": appointment}]},
        },
        "prefetch": by_keys([*b3_chart(), order()]),
    }
    (found,) = evaluate(json.dumps(body).encode())
    assert found.order.service_date.isoformat() == "2026-12-03"
    assert (found.order.service_date_basis, found.status) == ("appointment", "covered")


@pytest.mark.parametrize("swapped", [False, True])
def test_earliest_of_several_booked_appointments_counts(judge: Judge, *, swapped: bool) -> None:
    booked = [
        {
            "resourceType": "Appointment",
            "id": f"a{day}",
            "status": "booked",
            "start": f"2026-12-{day}T08:00:00-05:00",
            "basedOn": [{"reference": "ServiceRequest/order-1"}],
            "participant": [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "accepted"}],
        }
        for day in ("04", "01")
    ]
    found = judge([order(day=None)], [*b3_chart(), *(booked[::-1] if swapped else booked)])[0]
    assert found["order"]["serviceDate"] == "2026-12-01"


def test_window_at_the_end_of_the_calendar_is_told(
    answer: Answer,
) -> None:
    far = [
        patient(),
        condition("I25.2", "2019-03-01"),
        condition("I21.4", "9999-12-01"),
        condition("I50.22"),
        lvef(28),
        nyha(2),
        visit(),
    ]
    body = sign([order(day="9999-12-20")], by_keys(far))
    assert "not covered" in answer(body).cards[0].summary


def test_age_beyond_the_calendar_is_no_date(judge: Judge) -> None:
    # A birth date in the far future is a slip; it must not cost the answer.
    born = patient(birthDate="9990-01-01")
    infarction = condition("I21.4", onsetAge={"value": 60, "unit": "a", "code": "a"})
    found = judge([order()], [born, *b2_chart()[1:], infarction])[0]
    assert "mi-date-unknown" in codes(found)


@pytest.mark.parametrize("code", ["22298006", "89138009", "300936002"])
def test_finding_that_is_answered_with_no_is_not_there(code: str, judge: Judge) -> None:
    # Only a positive statement counts: "infarction: no", "shock: no", "terminal illness: no".
    denied = resource(
        "Observation",
        status="final",
        code=concept(code, "snomed"),
        effectiveDateTime="2026-11-15",
        valueBoolean=False,
    )
    found = judge([order()], [*b3_chart(), denied])[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B3"])


def test_resource_under_two_keys_counts_once(judge: Judge) -> None:
    chart = b1_chart()
    prefetch = by_keys(chart)
    once = judge([order()], [], prefetch=prefetch)
    twice = judge([order()], [], prefetch=prefetch | {"problems": prefetch["conditions"]})
    assert twice == once


def test_criteria_that_only_a_person_can_attest_are_marked(judge: Judge) -> None:
    found = judge([order()], b3_chart())[0]
    for name in ("severe-dilated", "no-recent-mi", "clinically-stable", "prognosis"):
        assert criterion(found, name)["attest"] is True
    for name in ("b3-diagnosis", "lvef-35", "shared-decision-making"):
        assert criterion(found, name)["attest"] is False


def test_every_criterion_cites_a_paragraph_of_the_policy(
    judge: Judge, knowledge: Knowledge
) -> None:
    paragraphs = knowledge.library.versions[0].paragraphs
    found = judge([order()], b3_chart())[0]
    every = [c for i in found["indications"] for c in i["criteria"]] + found["always"]
    assert {c["citation"] for c in every} <= set(paragraphs)
    assert found["order"]["serviceDate"] == DOS


def test_answer_does_not_depend_on_how_many_days_were_asked_before(judge: Judge) -> None:
    first = date.fromisoformat(DOS)
    chart = b3_chart()
    before = judge([order()], chart)
    for start in range(0, 1100, 100):
        days = [(first + timedelta(days=start + n)).isoformat() for n in range(100)]
        many = [order(day=day, id=f"order-{day}") for day in days]
        assert {d["status"] for d in judge(many, chart)} == {"covered"}
    assert judge([order()], chart) == before


@pytest.mark.parametrize("day", ["14.01.2027", "2027-1-14", "2027-02-30"])
def test_order_date_that_cannot_be_read_is_told(day: str, judge: Judge) -> None:
    found = judge([order(day=day)], b3_chart())[0]
    assert found["order"]["serviceDateBasis"] == "today"
    told = finding(found, "order-partly-unread")
    assert (told["severity"], "occurrenceDateTime" in told["text"]) == ("warning", True)


def test_start_of_an_order_that_cannot_be_read_is_told(judge: Judge) -> None:
    found = judge([order(day=None, occurrencePeriod={"start": "soon"})], b3_chart())[0]
    assert "occurrencePeriod" in finding(found, "order-partly-unread")["text"]


def test_missing_order_date_is_no_unread_part(judge: Judge) -> None:
    assert "order-partly-unread" not in codes(judge([order(day=None)], b3_chart())[0])


_MI_SNOMED, _OLD_MI_SNOMED = "22298006", "399211009"


def _after_infarction(*days: int) -> list[Json]:
    """Heart failure and an infarction so many days ago; with two, first the history record's."""
    event = [date.fromisoformat(DOS) - timedelta(d) for d in days]
    records = [condition(_MI_SNOMED, event[-1].isoformat(), system="snomed", id="event")]
    if len(days) > 1:
        history = condition(_OLD_MI_SNOMED, event[0].isoformat(), system="snomed", id="a-history")
        records.append(history)
    return [patient(), *records, *weak_heart(28)]


@pytest.mark.parametrize("days", [(28,), (20, 20)])
def test_no_old_infarction_code_within_four_weeks(days: tuple[int, ...], judge: Judge) -> None:
    # Rule 6: before day 29 I25.2 cannot honestly be reported.
    found = judge([order()], _after_infarction(*days))[0]
    assert "i25.2-not-yet-valid" in codes(found)
    assert "needs-icd10-code" not in codes(found)


@pytest.mark.parametrize("days", [(29,), (400, 20)])
def test_old_infarction_code_is_asked_for_after_four_weeks(
    days: tuple[int, ...],
    judge: Judge,
) -> None:
    found = judge([order()], _after_infarction(*days))[0]
    assert finding(found, "needs-icd10-code")["text"].endswith("the ICD-10-CM code: I25.2.")


def test_record_of_the_infarction_itself_speaks_for_its_day(judge: Judge) -> None:
    found = judge([order()], _after_infarction(20, 20))[0]
    (evidence,) = finding(found, "waiting-period-open")["evidence"]
    assert evidence["reference"] == "Condition/event"


def _summaries(answer: Answer, chart: list[Json]) -> list[str]:
    return [c.summary for c in answer(sign([order()], by_keys(chart))).cards]


_RECENT = (date.fromisoformat(DOS) - timedelta(10)).isoformat()


def test_headline_names_the_open_indication_without_waiting_period(
    answer: Answer,
) -> None:
    # An arrest on the day of the infarction: B1 is open, and would make the window needless.
    event = [condition("I21.4", _RECENT), condition("I49.01", _RECENT)]
    cards = answer(sign([order()], by_keys([*b3_chart(), *event]))).cards
    assert "waiting period unless B1 is met" in cards[0].summary
    assert any("No waiting period binds under B1" in (c.detail or "") for c in cards)
    assert not any("pacing" in c.summary for c in cards)


def test_headline_names_pacing_where_there_is_a_reason_for_it(
    answer: Answer,
) -> None:
    event = [condition("I21.4", _RECENT), condition("I44.2", "2026-01-05")]
    first = _summaries(answer, [*b3_chart(), *event])[0]
    assert "unless pacing is indicated too" in first


def test_last_day_of_a_waiting_period_is_one_day(
    answer: Answer,
) -> None:
    day = (date.fromisoformat(DOS) - timedelta(40)).isoformat()
    chart = [*b3_chart(), condition("I21.4", day)]
    cards = answer(sign([order()], by_keys(chart))).cards
    assert any("lies 1 day before" in (c.detail or "") for c in cards)


def test_value_of_the_wrong_type_is_told_in_plain_words(judge: Judge) -> None:
    reading = lvef(None, valueQuantity={"value": "32", "unit": "%"}, id="text")
    found = judge([order()], [patient(), condition("I25.5"), reading])[0]
    told = finding(found, "record-incomplete")["text"]
    assert "Observation/text: valueQuantity.value: a text does not belong there" in told


def test_readings_beside_one_that_cannot_be_read_settle_nothing(judge: Judge) -> None:
    broken = lvef(None, valueQuantity={"value": "32", "unit": "%"}, id="text")
    whole, partial = (judge([order()], [*b3_chart(), *more])[0] for more in ([], [broken]))
    for name in ("lvef-35", "nyha-ii-iii"):
        truths = [
            criterion["truth"]
            for found in (whole, partial)
            for one in found["indications"]
            for criterion in one["criteria"]
            if one["id"] == "B3" and criterion["id"] == name
        ]
        assert truths == ["met", "unknown"], name


def test_exchange_without_replacement_code_asks_for_it_once(
    answer: Answer,
) -> None:
    cards = answer(sign([order("33262")], by_keys([patient(), visit()]))).cards
    (checklist,) = (c.detail for c in cards if c.source.topic.code == "clinical-reminder")
    assert "Document the diagnosis that the implant rests on" not in checklist


def test_vt_that_its_own_words_call_non_sustained_is_no_episode(judge: Judge) -> None:
    def status(text: str) -> str:
        vt = condition("I47.29", "2026-02-01", code={**concept("I47.29", "icd10cm"), "text": text})
        found = judge([order()], [patient(), vt, lvef(28)])[0]
        assert any(i["id"] == "B1" and i["candidate"] for i in found["indications"])
        return str(found["status"])

    assert status("Ventricular tachycardia") == "covered"
    for text in ("Nonsustained VT", "NSVT on monitor", "VT, non-sustained"):
        assert status(text) == "conditional"


@pytest.mark.parametrize(
    ("performed", "day", "longer", "status"),
    [
        # From 1 February three months end on 1 May, 90 days on 2 May.
        ("2026-02-01", "2026-05-02", False, "covered"),
        ("2026-02-01", "2026-05-02", True, "not-covered"),
        # From 20 August three months are 92 days, and are not cut short.
        ("2026-08-20", "2026-11-20", False, "not-covered"),
        ("2026-08-20", "2026-11-20", True, "not-covered"),
        ("2026-08-20", "2026-11-21", True, "covered"),
    ],
)
def test_longer_reading_of_three_months_binds_where_it_is_asked_for(
    *, performed: str, day: str, longer: bool, status: str, knowledge: Knowledge
) -> None:
    chart = [
        *(patient(), condition("I25.5", "2024-01-10"), condition("I50.22", "2024-01-10")),
        *(lvef(30, "2026-04-01"), nyha(2, "2026-04-01"), visit("2026-04-05")),
        procedure("33533", performed),
    ]
    body = decode_request(sign([order(day=day)], by_keys(chart)), knowledge.index)
    today = date.fromisoformat(day)
    found = Evaluator(knowledge).evaluate(body, today, longer_reading=longer).determinations[0]
    assert found.status == status
