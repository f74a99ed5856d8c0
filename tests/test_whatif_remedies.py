"""What would make an order covered: what is offered was judged, and nothing smaller would do."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defib_coverage.coverage.determine import determine
from defib_coverage.whatif.changes import (
    AddDiagnosis,
    HaveDevice,
    MoveEvent,
    SetClass,
    SetLvef,
    SetServiceDate,
    apply,
)
from defib_coverage.whatif.grammar import format_changes, parse_changes
from defib_coverage.whatif.paths import paths
from defib_coverage.whatif.remedies import MOST_SETS, Remedies, Remedy, remedies
from defib_coverage.whatif.trial import MOST_TRIALS, Asked, Trials
from fhir_builders import condition, lvef, nyha, order, procedure, sign, visit
from test_vignettes import EVERY, as_params, prefetch_of, today_of
from whatif_asked import ORDER, TODAY, asked_by, asked_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from random import Random

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.whatif.changes import Change
    from fhir_builders import Json

# What nothing documentable helps, by its case: a trial, a transplant list, brain death, shock.
BEYOND_HELP = {
    *("D-IDE", "D-BTT-MISSING", "O-BRIDGE-COMPLETE", "ADD-BRAINDEAD"),
    *("O-SHOCK", "O-SHOCK-SEPTIC", "O-SHOCK-B1", "O-VEGETATIVE", "NON-93306", "ORDX-33218"),
}


def of_vignette(knowledge: Knowledge, vignette: Json) -> Asked:
    body = sign(vignette["orders"], prefetch_of(vignette))
    return asked_by(knowledge, body, today_of(vignette), vignette["expect"]["order"])


def status_with(asked: Asked, changes: Iterable[Change]) -> str:
    """The order's status with changes made, judged anew."""
    orders, chart = apply(tuple(changes), asked.orders, asked.chart, asked.knowledge.index)
    found = determine(orders, chart, asked.knowledge, asked.terms)
    return next(d.status for d in found if d.order.reference == asked.reference)


def choices(remedy: Remedy) -> Iterator[tuple[Change, ...]]:
    """The set with each option of each fact, beside the first options of the others."""
    for place, fact in enumerate(remedy.facts):
        for option in fact.options:
            yield (*remedy.changes[:place], option, *remedy.changes[place + 1 :])


def texts(found: Remedies) -> list[str]:
    return [format_changes(remedy.changes) for remedy in found.sets]


@pytest.mark.parametrize("vignette", as_params(EVERY))
def test_offered_sets_give_the_status_and_no_part_of_them_does(
    vignette: Json, knowledge: Knowledge
) -> None:
    asked = of_vignette(knowledge, vignette)
    found = remedies(asked)
    assert found.status == vignette["expect"]["status"]
    assert found.trials <= MOST_TRIALS
    assert len(found.sets) <= MOST_SETS
    assert (found.target is None) == (not found.sets)
    for remedy in found.sets:
        assert status_with(asked, remedy.changes) == remedy.status == found.target
        for size in range(len(remedy.changes)):
            for part in combinations(remedy.changes, size):
                assert status_with(asked, part) != found.target
        for chosen in choices(remedy):
            assert status_with(asked, chosen) == found.target
            for part in combinations(chosen, len(chosen) - 1):
                assert status_with(asked, part) != found.target


def test_option_that_needs_fewer_facts_is_a_set_of_its_own(knowledge: Knowledge) -> None:
    found = remedies(asked_of(knowledge, [order()]))
    own = [r for r in found.sets if r.changes == (AddDiagnosis("Z45.02"),)]
    assert [fact.words for remedy in own for fact in remedy.facts] == [
        "if this diagnosis is confirmed and current"
    ]
    [pair] = [r for r in found.sets if HaveDevice() in r.changes]
    codes = [code for fact in pair.facts for code in fact.codes]
    assert "T82.110A" in codes
    assert "Z45.02" not in codes


def test_nyha_class_that_does_more_alone_is_not_among_those_that_need_company(
    knowledge: Knowledge,
) -> None:
    ischemic = condition("I25.5", "2019-01-01", id="icm")
    asked = asked_with(knowledge, ischemic, lvef(33, id="higher"), without=["lvef", "nyha"])
    readings = [
        (len(remedy.facts), fact.words.partition(",")[0], len(fact.options))
        for remedy in remedies(asked).sets
        for fact in remedy.facts
        if isinstance(fact.options[0], SetClass)
    ]
    assert readings == [
        (1, "if the NYHA class is II or III", 2),
        (2, "if the NYHA class is I", 1),
    ]


@pytest.mark.parametrize(
    "vignette", as_params([v for v in EVERY if v["expect"]["status"] != "covered"])
)
def test_where_nothing_is_offered_nothing_helps_and_the_reason_is_told(
    vignette: Json, knowledge: Knowledge
) -> None:
    asked = of_vignette(knowledge, vignette)
    found = remedies(asked)
    if found.sets:
        assert found.target == "covered"
        assert found.obstacles == ()
        return
    paragraphs = knowledge.library.versions[0].paragraphs
    assert found.obstacles
    for obstacle in found.obstacles:
        assert obstacle.citation in paragraphs
        assert obstacle.reasons
    trials = Trials(asked)
    for road in paths(trials.judged(()), trials):
        for fact in road.facts:
            for option in fact.options:
                assert status_with(asked, (option,)) == found.status
        every = tuple(fact.options[0] for fact in road.facts)
        assert status_with(asked, every) == found.status


@pytest.mark.parametrize(
    "vignette", as_params([v for v in EVERY if v["expect"]["status"] == "covered"])
)
def test_covered_order_needs_nothing(vignette: Json, knowledge: Knowledge) -> None:
    found = remedies(of_vignette(knowledge, vignette))
    assert found == Remedies("covered", None, (), (), 1)


@pytest.mark.parametrize("vignette", as_params([v for v in EVERY if v["id"] in BEYOND_HELP]))
def test_trials_transplant_lists_and_brain_death_are_beyond_help(
    vignette: Json, knowledge: Knowledge
) -> None:
    found = remedies(of_vignette(knowledge, vignette))
    assert found.sets == ()
    assert found.obstacles


def test_cases_beyond_help_are_there() -> None:
    assert {v["id"] for v in EVERY} >= BEYOND_HELP


@pytest.mark.parametrize("vignette", as_params(EVERY))
def test_offered_sets_can_be_said_in_a_link(vignette: Json, knowledge: Knowledge) -> None:
    for remedy in remedies(of_vignette(knowledge, vignette)).sets:
        text = format_changes(remedy.changes)
        assert parse_changes(text, knowledge.index) == remedy.changes


def chart(*more: Json, without: Sequence[str] = ()) -> list[Json]:
    """A chart that meets B2 on the service date, but for what it is made without."""
    full = {
        "mi": condition("I25.2", "2019-01-01"),
        "hf": condition("I50.22", "2020-01-01"),
        "lvef": lvef(28),
        "nyha": nyha(2),
        "visit": visit(),
    }
    return [*(one for name, one in full.items() if name not in without), *more]


def asked_with(knowledge: Knowledge, *more: Json, without: Sequence[str] = ()) -> Asked:
    return asked_of(knowledge, [order()], chart(*more, without=without))


def test_one_missing_fact_is_the_whole_answer(knowledge: Knowledge) -> None:
    found = remedies(asked_with(knowledge, without=["lvef"]))
    assert [remedy.changes for remedy in found.sets] == [(SetLvef(30.0, "echo", TODAY_OF_ORDER),)]
    [fact] = found.sets[0].facts
    assert fact.words == (
        "if the LVEF is 30 % or less, measured by echocardiography, radionuclide imaging, "
        "cardiac MRI or catheter angiography on or before 2026-11-20, and after any other"
    )
    assert fact.citation == "P-B2"
    assert len(fact.options) == 4


def test_what_the_chart_says_in_other_words_is_offered_alone(knowledge: Knowledge) -> None:
    snomed = condition("441481004", system="snomed")
    [remedy] = remedies(asked_with(knowledge, snomed, without=["hf"])).sets
    assert remedy.changes == (AddDiagnosis("I50.22"),)
    [fact] = remedy.facts
    assert fact.supported
    assert fact.words == "if what the chart says in other words is confirmed and coded beside it"
    assert fact.codes == ("I50.22",)


def test_partner_that_nothing_suggests_is_any_of_six(knowledge: Knowledge) -> None:
    [remedy] = remedies(asked_with(knowledge, without=["hf"])).sets
    [fact] = remedy.facts
    assert not fact.supported
    assert fact.words == "if one of these diagnoses is confirmed and current beside it"
    assert fact.codes == ("I50.21", "I50.22", "I50.23", "I50.41", "I50.42", "I50.43")


def test_open_window_is_waited_out(knowledge: Knowledge) -> None:
    bypass = procedure("33533", "2026-10-01")
    found = remedies(asked_with(knowledge, bypass))
    assert texts(found) == ["date=2027-01-02"]
    assert found.sets[0].facts[0].words == "if the procedure is on 2027-01-02"


def test_exact_day_of_a_month_may_settle_it_at_once(knowledge: Knowledge) -> None:
    bypass = procedure("33533", "2026-08", id="bypass")
    found = remedies(asked_with(knowledge, bypass))
    assert texts(found) == ["move=Procedure/bypass@2026-08-19", "date=2026-12-01"]


def test_exact_day_outside_the_recorded_month_is_not_offered(knowledge: Knowledge) -> None:
    bypass = procedure("33533", "2026-10", id="bypass")
    assert texts(remedies(asked_with(knowledge, bypass))) == ["date=2027-02-01"]


def test_no_set_lets_an_event_vanish_into_the_future(knowledge: Knowledge) -> None:
    asked = asked_with(knowledge, procedure("33533", "2026", id="bypass"))
    for remedy in remedies(asked).sets:
        days = [c.day for c in remedy.changes if isinstance(c, SetServiceDate)]
        last = days[0] if days else TODAY_OF_ORDER
        assert all(c.day < last for c in remedy.changes if isinstance(c, MoveEvent))


def test_wait_that_leaves_a_question_to_a_person_reaches_conditional(
    knowledge: Knowledge,
) -> None:
    bypass = procedure("33533", "2026-10-01")
    found = remedies(asked_with(knowledge, bypass, condition("C78.7")))
    assert (found.status, found.target) == ("not-covered", "conditional")
    assert texts(found) == ["date=2027-01-02"]
    assert [o.citation for o in found.obstacles] == ["P-ADD3"]


def test_small_sets_stand_before_large_ones(knowledge: Knowledge) -> None:
    found = remedies(asked_of(knowledge, [order()]))
    sizes = [len(r.facts) for r in found.sets if r.met != ("B6",)]
    assert sizes == sorted(sizes)


def test_exchange_of_a_device_that_nothing_speaks_of_comes_last(knowledge: Knowledge) -> None:
    found = remedies(asked_of(knowledge, [order()]))
    exchange = [remedy.met == ("B6",) for remedy in found.sets]
    assert exchange == sorted(exchange)
    assert exchange[-1]
    replaced = remedies(asked_of(knowledge, [order("33262")]))
    assert replaced.sets[0].met == ("B6",)
    in_place = remedies(asked_of(knowledge, [order()], [condition("Z95.810")]))
    assert in_place.sets[0].met == ("B6",)


@pytest.mark.parametrize("vignette", as_params(EVERY))
def test_paragraph_of_a_fact_is_never_that_of_another_indication(
    vignette: Json, knowledge: Knowledge
) -> None:
    trials = Trials(of_vignette(knowledge, vignette))
    rules = knowledge.library.versions[0].indications
    for road in paths(trials.judged(()), trials):
        others = [rule.cite for name, rule in rules.items() if name != road.indication]
        for fact in road.facts:
            assert not any(f"{fact.citation}-".startswith(f"{cite}-") for cite in others)


def test_shared_criterion_cites_the_part_of_the_indication_sought(knowledge: Knowledge) -> None:
    chart = [
        condition("I25.5", "2019-01-01"),
        condition("I50.22"),
        procedure("33533", "2026-10-01"),
    ]
    [remedy] = remedies(asked_of(knowledge, [order()], chart)).sets
    assert [fact.citation for fact in remedy.facts] == ["P-B3", "P-B3", "P-B3", "P-B3-SDM"]


def test_lead_beside_an_implant_is_helped_by_what_helps_the_implant(knowledge: Knowledge) -> None:
    orders = [order(), order("33225", id="lead")]
    lead = asked_of(knowledge, orders, chart(without=["nyha"]), reference="ServiceRequest/lead")
    implant = asked_of(knowledge, orders, chart(without=["nyha"]), reference=ORDER)
    assert remedies(lead) == remedies(implant)
    assert texts(remedies(lead))[0].startswith("nyha=")


def test_order_that_is_not_there_is_refused(knowledge: Knowledge) -> None:
    with pytest.raises(LookupError, match="no order of that reference"):
        remedies(asked_of(knowledge, [order()], reference="ServiceRequest/nobody"))


SINGLE = [v for v in EVERY if len(v["orders"]) == 1 and "failed" not in v]


@given(st.lists(st.sampled_from(SINGLE), min_size=2, max_size=3), st.randoms())
@settings(max_examples=200)
def test_charts_put_together_from_several_cases(
    knowledge: Knowledge, cases: list[Json], random: Random
) -> None:
    resources = [
        {**resource, "id": f"{resource['id']}-{place}"}
        for place, vignette in enumerate(cases)
        for resource in vignette["resources"]
        if resource["resourceType"] not in {"Patient", "Coverage"} and random.random() < 0.75
    ]
    reference = cases[0]["expect"]["order"]
    asked = asked_of(knowledge, cases[0]["orders"], resources, reference)
    found = remedies(asked)
    for remedy in found.sets:
        assert status_with(asked, remedy.changes) == found.target
        for size in range(len(remedy.changes)):
            for part in combinations(remedy.changes, size):
                assert status_with(asked, part) != found.target
        for chosen in choices(remedy):
            assert status_with(asked, chosen) == found.target
            for part in combinations(chosen, len(chosen) - 1):
                assert status_with(asked, part) != found.target
    if not found.sets and found.status != "covered":
        assert found.obstacles
        trials = Trials(asked)
        for road in paths(trials.judged(()), trials):
            assert status_with(asked, [fact.options[0] for fact in road.facts]) == found.status


def test_code_that_cannot_be_reported_yet_is_not_offered(knowledge: Knowledge) -> None:
    acute = condition("I21.4", "2026-11-10", id="acute")
    lead = asked_of(knowledge, [order("33217")], [acute, condition("Z95.810")])
    for remedy in remedies(lead).sets:
        assert all(getattr(change, "code", "") != "I25.2" for change in remedy.changes)
    implant = asked_with(knowledge, acute, without=["mi"])
    # Once it can be, it is the code of that very infarction.
    assert texts(remedies(implant)) == ["date=2026-12-21;add=I25.2@2026-11-10"]


def test_another_episode_is_asked_for_on_a_day_of_its_own(knowledge: Knowledge) -> None:
    chart = [condition("I49.01", "2026-11-02"), condition("E87.6", "2026-11-02"), lvef(50)]
    [remedy] = remedies(asked_of(knowledge, [order()], chart)).sets
    [fact] = remedy.facts
    assert fact.words == (
        "if there was another episode, free of that cause: one of these diagnoses, "
        "for example on 2025-11-20"
    )


def test_many_undated_events_are_not_looked_up_one_by_one(knowledge: Knowledge) -> None:
    many = [condition("I21.4", None) for _ in range(2000)]
    found = remedies(asked_with(knowledge, *many))
    assert found.sets == ()
    assert found.trials < 20
    assert [o.citation for o in found.obstacles] == ["P-B2"]


def test_large_chart_costs_no_more_trials(knowledge: Knowledge) -> None:
    many = [
        condition("I21.4", f"2026-{month:02}-{day:02}") for month in (8, 9) for day in range(1, 29)
    ]
    found = remedies(asked_with(knowledge, *many, without=["lvef", "nyha", "visit", "hf"]))
    assert found.trials <= MOST_TRIALS
    assert found.sets


TODAY_OF_ORDER = TODAY.replace(day=20)
