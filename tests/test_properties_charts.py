"""What holds of every chart: more certainty never turns an answer, order and noise never matter.

Charts are drawn from everything that bears on the policy, at any day up to the service date, and go
through FHIR like any other call.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from answers import answer_to
from defib_coverage.content import load
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from fhir_builders import (
    Json,
    by_keys,
    condition,
    device,
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
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from defib_coverage.coverage.determination import Determination

DOS = date(2026, 11, 20)
KNOWLEDGE = load().knowledge()
EVALUATOR = Evaluator(KNOWLEDGE)
BOUNDED = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
THOROUGH = settings(BOUNDED, max_examples=500)

DIAGNOSES = (
    *("I46.2", "I47.20", "I47.2", "I49.01", "I49.3", "Z86.74", "I25.2", "I25.5", "I42.0", "I42.2"),
    *("I45.6", "Z45.02", "T82.111A", "T82.110D", "Z95.810", "I50.22", "I50.21", "I50.9", "I11.0"),
    *("I21.4", "I21.A1", "I22.0", "Z95.1", "Z95.5", "E87.6", "I20.0", "I44.2", "R57.0", "T81.11XA"),
    *("G93.1", "R40.3", "N18.6", "C78.7", "I48.21", "Z76.82", "I50.84", "Z00.6", "I42.9", "I46.8"),
)
FOUND_IN_SNOMED = (
    *("71908006", "426525004", "399211009", "22298006", "401303003", "472100003", "399020009"),
    *("441481004", "42343007", "443325000", "120041000119109", "420300004", "422293003"),
)
DONE = (
    *(("cpt", "33533"), ("cpt", "92928"), ("cpt", "33530"), ("cpt", "92953"), ("cpt", "92950")),
    *(("cpt", "33249"), ("cpt", "33241"), ("cpt", "93306"), ("cpt", "93454"), ("cpt", "93283")),
    *(("snomed", "232717009"), ("hcpcs", "A0392"), ("icd10pcs", "027034Z")),
)
DRUGS = ("20352", "6918", "29046", "5470", "6058", "905377")


class Item(msgspec.Struct, frozen=True):
    """One record of a chart, before it is FHIR."""

    kind: Literal["condition", "procedure", "lvef", "nyha", "rate", "drug", "visit", "device"]
    day: date
    system: str = "icd10cm"
    code: str = ""
    status: str | None = None
    verification: str | None = None
    value: float = 0
    recorded: bool = False
    dated: bool = True


def to_fhir(item: Item, number: int, text: str | None = None) -> Json:
    """The record as a resource; ``text`` is its date in another precision."""
    day: str | None = item.day.isoformat() if text is None else text
    if not item.dated:
        day = None
    match item.kind:
        case "condition":
            made = condition(
                item.code,
                day,
                system=item.system,
                clinical=item.status,
                verification=item.verification,
                recordedDate=item.day.isoformat() if item.recorded else None,
            )
        case "procedure":
            made = procedure(item.code, day, system=item.system, status=item.status or "completed")
        case "lvef":
            made = lvef(item.value, day, code=item.code)
        case "nyha":
            made = nyha(int(item.value), day)
        case "rate":
            made = heart_rate(item.value, day)
        case "drug":
            made = medication(item.code, day, item.status or "active")
        case "visit":
            made = visit(day, item.code)
        case "device":
            made = device()
    return made | {"id": f"x{number}"}


days = st.one_of(
    st.integers(0, 130),
    st.integers(0, 3000),
).map(lambda back: DOS - timedelta(days=back))
conditions = st.builds(
    Item,
    kind=st.just("condition"),
    day=days,
    code=st.sampled_from(DIAGNOSES),
    status=st.sampled_from(("active", "active", "resolved", None)),
    verification=st.sampled_from(("confirmed", "confirmed", "provisional", None)),
    recorded=st.booleans(),
    dated=st.sampled_from((True, True, True, False)),
)
in_snomed = st.builds(
    Item,
    kind=st.just("condition"),
    day=days,
    system=st.just("snomed"),
    code=st.sampled_from(FOUND_IN_SNOMED),
    status=st.sampled_from(("active", "resolved")),
    verification=st.sampled_from(("confirmed", "provisional")),
)
procedures = st.builds(
    lambda coded, day, status: Item("procedure", day, coded[0], coded[1], status),
    st.sampled_from(DONE),
    days,
    st.sampled_from(("completed", "completed", "stopped")),
)
others = st.one_of(
    st.builds(
        lambda day, value, code: Item("lvef", day, code=code, value=value),
        days,
        st.sampled_from((20.0, 30.0, 33.0, 35.0, 45.0)),
        st.sampled_from(("8806-2", "10230-1", "8810-4")),
    ),
    st.builds(lambda day, value: Item("nyha", day, value=value), days, st.integers(1, 4)),
    st.builds(lambda day, value: Item("rate", day, value=value), days, st.sampled_from((80, 130))),
    st.builds(
        lambda day, code, status: Item("drug", day, code=code, status=status),
        days,
        st.sampled_from(DRUGS),
        st.sampled_from(("active", "completed", "stopped", "on-hold")),
    ),
    st.builds(lambda day, code: Item("visit", day, code=code), days, st.sampled_from(("MD", "RN"))),
    st.just(Item("device", DOS)),
)
items = st.one_of(conditions, in_snomed, procedures, others)


def ill(
    code: str,
    day: date,
    verification: str = "confirmed",
    *,
    recorded: bool = False,
    dated: bool = True,
) -> Item:
    """An active Condition."""
    return Item(
        "condition",
        day,
        code=code,
        status="active",
        verification=verification,
        recorded=recorded,
        dated=dated,
    )


# Records that bear on each other, within days of each other.
offsets = st.integers(0, 40)
close = st.integers(-4, 4)
clusters = st.one_of(
    st.builds(
        lambda day, a, b: (
            ill("I48.21", day),
            Item("rate", day - timedelta(days=a), value=130),
            Item("rate", day - timedelta(days=b), value=80),
        ),
        days,
        offsets,
        offsets,
    ),
    st.builds(
        lambda day, a, b: (
            ill("T82.111A", day),
            Item("procedure", day - timedelta(days=a), "cpt", "33249", "completed"),
            Item("procedure", day - timedelta(days=b), "cpt", "33241", "completed"),
        ),
        days,
        offsets,
        offsets,
    ),
    st.builds(
        lambda day, a, b, verification, first: (
            ill("I49.01", day - timedelta(days=a), verification),
            ill("I47.20", day - timedelta(days=b)),
            ill(first, day),
        ),
        days,
        close,
        close,
        st.sampled_from(("confirmed", "provisional")),
        st.sampled_from(("I21.4", "E87.6")),
    ),
    st.builds(
        lambda day, a, verification, dated, code: (
            ill("I25.2", DOS - timedelta(days=a), recorded=True, dated=False),
            ill(code, day, verification, recorded=True, dated=dated),
        ),
        days,
        offsets,
        st.sampled_from(("confirmed", "provisional")),
        st.booleans(),
        st.sampled_from(("I21.4", "I22.0")),
    ),
    st.builds(
        lambda day, a, status, coded: (
            ill(coded[0], DOS - timedelta(days=a), recorded=True, dated=False),
            Item("procedure", day, "cpt", coded[1], status),
        ),
        days,
        offsets,
        st.sampled_from(("completed", "stopped")),
        st.sampled_from((("Z95.5", "92928"), ("Z95.1", "33533"))),
    ),
    st.builds(
        lambda day, a, b, code: (
            Item("lvef", day - timedelta(days=a), code="8806-2", value=25),
            Item("lvef", day - timedelta(days=b), code=code, value=40),
            Item("nyha", day - timedelta(days=a), value=4),
            Item("nyha", day - timedelta(days=b), value=2),
        ),
        days,
        offsets,
        offsets,
        st.sampled_from(("8806-2", "8810-4", "10230-1")),
    ),
    st.builds(
        lambda day, a, code: (
            Item("drug", day, code=code, status="active"),
            Item("drug", day - timedelta(days=a), code=code, status="completed"),
        ),
        days,
        offsets,
        st.sampled_from(DRUGS),
    ),
)
# Half of the charts are complete for an indication, so that there is something to turn over.
COMPLETE: tuple[tuple[Item, ...], ...] = (
    (),
    (
        Item("condition", date(2026, 6, 1), code="I46.2", status="active"),
        Item("lvef", date(2026, 6, 5), code="8806-2", value=45),
    ),
    (
        Item("condition", date(2024, 1, 1), code="I25.5", status="active"),
        Item("condition", date(2024, 1, 1), code="I50.22", status="active"),
        Item("lvef", date(2026, 6, 5), code="8806-2", value=30),
        Item("nyha", date(2026, 6, 5), value=2),
        Item("visit", date(2026, 6, 5), code="MD"),
    ),
    (
        Item("condition", date(2024, 1, 1), code="I42.0", status="active"),
        Item("condition", date(2024, 1, 1), code="I50.22", status="active"),
        Item("lvef", date(2026, 6, 5), code="8806-2", value=30),
        Item("nyha", date(2026, 6, 5), value=3),
        Item("visit", date(2026, 6, 5), code="MD"),
        Item("drug", date(2026, 1, 5), code="20352", status="active"),
        Item("drug", date(2026, 1, 5), code="29046", status="active"),
    ),
    (
        Item("condition", date(2026, 6, 1), code="T82.111A", status="active"),
        Item("procedure", date(2020, 6, 1), "cpt", "33249", "completed"),
    ),
)
charts = st.builds(
    lambda base, cluster, extra: (*base, *cluster, *extra),
    st.sampled_from(COMPLETE),
    st.one_of(st.just(()), clusters),
    st.lists(items, min_size=1, max_size=3),
)
# Charts in which little decides: where one fact more or less would show.
balanced = st.builds(
    lambda base, cluster, extra: (*base, *cluster, *extra),
    st.sampled_from(COMPLETE[1:]),
    clusters,
    st.lists(items, max_size=1),
)
orders = st.sampled_from(("33249", "33240", "33262", "33271", "33216", "C7537")).map(
    lambda code: order(code, "hcpcs" if code.startswith("C") else "cpt"),
)
IMPLANT = order("33249")


def determine(ordered: Json, chart: Sequence[Json]) -> Determination:
    """What the service says of one order."""
    body = sign([ordered], by_keys([patient(), *chart]))
    return EVALUATOR.evaluate(decode_request(body, KNOWLEDGE.index), DOS).determinations[0]


def wire(ordered: Json, chart: Sequence[Json]) -> Json:
    """The same as it goes over the wire."""
    found: Json = json.loads(msgspec.json.encode(determine(ordered, chart)))
    return found


def fhir(chart: Sequence[Item]) -> list[Json]:
    """A chart as resources."""
    return [to_fhir(item, number) for number, item in enumerate(chart)]


def answers(found: Json) -> dict[str, str]:
    """The truth of every indication that the patient is a candidate for, and of what binds all."""
    truths = {i["id"]: i["truth"] for i in found["indications"] if i["candidate"]}
    return truths | {c["id"]: c["truth"] for c in found["always"]}


def turned(vague: Json, certain: Json) -> dict[str, tuple[str, str]]:
    """What was known with less information and is otherwise with more."""
    before, after = answers(vague), answers(certain)
    return {
        name: (truth, after[name])
        for name, truth in before.items()
        if truth != "unknown" and name in after and after[name] != truth
    }


provisional = st.builds(msgspec.structs.replace, conditions, verification=st.just("provisional"))
stopped = st.builds(msgspec.structs.replace, procedures, status=st.just("stopped"))


@THOROUGH
@given(st.one_of(charts, balanced), provisional, st.data())
def test_confirming_or_refuting_never_turns_an_answer(
    chart: tuple[Item, ...],
    item: Item,
    data: st.DataObject,
) -> None:
    doubtful = [n for n, i in enumerate(chart) if i.verification == "provisional"]
    if not doubtful:
        doubtful, chart = [0], (item, *chart)
    number = data.draw(st.sampled_from(doubtful))
    vague = fhir(chart)
    certain = deepcopy(vague)
    verification = data.draw(st.sampled_from(("confirmed", "refuted")))
    certain[number]["verificationStatus"]["coding"][0]["code"] = verification
    assert turned(wire(IMPLANT, vague), wire(IMPLANT, certain)) == {}


@THOROUGH
@given(st.one_of(charts, balanced), stopped, st.data())
def test_settling_an_interrupted_procedure_never_turns_an_answer(
    chart: tuple[Item, ...],
    item: Item,
    data: st.DataObject,
) -> None:
    doubtful = [n for n, i in enumerate(chart) if i.kind == "procedure" and i.status == "stopped"]
    if not doubtful:
        doubtful, chart = [0], (item, *chart)
    number = data.draw(st.sampled_from(doubtful))
    vague = fhir(chart)
    certain = deepcopy(vague)
    certain[number]["status"] = data.draw(st.sampled_from(("completed", "not-done")))
    assert turned(wire(IMPLANT, vague), wire(IMPLANT, certain)) == {}


@THOROUGH
@given(st.one_of(charts, balanced), st.data())
def test_less_precise_date_gives_the_same_answer_or_unknown(
    chart: tuple[Item, ...],
    data: st.DataObject,
) -> None:
    dated = [n for n, i in enumerate(chart) if i.kind not in {"device", "visit"} and i.dated]
    assume(dated)
    number = data.draw(st.sampled_from(dated))
    length = data.draw(st.sampled_from((7, 4)))
    vague = fhir(chart)
    vague[number] = to_fhir(chart[number], number, chart[number].day.isoformat()[:length])
    assert turned(wire(IMPLANT, vague), wire(IMPLANT, fhir(chart))) == {}


@BOUNDED
@given(orders, charts, st.randoms(use_true_random=False))
def test_order_of_resources_does_not_matter(
    ordered: Json,
    chart: tuple[Item, ...],
    random: Random,
) -> None:
    resources = fhir(chart)
    shuffled = resources.copy()
    random.shuffle(shuffled)
    assert wire(ordered, shuffled) == wire(ordered, resources)


@BOUNDED
@given(orders, charts)
def test_resource_that_comes_twice_counts_once(ordered: Json, chart: tuple[Item, ...]) -> None:
    resources = fhir(chart)
    assert wire(ordered, [*resources, resources[-1]]) == wire(ordered, resources)


unrelated = st.sampled_from(
    [
        lambda day: condition("E11.9", day),
        lambda day: condition("J45.909", day),
        lambda day: condition("44054006", day, system="snomed"),
        lambda day: condition("I25.5", day, system="http://example.org/local"),
        lambda day: procedure("45378", day),
        lambda day: medication("860975", day),
        lambda day: lvef(20, day, code="4548-4"),
        lambda day: resource("Encounter", status="finished", period={"start": day}),
        lambda day: resource("FamilyMemberHistory", status="completed", date=day),
    ],
)


@BOUNDED
@given(orders, charts, st.lists(st.tuples(unrelated, days), min_size=1, max_size=3))
def test_resource_outside_every_value_set_changes_nothing(
    ordered: Json,
    chart: tuple[Item, ...],
    noise: list[tuple[Callable[[str], Json], date]],
) -> None:
    resources = fhir(chart)
    added = [make(day.isoformat()) for make, day in noise]
    assert wire(ordered, [*added, *resources]) == wire(ordered, resources)


@BOUNDED
@given(orders, charts, items, st.integers(1, 400))
def test_record_of_after_the_service_date_adds_at_most_a_note(
    ordered: Json,
    chart: tuple[Item, ...],
    item: Item,
    ahead: int,
) -> None:
    assume(item.kind != "device" and item.dated)
    resources = fhir(chart)
    later = to_fhir(item, 99, (DOS + timedelta(days=ahead)).isoformat())
    later.pop("recordedDate", None)
    found, before = wire(ordered, [*resources, later]), wire(ordered, resources)
    found["findings"] = [f for f in found["findings"] if f["code"] != "event-after-dos"]
    before["findings"] = [f for f in before["findings"] if f["code"] != "event-after-dos"]
    assert found == before


@BOUNDED
@given(orders, charts)
def test_criterion_is_unknown_exactly_when_it_has_a_gap(
    ordered: Json,
    chart: tuple[Item, ...],
) -> None:
    found = wire(ordered, fhir(chart))
    criteria = [c for i in found["indications"] for c in i["criteria"]] + found["always"]
    for criterion in criteria:
        assert (criterion["truth"] == "unknown") is bool(criterion["gaps"]), criterion["id"]


@BOUNDED
@given(orders, charts)
def test_no_conclusion_without_evidence(ordered: Json, chart: tuple[Item, ...]) -> None:
    found = wire(ordered, fhir(chart))
    criteria = [c for i in found["indications"] for c in i["criteria"]] + found["always"]
    for criterion in criteria:
        assert criterion["evidence"] or criterion["truth"] != "not-met", criterion["id"]
        known = criterion["evidence"] or criterion["attest"] or criterion["gaps"]
        assert known, criterion["id"]
        assert criterion["citation"]
    for met in found["indications"]:
        if met["id"] in found["indicationsMet"]:
            assert met["truth"] == "met"
            assert any(c["evidence"] for c in met["criteria"])
    if found["status"] == "covered":
        assert any(c["evidence"] for c in criteria)


@BOUNDED
@given(orders, charts)
def test_status_follows_from_the_indications(ordered: Json, chart: tuple[Item, ...]) -> None:
    found = wire(ordered, fhir(chart))
    if not found["indications"]:
        return
    truths = {i["id"]: i["truth"] for i in found["indications"] if i["candidate"]}
    overall = {c["truth"] for c in found["always"]}
    expected: tuple[str, set[str]]
    if "not-met" in overall:
        expected = ("not-covered", set())
    elif "met" in truths.values():
        expected = (
            "conditional" if "unknown" in overall else "covered",
            {name for name, truth in truths.items() if truth == "met"},
        )
    elif truths and set(truths.values()) == {"not-met"}:
        expected = ("not-covered", set())
    else:
        expected = ("conditional", set())
    assert (found["status"], set(found["indicationsMet"])) == expected
    applying = [w["firstEligibleDay"] for w in found["waitingPeriods"] if w["applies"]]
    earliest = max(applying, default=None)
    assert found["earliestEligibleDate"] == (None if found["status"] == "covered" else earliest)


hostile = st.text("<>&|*_`[]()\\\n\r\t #-!a\u2028", min_size=1, max_size=12)


@BOUNDED
@given(orders, charts, hostile)
def test_cards_are_one_line_of_summary_and_harmless_markdown(
    ordered: Json,
    chart: tuple[Item, ...],
    text: str,
) -> None:
    resources = fhir(chart)
    resources[-1]["id"] = text
    if "valueQuantity" in resources[-1]:
        resources[-1]["valueQuantity"] |= {"unit": text, "code": None}
    cards = answer_to(EVALUATOR, sign([ordered], by_keys([patient(), *resources])), DOS).cards
    assert len({card.uuid for card in cards}) == len(cards)
    for card in cards:
        assert 0 < len(card.summary) < 140
        assert len(card.summary.splitlines()) == 1
        assert card.indicator in {"info", "warning"}
        assert re.search(r"(?<!\\)(?:\\\\)*<", card.detail) is None
        assert not set(card.detail) & {"\r", "\t", "\u2028"}
