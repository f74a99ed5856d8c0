"""The facts of a code, against the article and its reading; properties over every code."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, get_args, get_type_hints

import msgspec
import pytest

from defib_coverage.content import load
from defib_coverage.coverage.policy import Criterion, WaitingPeriod
from defib_coverage.explaining.code_facts import facts_of, system_named
from defib_coverage.explaining.lookup_properties import (
    PROPERTIES,
    PropertyCoding,
    lookup_properties,
)
from defib_coverage.explaining.part_words import PART_WORDS
from defib_coverage.explaining.policy_parts import names_value_sets
from defib_coverage.families import load_families
from defib_coverage.fhir.systems import SYSTEM_URIS, published_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.explaining.fact_models import CodeFacts
    from defib_coverage.explaining.similar_codes import SimilarCode

KNOWLEDGE = load().knowledge()
FAMILIES = load_families()
TODAY = date(2026, 11, 21)
START = date(2018, 2, 15)
EVERY_DAY = (None, None)
ALL = ("B1", "B2", "B3", "B4", "B5", "B6", "D-BTT", "D-IDE")
TIMED = ("B2", "B3", "B4")
HF6 = ("I50.21", "I50.22", "I50.23", "I50.41", "I50.42", "I50.43")
SETS = tuple(KNOWLEDGE.index.value_sets.values())
CODES = [
    pytest.param(entry.system, entry.code, id=f"{entry.system}-{entry.code}")
    for entry in {(e.system, e.code): e for vs in SETS for e in vs.codes}.values()
]


@cache
def facts(code: str, day: date = TODAY, system: str | None = None) -> CodeFacts:
    """The facts of a code that one system has."""
    (found,) = facts_of(code, KNOWLEDGE, FAMILIES, day, system)
    return found


def roles(found: CodeFacts) -> Mapping[str, set[str]]:
    """The roles of a code by indication."""
    by_indication: defaultdict[str, set[str]] = defaultdict(set)
    for part in found.indications:
        by_indication[part.indication].add(part.role)
    return by_indication


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What the article and its reading say of a code."""

    system: str
    code: str
    status: str
    days: tuple[date | None, date | None] = EVERY_DAY
    roles: Mapping[str, set[str]] = {}
    companions: Mapping[str, tuple[str, ...]] = {}
    companion_of: Mapping[str, tuple[str, ...]] = {}
    successors: tuple[str, ...] = ()
    predecessors: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()
    judged: str = "none"
    order_class: str | None = None
    needs_device: bool = False
    findings: frozenset[str] = frozenset()
    similar: frozenset[str] = frozenset()


# By the code as a user may write it.
CASES: Mapping[str, Case] = {
    # Section 13: no order, a soft hint of B1, and its siblings.
    "a0392": Case(
        system="hcpcs",
        code="A0392",
        status="chart-only",
        roles={"B1": {"hint"}},
        judged="silent",
        findings=frozenset({"arrest-hint"}),
        similar=frozenset({"A0382", "A0384", "A0394", "A0396", "A0398", "A0433"}),
    ),
    # Section 13: no order, asks about stability in all indications, hints at the exception.
    "92953": Case(
        system="cpt",
        code="92953",
        status="chart-only",
        roles={name: {"question"} | ({"hint"} if name in TIMED else set()) for name in ALL},
        judged="silent",
        findings=frozenset({"not-clinically-stable", "pacing-hint"}),
        similar=frozenset(
            {"92950", "92960", "33210", "33211", "5A1213Z", "5A1223Z", "5A2204Z", "5A12012"}
        ),
    ),
    # Section 4.2 and 6: the claim code of B2, with a partner; never proof that 40 days have passed.
    "i252": Case(
        system="icd10cm",
        code="I25.2",
        status="in-force",
        days=(START, None),
        roles={
            "B2": {"primary", "evidence", "window-event"},
            "B3": {"window-event"},
            "B4": {"window-event"},
        },
        companions={"B2": HF6},
        findings=frozenset({"mi-date-unknown"}),
    ),
    # Section 10: judged in full by every indication; done, it shows a defibrillator.
    "33249": Case(
        system="cpt",
        code="33249",
        status="in-force",
        days=(START, None),
        roles={name: {"order"} | ({"evidence"} if name == "B6" else set()) for name in ALL},
        judged="full",
        order_class="initial-implant",
        similar=frozenset({"33270", "G0448"}),
    ),
    "g0448": Case(
        system="hcpcs",
        code="G0448",
        status="in-force",
        days=(START, None),
        roles={name: {"order"} | ({"evidence"} if name == "B6" else set()) for name in ALL},
        judged="full",
        order_class="initial-implant",
        similar=frozenset({"33249", "33270"}),
    ),
    # Tensions 9 and 13: ended on 2021-09-30, serves pacemakers too.
    "02PAXMZ": Case(
        system="icd10pcs",
        code="02PAXMZ",
        status="ended",
        days=(START, date(2021, 9, 30)),
        roles={"B6": {"clears"}},
        judged="diagnosis",
        order_class="removal",
        needs_device=True,
        similar=frozenset({"02PA0MZ", "02PA3MZ", "02PA4MZ"}),
    ),
    # Tension 10: split on 2022-10-01; before that a claim code, since then evidence.
    "I472": Case(
        system="icd10cm",
        code="I47.2",
        status="ended",
        days=(START, date(2022, 9, 30)),
        roles={"B1": {"primary", "evidence"}, "B3": {"question"}, "B4": {"question"}},
        successors=("I47.20", "I47.21", "I47.29"),
        findings=frozenset({"history-of-vt-vf", "code-not-effective"}),
        similar=frozenset({"I47.20", "I47.21", "I47.29"}),
    ),
    "I47.20": Case(
        system="icd10cm",
        code="I47.20",
        status="in-force",
        days=(date(2022, 10, 1), None),
        roles={"B1": {"primary", "evidence"}, "B3": {"question"}, "B4": {"question"}},
        predecessors=("I47.2",),
        findings=frozenset({"history-of-vt-vf"}),
        similar=frozenset({"I47.2", "I47.21", "I47.29", "25569003"}),
    ),
    # Sections 4.2 to 4.4: one of the six, for the primaries of three indications.
    "i5022": Case(
        system="icd10cm",
        code="I50.22",
        status="in-force",
        days=(START, None),
        roles={name: {"required-secondary"} for name in TIMED},
        companion_of={
            "B2": ("I25.2",),
            "B3": ("I25.5",),
            "B4": ("I42.0", "I42.6", "I42.7", "I42.8"),
        },
        similar=frozenset({"I50.21", "I50.23", "I50.20", "I50.9", "441481004"}),
    ),
    # Tension 1: printed in B1 and B6; shows a device, never VT or VF.
    "Z4502": Case(
        system="icd10cm",
        code="Z45.02",
        status="in-force",
        days=(START, None),
        roles={"B1": {"primary"}, "B6": {"primary", "evidence"}},
        findings=frozenset({"weak-dx-only"}),
        similar=frozenset({"Z95.810", "Z95.0"}),
    ),
    # Tension 2: a claim code that says nothing about VT or VF.
    "i5a": Case(
        system="icd10cm",
        code="I5A",
        status="in-force",
        days=(date(2021, 10, 1), None),
        roles={"B1": {"primary"}},
        findings=frozenset({"weak-dx-only"}),
    ),
    # The device codes that mean an implant; in a chart a reason to look.
    "C1721": Case(
        system="hcpcs",
        code="C1721",
        status="in-force",
        roles={name: {"order"} | ({"hint"} if name == "B6" else set()) for name in ALL},
        judged="full",
        order_class="initial-implant",
        similar=frozenset({"C1722", "C1882"}),
    ),
    # Tension 12: a pacemaker bundle, from 2023-01-01.
    "c7537": Case(
        system="hcpcs",
        code="C7537",
        status="in-force",
        days=(date(2023, 1, 1), None),
        judged="diagnosis",
        order_class="pacemaker-combo",
        needs_device=True,
        similar=frozenset({"C7538", "C7539", "C7540"}),
    ),
    "25569003": Case(
        system="snomed",
        code="25569003",
        status="chart-only",
        roles={"B1": {"evidence"}, "B3": {"question"}, "B4": {"question"}},
        suggests=("I47.20",),
        judged="silent",
        findings=frozenset({"history-of-vt-vf"}),
        similar=frozenset({"I47.20", "426525004"}),
    ),
    # Section 5: accepted without a method, and told so; measured for all six.
    "10230-1": Case(
        system="loinc",
        code="10230-1",
        status="chart-only",
        roles={name: {"evidence"} for name in ALL[:6]},
        findings=frozenset({"lvef-modality-not-stated"}),
    ),
    "k0606": Case(system="hcpcs", code="K0606", status="chart-only", judged="silent"),
    # Section 6: opens the 40 days of B2 to B4; a B2 candidate whose code cannot be reported yet.
    "i214": Case(
        system="icd10cm",
        code="I21.4",
        status="chart-only",
        roles={
            "B2": {"evidence", "window-event"},
            "B3": {"window-event"},
            "B4": {"window-event"},
        },
        findings=frozenset({"i25.2-not-yet-valid", "lvef-predates-event", "waiting-period-open"}),
    ),
    # Tension 23: absent from B4, never to be coded up.
    "I42.9": Case(
        system="icd10cm",
        code="I42.9",
        status="chart-only",
        roles={"B4": {"near-miss"}},
        findings=frozenset({"near-miss-diagnosis"}),
        similar=frozenset({"I42.0", "I42.6", "I42.7", "I42.8"}),
    ),
    # A code of a family: starts the 3 months; planned, it asks about revascularisation.
    "0210093": Case(
        system="icd10pcs",
        code="0210093",
        status="chart-only",
        roles={name: {"window-event", "question"} for name in TIMED},
        judged="silent",
        findings=frozenset(
            {"waiting-period-open", "lvef-predates-event", "revasc-candidate-suspected"}
        ),
    ),
    # Section 5: active on the service date, shock decides against every indication.
    "r570": Case(
        system="icd10cm",
        code="R57.0",
        status="chart-only",
        roles={name: {"bars"} for name in ALL},
        findings=frozenset({"not-clinically-stable"}),
    ),
    # Section 4.6: without a defibrillator in evidence it may be about a pacemaker.
    "t82110a": Case(
        system="icd10cm",
        code="T82.110A",
        status="in-force",
        days=(START, None),
        roles={"B6": {"primary"}},
        findings=frozenset({"existing-icd-not-evidenced"}),
        similar=frozenset({"T82.111A", "T82.120A", "T82.7XXD"}),
    ),
    # Section 4.8.
    "z7682": Case(
        system="icd10cm",
        code="Z76.82",
        status="in-force",
        days=(START, None),
        roles={"D-BTT": {"primary"}},
        companions={"D-BTT": ("I50.84",)},
    ),
}


@pytest.mark.parametrize("text", CASES)
def test_the_facts_of_a_code_are_those_of_the_article(text: str) -> None:
    case, found = CASES[text], facts(text)
    assert (found.system, found.code, found.status) == (case.system, case.code, case.status)
    listed = [m for m in found.value_sets if m.role != "evidence"]
    assert {(m.first_day, m.last_day) for m in listed} == ({case.days} if listed else set())
    assert roles(found) == case.roles
    assert {pair.indication: pair.codes for pair in found.companions} == case.companions
    assert {pair.indication: pair.codes for pair in found.companion_of} == case.companion_of
    assert (found.successors, found.predecessors) == (case.successors, case.predecessors)
    assert found.suggests == case.suggests
    assert (found.order.judged, found.order.order_class) == (case.judged, case.order_class)
    assert found.order.needs_device is case.needs_device


@pytest.mark.parametrize("text", CASES)
def test_a_chart_is_told_the_findings_of_a_code_and_no_others(text: str) -> None:
    told = {use.finding for use in facts(text).chart} - {None}
    assert told == CASES[text].findings


@pytest.mark.parametrize("text", [text for text, case in CASES.items() if case.similar])
def test_similar_codes_are_those_that_a_coder_looks_for(text: str) -> None:
    assert {one.code for one in facts(text).similar} >= CASES[text].similar


@pytest.mark.parametrize(
    ("code", "day", "status", "in_order"),
    [
        ("02PAXMZ", date(2021, 9, 30), "in-force", True),
        ("02PAXMZ", date(2021, 10, 1), "ended", False),
        ("C7540", date(2022, 12, 31), "not-yet-in-force", False),
        ("C7540", date(2023, 1, 1), "in-force", True),
        ("0JPT0FZ", date(2019, 9, 30), "not-yet-in-force", False),
        ("33249", date(2018, 2, 14), "not-yet-in-force", False),
        ("I47.2", date(2022, 9, 30), "in-force", True),
        ("I47.2", date(2022, 10, 1), "ended", True),
        ("I5A", date(2021, 9, 30), "not-yet-in-force", True),
    ],
)
def test_the_day_decides_what_is_in_force(
    code: str,
    day: date,
    status: str,
    in_order: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    found = facts(code, day)
    assert (found.day, found.status, found.order.effective) == (day, status, in_order)
    assert ("no claim code for a service" in found.claim) is (
        status != "in-force" and found.system == "icd10cm"
    )
    assert ("not among the procedures of the article" in found.claim) is not in_order


def test_a_code_stands_alone_for_some_indications_only() -> None:
    claim = facts("Z45.02", date(2026, 12, 1)).claim
    assert claim == (
        "It stands alone for B6; for B1 it counts beside another code of the list only."
    )
    assert "beside another" not in facts("I46.9", date(2026, 12, 1)).claim


def test_a_code_of_two_systems_has_the_facts_of_both() -> None:
    assert {found.system for found in facts_of("12", KNOWLEDGE, FAMILIES, TODAY)} == {
        "payer-typology",
        "x12-claim-filing",
    }
    assert facts("12", system="payer-typology").words == "Medicare fee for service"
    assert facts("12", system="https://codesystem.x12.org/005010/1032").words == "PPO"


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        *((uri, alias) for alias, uris in SYSTEM_URIS.items() for uri in uris),
        ("ICD-10-CM", "icd10cm"),
        ("HCPCS", "hcpcs"),
        ("snomed ct", "snomed"),
        ("https://any.example/CodeSystem/defib-evidence", "defib-evidence"),
        # That of the World Health Organization is another system.
        ("http://hl7.org/fhir/sid/icd-10", None),
        ("", None),
    ],
)
def test_a_system_is_known_by_alias_uri_and_name(text: str, alias: str | None) -> None:
    assert system_named(text, KNOWLEDGE.index) == alias


@pytest.mark.parametrize(
    ("code", "system"),
    [("I50.24", None), ("", None), ("I25.2", "cpt"), ("I25.2", "nope"), ("9" * 500, None)],
)
def test_what_is_unknown_has_no_facts(code: str, system: str | None) -> None:
    assert facts_of(code, KNOWLEDGE, FAMILIES, TODAY, system) == ()


def test_a_family_is_told_as_one() -> None:
    (membership,) = facts("0210093").value_sets
    assert (membership.value_set, membership.family) == ("cabg", "021[0-3].*")
    assert {m.family for m in facts("33510").value_sets} == {None}


@pytest.mark.parametrize(
    ("code", "title", "through"),
    [
        # Listed by the family, listed by a value set without a title, in no list at all.
        ("C79.63", "Secondary malignant neoplasm of bilateral ovaries", None),
        ("5A2204Z", "Restoration of Cardiac Rhythm, Single", None),
        ("C79.99", None, "2026"),
        ("0210ZZZ", None, "2024"),
        ("33249", None, None),
    ],
)
def test_a_family_stands_for_the_codes_of_the_releases(
    code: str, title: str | None, through: str | None
) -> None:
    found = facts(code)
    assert (found.display, found.checked_through) == (title, through)


def test_similar_codes_bear_their_titles() -> None:
    titles = {one.code: one.display for one in facts("92953").similar}
    assert titles["5A2204Z"] == "Restoration of Cardiac Rhythm, Single"


# -------------------------------------------------------------------------- every code of every set


@pytest.mark.parametrize(("system", "code"), CODES)
def test_every_code_has_a_meaning_its_sets_and_few_similar_codes(system: str, code: str) -> None:
    found = facts(code, system=system)
    assert found.display or found.words
    assert found.uri == SYSTEM_URIS.get(system, (found.uri,))[0]
    holding = {
        published_set(vs.id, system)
        for vs in SETS
        if any((e.system, e.code) == (system, code) for e in vs.codes)
    }
    assert {m.value_set for m in found.value_sets if m.family is None} == holding
    assert all(m.paragraph for m in found.value_sets)
    assert len(found.similar) <= 12
    assert (system, code) not in {(one.system, one.code) for one in found.similar}
    assert all(one.why and (one.display or one.words) for one in found.similar)


@pytest.mark.parametrize(("system", "code"), CODES)
def test_no_licensed_title_is_shown_and_cpt_bears_its_notice(system: str, code: str) -> None:
    found = facts(code, system=system)
    named: list[CodeFacts | SimilarCode] = [found, *found.similar]
    licensed = {"cpt", "snomed", "loinc", "hcpcs"}
    assert all(one.display is None for one in named if one.system in licensed)
    assert (found.notice is not None) is (system == "cpt")


@pytest.mark.parametrize("day", [START, date(2021, 9, 30), date(2022, 10, 1), TODAY])
def test_days_agree_with_the_value_sets(day: date) -> None:
    for value_set in SETS:
        if value_set.role == "evidence":
            continue
        for entry in value_set.codes:
            found = facts(entry.code, day, entry.system)
            name = published_set(value_set.id, entry.system)
            (member,) = [m for m in found.value_sets if m.value_set == name]
            assert member.in_force is entry.in_force(day)
            dated = [p for p in found.indications if p.role in {"primary", "required-secondary"}]
            assert {p.in_force for p in dated} <= {entry.in_force(day)}
            assert (found.status == "in-force") is entry.in_force(day)


@pytest.mark.parametrize("day", [START, TODAY])
def test_companions_are_symmetrical(day: date) -> None:
    needs, serves = set(), set()
    for value_set in SETS:
        for code in (e.code for e in value_set.codes if value_set.role == "coverage"):
            found = facts(code, day)
            needs |= {(p.indication, code, other) for p in found.companions for other in p.codes}
            serves |= {(p.indication, other, code) for p in found.companion_of for other in p.codes}
    assert needs == serves
    # Six partners for I25.2, I25.5 and the four of B4; one for Z76.82.
    assert len(needs) == 6 * 6 + 1


def test_every_field_that_names_value_sets_has_its_words() -> None:
    fields = {
        (kind, name)
        for kind in get_args(Criterion)
        if kind is not WaitingPeriod
        for name, hint in get_type_hints(kind, include_extras=True).items()
        if names_value_sets(hint)
    }
    assert set(PART_WORDS) == fields


# --------------------------------------------------------------------------------------- properties


def test_properties_of_i25_2() -> None:
    found = {
        (p.code, p.value.code if isinstance(p.value, PropertyCoding) else p.value)
        for p in lookup_properties(facts("I25.2"))
    }
    assert found >= {
        ("status", "in-force"),
        ("value-set", "b2-diagnoses"),
        ("value-set", "old-mi"),
        ("indication", "B2"),
        ("first-service-day", "2018-02-15"),
        ("strength", "decide"),
        *(("companion", code) for code in HF6),
        ("similar", "1755008"),
    }
    assert not {code for code, _ in found} & {"last-service-day", "order-class", "notice"}


def test_properties_of_a_code_that_was_replaced_and_of_an_order_code() -> None:
    split = lookup_properties(facts("I47.2"))
    assert [p.value for p in split if p.code == "last-service-day"] == ["2022-09-30"]
    icd10cm = SYSTEM_URIS["icd10cm"][0]
    assert [p.value for p in split if p.code == "successor"] == [
        PropertyCoding(icd10cm, code) for code in ("I47.20", "I47.21", "I47.29")
    ]
    order = {p.code: p.value for p in lookup_properties(facts("33216"))}
    assert (order["order-class"], order["shared-with-pacemakers"]) == ("lead-only", True)
    assert "American Medical Association" in str(order["notice"])
    answer = {p.code: p.value for p in lookup_properties(facts("LA28405-1"))}
    assert answer["nyha-class"] == "2"


_VALUES = {
    "code": str,
    "string": str,
    "dateTime": str,
    "boolean": bool,
    "Coding": PropertyCoding,
}


@pytest.mark.parametrize(("system", "code"), CODES)
def test_properties_are_those_that_are_published(system: str, code: str) -> None:
    types = {definition.code: definition.type for definition in PROPERTIES}
    found = lookup_properties(facts(code, system=system))
    assert len(found) == len(set(found))
    for one in found:
        assert one.type == types[one.code]
        assert isinstance(one.value, _VALUES[one.type])
        if one.type == "dateTime":
            assert date.fromisoformat(str(one.value)) >= START
        if one.type == "code":
            assert str(one.value) == str(one.value).strip() != ""


def test_property_codes_are_defined_once() -> None:
    assert len({definition.code for definition in PROPERTIES}) == len(PROPERTIES)
    assert all(definition.description.endswith(".") for definition in PROPERTIES)
