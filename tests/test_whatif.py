"""Changes of a chart: as text for a link, as they are made, in words, and what they flip."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.content import load
from defib_coverage.coverage.dates import parse_span
from defib_coverage.coverage.determine import determine
from defib_coverage.errors import RequestError
from defib_coverage.whatif.changes import (
    AddDiagnosis,
    Change,
    HaveDevice,
    HoldVisit,
    MoveEvent,
    RemoveDiagnosis,
    SetClass,
    SetLvef,
    SetOrder,
    SetServiceDate,
    TakeDrug,
    apply,
    merged,
)
from defib_coverage.whatif.days import last_day_before
from defib_coverage.whatif.flips import compare
from defib_coverage.whatif.grammar import (
    LONGEST_TEXT,
    MOST_CHANGES,
    drug_classes,
    format_changes,
    modalities,
    parse_changes,
    professions,
)
from defib_coverage.whatif.telling import tell
from fhir_builders import b4_chart, condition, lvef, nyha, order, procedure, visit
from whatif_asked import asked_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from fhir_builders import Json

INDEX = load().knowledge().index
WITH_TOOL = (
    "Shared decision-making visit on 2026-11-02 held by doctor of medicine, "
    "with an evidence-based tool"
)
EVERY_KEY = (
    "add=I50.22;add=I25.2@2019-01-01;remove=I50.9;move=Condition/mi-1@2026-08-01;"
    "lvef=28,echo@2026-11-01;lvef=32.5;nyha=2@2026-11-01;nyha=3;sdm=MD@2026-11-02;"
    "sdm=RN,no-tool;drug=gdmt-raas@2026-05-01;device=defibrillator;date=2027-01-03;order=33262"
)
_days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
_codes = st.sampled_from(["I50.22", "I25.2", "I5A", "T82.110A", "Z86.74"])
_changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(AddDiagnosis, _codes, st.none() | _days),
    st.builds(RemoveDiagnosis, _codes),
    st.builds(MoveEvent, st.sampled_from(["Condition/c-1", "Procedure/P.2"]), _days),
    st.builds(
        SetLvef,
        st.integers(11, 1000).map(lambda n: n / 10),
        st.none() | st.sampled_from(sorted(modalities(INDEX))),
        st.none() | _days,
    ),
    st.builds(SetClass, st.integers(1, 4), st.none() | _days),
    st.builds(
        HoldVisit, st.sampled_from(sorted(professions(INDEX))), st.booleans(), st.none() | _days
    ),
    st.builds(TakeDrug, st.sampled_from(sorted(drug_classes(INDEX))), _days),
    st.builds(HaveDevice),
    st.builds(SetServiceDate, _days),
    st.builds(SetOrder, st.sampled_from(["33249", "C1722", "0JH608Z"])),
)


@given(st.lists(_changes, max_size=10))
def test_text_says_the_changes_and_nothing_else(made: list[Change]) -> None:
    assert parse_changes(format_changes(made), INDEX) == tuple(made)


def test_every_kind_of_change_has_its_text() -> None:
    assert format_changes(parse_changes(EVERY_KEY, INDEX)) == EVERY_KEY


def test_spelling_of_codes_and_white_space_do_not_matter() -> None:
    assert parse_changes(" add=i5022 ; ; order=g0448 ", INDEX) == (
        AddDiagnosis("I50.22"),
        SetOrder("G0448"),
    )


def test_empty_text_is_no_change() -> None:
    assert parse_changes("", INDEX) == ()
    assert format_changes(()) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nyha", "change 1 is none that is known; they are add, remove, move, lvef, nyha, sdm"),
        ("nyha=2;color=red", "change 2 is none that is known"),
        ("nyha=5", r"change 1 \(nyha\): the NYHA class must be 1, 2, 3 or 4"),
        ("lvef=abc", r"change 1 \(lvef\): the LVEF must be a number of per cent above 1"),
        ("lvef=0.28", "per cent above 1"),
        ("lvef=101", "per cent above 1"),
        ("lvef=\u0662\u0668", "per cent above 1"),
        ("lvef=28,guess", "the method must be one of echo"),
        ("lvef=28@2026-13-01", "the day must be a date such as 2026-11-01, from 1900 to 2100"),
        ("lvef=28@", "the day must be a date"),
        ("lvef=28@20261101", "the day must be a date"),
        ("date=1066-10-14", "from 1900 to 2100"),
        ("date=2026-11-01@2026-11-01", "it takes no day"),
        ("add=heart", "it must be an ICD-10-CM code, as in I50.22"),
        ("add=<script>", "it must be an ICD-10-CM code"),
        ("remove=I50.22@2026-01-01", "it takes no day"),
        ("move=Condition/c1", "it needs its day, as in @2026-11-01"),
        ("move=Condition/../x@2026-01-01", "it must name a record of the chart"),
        ("drug=aspirin@2026-01-01", "the drug class must be one of gdmt-beta-blocker"),
        ("drug=gdmt-raas", "it needs its day"),
        ("sdm=chef", r"it must name who held the visit \(MD, DO, PA, NP, CNS, RN\)"),
        ("sdm=MD,tool", "then ,no-tool if so"),
        ("device=pacemaker", "the device must be defibrillator"),
        ("order=?", "the order code must be 5 to 18 letters and digits"),
        (";".join(["nyha=2"] * (MOST_CHANGES + 1)), "more than 20 changes"),
        ("x" * (LONGEST_TEXT + 1), "the changes are longer than 1000 characters"),
    ],
)
def test_text_that_is_none_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(RequestError, match=told) as refused:
        parse_changes(text, INDEX)
    assert (refused.value.status, refused.value.place) == (400, "changes")


@given(st.text(max_size=80))
def test_any_text_is_changes_or_refused(text: str) -> None:
    try:
        made = parse_changes(text, INDEX)
    except RequestError:
        return
    assert parse_changes(format_changes(made), INDEX) == made


def judged(
    knowledge: Knowledge, changes: str, resources: Sequence[Json], code: str = "33249"
) -> Determination:
    """The determination of one order with changes made."""
    asked = asked_of(knowledge, [order(code)], resources)
    made = parse_changes(changes, knowledge.index)
    orders, chart = apply(made, asked.orders, asked.chart, knowledge.index)
    return determine(orders, chart, knowledge, asked.terms)[0]


def b2(*more: Json, without: Sequence[str] = ()) -> list[Json]:
    full = {
        "mi": condition("I25.2", "2019-01-01", id="mi"),
        "hf": condition("I50.22", "2020-01-01", id="hf"),
        "lvef": lvef(28),
        "nyha": nyha(2),
        "visit": visit(),
    }
    return [*(one for name, one in full.items() if name not in without), *more]


@pytest.mark.parametrize(
    ("changes", "without", "status"),
    [
        ("", "", "covered"),
        ("add=I50.22", "hf", "covered"),
        ("add=I50.9", "hf", "conditional"),
        ("add=C34.90", "hf", "conditional"),
        ("remove=I50.22", "", "conditional"),
        ("remove=I50.22;add=I50.42", "", "covered"),
        ("lvef=28,echo@2026-11-10", "lvef", "covered"),
        ("lvef=28", "lvef", "covered"),
        ("lvef=31@2026-11-10", "", "not-covered"),
        ("lvef=31@2026-10-10", "", "covered"),
        ("lvef=31", "", "not-covered"),
        ("lvef=28,ct@2026-11-10", "lvef", "conditional"),
        ("lvef=28@2026-11-21", "lvef", "conditional"),
        ("nyha=3", "nyha", "covered"),
        ("nyha=4", "", "not-covered"),
        ("sdm=NP@2026-11-02", "visit", "covered"),
        ("sdm=RN@2026-11-02", "visit", "conditional"),
        ("sdm=MD,no-tool@2026-11-02", "visit", "conditional"),
        ("move=Condition/mi@2026-10-11", "", "not-covered"),
        ("move=Condition/mi@2026-10-10", "", "covered"),
        ("move=Condition/nobody@2026-11-01", "", "covered"),
        ("move=Condition/mi@2026-10-11;date=2026-11-21", "", "covered"),
        ("order=33262", "", "conditional"),
        ("order=33262;device=defibrillator;add=T82.111A", "", "covered"),
        ("order=93306", "", "not-applicable"),
        ("add=G93.82", "", "not-covered"),
    ],
)
def test_changed_chart_is_judged_by_the_same_rules(
    changes: str, without: str, status: str, knowledge: Knowledge
) -> None:
    assert judged(knowledge, changes, b2(without=[without])).status == status


def test_drug_since_a_day_counts_from_that_day(knowledge: Knowledge) -> None:
    chart = [r for r in b4_chart() if r["resourceType"] != "MedicationRequest"]
    both = "drug=gdmt-beta-blocker@2026-08-20;drug=gdmt-raas@2026-08-{}"
    assert judged(knowledge, "", chart).status == "conditional"
    assert judged(knowledge, both.format(20), chart).status == "covered"
    assert judged(knowledge, both.format(21), chart).status == "conditional"


def test_code_leaves_the_reasons_of_the_order_too(knowledge: Knowledge) -> None:
    reasons = [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.22"}]}]
    asked = asked_of(knowledge, [order(reasonCode=reasons)], b2(without=["hf"]))
    made = parse_changes("remove=I50.22", knowledge.index)
    for changes, status in (((), "covered"), (made, "conditional")):
        orders, chart = apply(changes, asked.orders, asked.chart, knowledge.index)
        assert determine(orders, chart, knowledge, asked.terms)[0].status == status


def test_chart_and_orders_given_stay_as_they_are(knowledge: Knowledge) -> None:
    asked = asked_of(knowledge, [order()], b2())
    hits = dict(asked.chart.hits)
    apply(parse_changes(EVERY_KEY, INDEX), asked.orders, asked.chart, knowledge.index)
    assert asked.chart.hits == hits
    assert asked.orders[0].code is not None
    assert asked.orders[0].code.code == "33249"


def test_date_set_wins_over_a_booked_day(knowledge: Knowledge) -> None:
    booked = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "booked",
        "start": "2026-12-01T08:00:00-05:00",
        "basedOn": [{"reference": "ServiceRequest/order-1"}],
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    }
    asked = asked_of(knowledge, [order(day=None)], [*b2(), booked])
    orders, chart = apply(
        parse_changes("date=2027-03-01", INDEX), asked.orders, asked.chart, knowledge.index
    )
    [found] = determine(orders, chart, knowledge, asked.terms)
    assert found.order.service_date == date(2027, 3, 1)


@given(_changes)
def test_every_change_is_told_with_what_to_document(change: Change) -> None:
    knowledge = load().knowledge()
    policy = knowledge.library.versions[-1]
    told = tell(change, knowledge.index, policy)
    assert told.what
    assert told.document.endswith(".")
    assert told.citation in policy.paragraphs


def test_code_that_no_rule_reads_is_told_as_such(knowledge: Knowledge) -> None:
    told = tell(AddDiagnosis("J45.909"), knowledge.index, knowledge.library.versions[-1])
    assert told.citation is None
    assert told.document.endswith("No rule of the policy reads this code.")


def test_words_of_changes(knowledge: Knowledge) -> None:
    policy = knowledge.library.versions[-1]
    told = [tell(c, knowledge.index, policy) for c in parse_changes(EVERY_KEY, knowledge.index)]
    assert [(t.what, t.citation) for t in told] == [
        ("I50.22 (Chronic systolic (congestive) heart failure) is on file", "P-B2-CODES"),
        ("I25.2 (Old myocardial infarction) is on file since 2019-01-01", "P-B2-CODES"),
        ("I50.9 (Heart failure, unspecified) is taken off the record", "P-B2-CODES"),
        ("Condition/mi-1 happened on 2026-08-01", "P-B2"),
        ("LVEF 28 % by echocardiography on 2026-11-01", "P-B2"),
        ("LVEF 32.5 %", "P-B2"),
        ("NYHA class II on 2026-11-01", "P-B2"),
        ("NYHA class III", "P-B2"),
        (
            WITH_TOOL,
            "P-B2-SDM",
        ),
        (
            "Shared decision-making visit held by registered nurse, without a tool that is named",
            "P-B2-SDM",
        ),
        ("ACE inhibitors, ARBs, ARNI taken since 2026-05-01", "P-B4"),
        ("A defibrillator is in place", "P-B6"),
        ("Service date 2027-01-03", "P-B2"),
        ("Order code 33262", "P-CPT"),
    ]


def test_flips_of_a_moved_date(knowledge: Knowledge) -> None:
    chart = b2(procedure("33533", "2026-10-01", id="bypass"))
    before, after = judged(knowledge, "", chart), judged(knowledge, "date=2027-01-02", chart)
    flips = {(f.kind, f.name): (f.before, f.after) for f in compare(before, after)}
    assert flips["status", "Status"] == ("not covered", "covered")
    assert flips["service-date", "Service date"] == ("2026-11-20", "2027-01-02")
    assert flips["first-day", "First eligible day"] == ("2027-01-02", "none")
    assert flips["indication", "B2, Prior infarction with LVEF of 30 % or less"] == (
        "not met",
        "met",
    )
    assert flips["criterion", "No bypass surgery in the past 3 months"] == ("not met", "met")
    assert flips["window", "Waiting period of CABG, Procedure/bypass"] == (
        "open to 2027-01-01",
        "closed",
    )
    assert {f.kind for f in compare(before, after)} >= {"finding"}


def test_flips_of_a_partner_code(knowledge: Knowledge) -> None:
    chart = b2(without=["hf"])
    flips = compare(judged(knowledge, "", chart), judged(knowledge, "add=I50.22", chart))
    told = [f.sentence for f in flips]
    assert told[0] == "Status: conditional → covered"
    assert "Second diagnosis beside I25.2: missing → not missing" in told


def test_flips_of_another_indication(knowledge: Knowledge) -> None:
    flips = compare(judged(knowledge, "", b2()), judged(knowledge, "add=Z86.74", b2()))
    told = [f.sentence for f in flips]
    assert "B1, Sustained VT or VF arrest in the history: no candidate → met" in told
    assert "Claim code for sustained VT or arrest (B1 list): not asked → met" in told


def test_nothing_flips_where_nothing_differs(knowledge: Knowledge) -> None:
    before = judged(knowledge, "", b2())
    assert compare(before, before) == ()
    assert compare(before, judged(knowledge, "add=J45.909", b2())) == ()


@given(text=st.sampled_from(["40 days", "3 months"]), day=_days, touching=st.booleans())
def test_last_day_before_is_the_last(text: str, day: date, *, touching: bool) -> None:
    length = parse_span(text)
    found = last_day_before(length, day, touching=touching)
    last = day if touching else date.fromordinal(day.toordinal() - 1)
    assert length.after(found) <= last
    assert length.after(date.fromordinal(found.toordinal() + 1)) > last


@pytest.mark.parametrize(
    ("length", "day", "before", "touching"),
    [
        ("40 days", "2026-11-20", "2026-10-10", "2026-10-11"),
        ("3 months", "2026-11-20", "2026-08-19", "2026-08-20"),
        # The last days of November all end on the last of February.
        ("3 months", "2027-03-01", "2026-11-30", "2026-12-01"),
        ("3 months", "2027-02-28", "2026-11-27", "2026-11-30"),
    ],
)
def test_last_day_before_at_the_ends_of_months(
    length: str, day: str, before: str, touching: str
) -> None:
    span, on = parse_span(length), date.fromisoformat(day)
    assert last_day_before(span, on, touching=False).isoformat() == before
    assert last_day_before(span, on, touching=True).isoformat() == touching


def test_more_changes_replace_what_they_contradict() -> None:
    before = parse_changes("nyha=2;date=2026-12-01;lvef=28", INDEX)
    more = parse_changes("date=2027-01-01;lvef=28;nyha=3", INDEX)
    assert format_changes(merged(before, more)) == "nyha=2;date=2027-01-01;lvef=28;nyha=3"


def test_call_without_orders_stays_without(knowledge: Knowledge) -> None:
    asked = asked_of(knowledge, [order()], b2())
    changes = parse_changes("order=33262;date=2027-01-01", INDEX)
    assert apply(changes, (), asked.chart, knowledge.index) == ((), asked.chart)


def test_every_change_that_the_document_shows_can_be_read() -> None:
    text = (Path(__file__).parents[1] / "docs/what-if.md").read_text()
    shown = re.findall(r"`([a-z]+=[^`]+)`", text)
    made = [change for one in shown for change in parse_changes(one, INDEX)]
    assert {type(change) for change in made} == set(get_args(Change))
    assert f"at most {MOST_CHANGES} changes in {LONGEST_TEXT} characters" in text
