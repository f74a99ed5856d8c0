"""Prefetch: absent, empty, failed, partial and foreign data are told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from live_server import (
    KEYS,
    NEEDED,
    Json,
    bundle,
    concept,
    condition,
    covered_chart,
    gaps_of,
    issue_of,
    lvef,
    nyha,
    order,
    patient,
    prefetch_of,
    sign,
    visit,
)

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
SNOMED = "http://snomed.info/sct"
FAILURE: Json = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "search failed"}],
}
WARNING: Json = {
    "search": {"mode": "outcome"},
    "resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]},
}


def stent(**more: object) -> Json:
    """A stent ten days before the service date: the waiting period is open."""
    return {
        "resourceType": "Procedure",
        "id": "stent",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "code": concept("415070008", SNOMED),
        "performedDateTime": "2026-11-10",
    } | more


def _with(key: str, value: object, chart: list[Json] | None = None) -> Json:
    request = sign(chart=covered_chart() if chart is None else chart)
    request["prefetch"][key] = value
    return request


def _not_fetched(found: Json) -> list[str]:
    return [g["ask"] for g in gaps_of(found) if g["kind"] == "not-fetched"]


# ------------------------------------------------------------------------ looked, and found nothing


@pytest.mark.parametrize(
    "empty",
    [None, bundle(), bundle(total=0), bundle(entry=[])],
    ids=["null", "without entry", "total 0", "empty entry"],
)
def test_a_key_that_was_looked_up_and_is_empty_leaves_no_gap(live: Live, empty: object) -> None:
    found = live.determination(_with("procedures", empty))
    assert found["status"] == "covered"
    assert _not_fetched(found) == []


def test_a_bundle_with_all_of_its_total_is_complete(live: Live) -> None:
    chart = [r for r in covered_chart() if r["resourceType"] != "Condition"]
    conditions = [r for r in covered_chart() if r["resourceType"] == "Condition"]
    request = _with("conditions", bundle(*conditions, total=2), chart)
    assert live.determination(request)["status"] == "covered"


def test_warnings_of_the_server_and_included_resources_are_no_failure(live: Live) -> None:
    value = bundle(total=0, entry=[WARNING])
    value["entry"].append({"search": {"mode": "include"}, "resource": patient()})
    assert live.determination(_with("procedures", value))["status"] == "covered"


# ------------------------------------------------------------------------- looked, and not all came


@pytest.mark.parametrize("key", NEEDED)
def test_a_needed_key_that_is_absent_is_a_gap(live: Live, key: str) -> None:
    chart = [r for r in covered_chart() if KEYS[r["resourceType"]] != key]
    request = sign(chart=[*chart, condition("I42.0", "c-dilated")])
    del request["prefetch"][key]
    response = live.send(request)
    assert response.status_code == 200
    found = live.determination(request)
    assert "B3" not in found["indicationsMet"] or key in {"devices", "medicationRequests"}
    assert _not_fetched(found) or "record-incomplete" in {f["code"] for f in found["findings"]}


PARTIAL = {
    "OperationOutcome": FAILURE,
    "Bundle with an error": bundle(FAILURE),
    "Bundle with an error among its hints": bundle(
        entry=[{"search": {"mode": "outcome"}, "resource": FAILURE}],
    ),
    "next page": bundle(link=[{"relation": "next", "url": "https://ehr.example.org/fhir?p=2"}]),
    "total above the entries": bundle(total=179),
}


@pytest.mark.parametrize("partial", PARTIAL.values(), ids=PARTIAL)
@pytest.mark.parametrize("key", ["conditions", "procedures", "observations"])
def test_what_failed_or_is_only_the_first_page_is_a_gap_and_never_covered(
    live: Live,
    key: str,
    partial: Json,
) -> None:
    # What the chart holds comes under a key of the client's own; the service's key is partial.
    request = _with("everythingElse", bundle(*covered_chart()), [])
    request["prefetch"][key] = partial
    found = live.determination(request)
    assert found["status"] == "conditional"
    assert found["indicationsMet"] == []
    assert _not_fetched(found)


def test_a_next_page_behind_a_full_looking_first_page_keeps_conditions_open(live: Live) -> None:
    conditions = [r for r in covered_chart() if r["resourceType"] == "Condition"]
    rest = [r for r in covered_chart() if r["resourceType"] != "Condition"]
    page = bundle(*conditions, link=[{"relation": "self", "url": "x"}, {"relation": "next"}])
    found = live.determination(_with("conditions", page, rest))
    assert found["status"] == "conditional"
    assert _not_fetched(found)
    assert live.cards(_with("conditions", page, rest))


def test_a_visit_on_a_first_page_is_a_visit(live: Live) -> None:
    rest = [r for r in covered_chart() if r["resourceType"] != "Encounter"]
    found = live.determination(_with("encounters", bundle(visit(), total=40), rest))
    assert found["status"] == "covered"


def test_a_partial_key_of_the_clients_own_name_is_a_gap_too(live: Live) -> None:
    rest = [r for r in covered_chart() if r["resourceType"] != "Condition"]
    conditions = [r for r in covered_chart() if r["resourceType"] == "Condition"]
    request = _with("problemList", bundle(*conditions, total=40), rest)
    found = live.determination(request)
    assert found["status"] == "conditional"
    assert _not_fetched(found)


@pytest.mark.parametrize("key", ["everything", "patient"])
def test_the_first_page_of_a_whole_chart_answers_no_need_in_full(live: Live, key: str) -> None:
    # Procedures may stand on the second page, also where the first has none.
    first = covered_chart()
    if key == "patient":
        first.append(stent(performedDateTime="2010-01-01"))
    link = [{"relation": "next", "url": "https://ehr.example.org/fhir/Patient/p1/$everything?p=2"}]
    request = sign()
    request["prefetch"] = {key: bundle(*first, link=link)}
    found = live.determination(request)
    assert found["status"] == "conditional"
    assert any("procedures" in ask for ask in _not_fetched(found))


def test_a_failure_that_cannot_be_read_is_a_failure(live: Live) -> None:
    value = bundle(entry=[{"resource": FAILURE | {"id": 5}}])
    assert live.determination(_with("procedures", value))["status"] == "conditional"


@pytest.mark.parametrize("chart", [[], [patient()]], ids=["nothing", "only the patient"])
@pytest.mark.parametrize(
    "missing", [None, FAILURE, bundle(total=9)], ids=["null", "failed", "part"]
)
def test_no_evidence_is_never_covered(
    live: Live,
    chart: list[Json],
    missing: Json | None,
) -> None:
    request = sign(chart=chart)
    request["prefetch"] = {key: missing for key in KEYS.values() if key != "patient"}
    assert live.send(request).status_code == 200
    assert live.determination(request)["status"] == "conditional"
    assert live.cards(request)


# ---------------------------------------------------------------------------------------------- 412


@pytest.mark.parametrize(
    "prefetch",
    [None, {}, {"patient": patient()}, {"practitioner": {"resourceType": "Practitioner"}}],
    ids=["null", "empty", "only the patient", "nothing of use"],
)
def test_nothing_usable_is_412_with_the_missing_keys(live: Live, prefetch: Json | None) -> None:
    response = live.send(sign(prefetch=prefetch))
    assert response.status_code == 412
    for key in NEEDED:
        assert key in issue_of(response)["diagnostics"]


def test_no_prefetch_member_at_all_is_412(live: Live) -> None:
    request = sign()
    del request["prefetch"]
    assert live.send(request).status_code == 412


@pytest.mark.parametrize("key", NEEDED)
@pytest.mark.parametrize("value", [None, bundle()], ids=["null", "empty Bundle"])
def test_one_usable_key_is_enough_for_an_answer(live: Live, key: str, value: Json | None) -> None:
    response = live.send(sign(prefetch={key: value}))
    assert response.status_code == 200
    assert response.json()["cards"]


def test_keys_that_all_failed_are_answered_with_gaps(live: Live) -> None:
    request = sign(prefetch=dict.fromkeys(NEEDED, FAILURE))
    assert live.send(request).status_code == 200
    assert _not_fetched(live.determination(request))


def test_an_order_that_is_not_ours_needs_no_prefetch(live: Live) -> None:
    assert live.cards(sign(order("93306"), prefetch={})) == []


# ----------------------------------------------------------------------- whose, and under which key


def test_resources_of_another_patient_are_dropped_and_counted(live: Live) -> None:
    theirs = [r | {"subject": {"reference": "Patient/p2"}} for r in covered_chart()[1:]]
    found = live.determination(sign(chart=[patient(), *theirs]))
    assert found["status"] == "conditional"
    told = [f for f in found["findings"] if f["code"] == "other-patient-ignored"]
    assert [f["text"].split()[0] for f in told] == [str(len(theirs))]


def test_anothers_infarction_does_not_count(live: Live) -> None:
    theirs = stent(subject={"reference": "Patient/p2"})
    assert live.determination(sign(chart=[*covered_chart(), theirs]))["status"] == "covered"
    ours = stent()
    assert live.determination(sign(chart=[*covered_chart(), ours]))["status"] == "not-covered"


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "https://ehr.example.org/fhir/Patient/p1",
        "https://ehr.example.org/fhir/Patient/p1/_history/3",
    ],
)
def test_the_patient_is_recognised_in_every_form_of_reference(live: Live, reference: str) -> None:
    theirs = stent(subject={"reference": reference})
    assert live.determination(sign(chart=[*covered_chart(), theirs]))["status"] == "not-covered"


def test_any_key_may_carry_any_type(live: Live) -> None:
    request = sign(chart=[])
    request["prefetch"] |= {
        "devices": bundle(condition("I25.5", "c1"), nyha()),
        "com.example.mixed": bundle(condition("I50.22", "c2"), lvef(32), visit()),
    }
    assert live.determination(request)["status"] == "covered"


def test_a_single_resource_may_stand_where_a_bundle_is_expected(live: Live) -> None:
    chart = [r for r in covered_chart() if r["resourceType"] != "Encounter"]
    request = _with("encounters", visit(), chart)
    assert live.determination(request)["status"] == "covered"


def test_a_whole_chart_under_one_key_answers_every_need(live: Live) -> None:
    request = sign(prefetch={"everything": bundle(*covered_chart())})
    assert live.determination(request)["status"] == "covered"


def test_keys_that_were_not_asked_for_change_nothing(live: Live) -> None:
    request = sign(chart=covered_chart())
    request["prefetch"] |= {"practitioners": bundle(), "com.example.other": None}
    assert live.determination(request)["status"] == "covered"


def test_contradicting_copies_of_a_record_do_not_hide_the_open_window(live: Live) -> None:
    request = sign(chart=covered_chart())
    request["prefetch"]["history"] = bundle(stent())
    assert live.determination(request)["status"] == "not-covered"


def test_every_key_of_discovery_is_understood(live: Live) -> None:
    (service, *_) = live.get("/cds-services").json()["services"]
    assert set(prefetch_of(patient())) == set(service["prefetch"])


def test_where_the_conditions_were_not_seen_that_is_told_before_that_none_was_found(
    live: Live,
) -> None:
    rest = [r for r in covered_chart() if r["resourceType"] != "Condition"]
    request = sign(chart=rest)
    del request["prefetch"]["conditions"]
    verdict = live.cards(request)[0]
    assert "the incomplete record" in verdict["summary"]
    detail = verdict["detail"]
    assert detail.index("record is incomplete") < detail.index("No diagnosis")
    seen = live.cards(sign(chart=rest))[0]
    assert "incomplete record" not in seen["summary"]
