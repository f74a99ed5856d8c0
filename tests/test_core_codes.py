"""Every order code and every diagnosis code of the article, on both sides of its days in force."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from defib_coverage.content import load
from defib_coverage.coverage.codes import CodeEntry, CodeIndex, normalise
from defib_coverage.fhir.reading import Vocabulary
from defib_coverage.fhir.resources import CodeableConcept, Coding
from fhir_builders import (
    DOS,
    Json,
    b1_chart,
    b3_chart,
    b4_chart,
    b6_chart,
    condition,
    device_request,
    lvef,
    medication,
    nyha,
    order,
    patient,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.coverage.determine import Knowledge

    Judge = Callable[..., list[Json]]

SETS = {vs.id: vs for vs in load().value_sets}
POLICY_START = date(2018, 2, 15)
DAY = timedelta(days=1)

# P-CPT, P-PCS: the article's order codes by class; * marks a code that also serves pacemakers.
ORDER_CODES = {
    "initial-implant": "33249 33270 G0448",
    "generator-only": (
        "33240 33230 33231 0JH608Z 0JH609Z 0JH638Z 0JH639Z 0JH808Z 0JH809Z 0JH838Z 0JH839Z"
    ),
    "replacement": "33262 33263 33264",
    "removal": (
        "33241 33243 33244 33272 0JPT0FZ 0JPT0PZ* 0JPT3FZ 0JPT3PZ* 02PA0MZ* 02PA3MZ* 02PA4MZ*"
        " 02PAXMZ*"
    ),
    "lead-only": (
        "33271 33216* 33217* 33224* 33225* 33202* 33203* 0JH60FZ 0JH63FZ 02H43KZ 02H60KZ 02H63KZ"
        " 02H64KZ 02H70KZ 02H73KZ 02H74KZ 02HK0KZ 02HK3KZ 02HK4KZ 02HL0KZ 02HL3KZ 02HL4KZ"
    ),
    "revision": "33273 33223 33215* 33218* 33220*",
    "pacemaker-combo": "C7537* C7538* C7539* C7540*",
}
# P-REV-R1, P-REV-R6 and P-PCS: the codes that are in force for a part of the time only.
ORDER_DAYS = {
    **dict.fromkeys(("0JH60FZ", "0JH63FZ", "0JPT0FZ", "0JPT3FZ"), (date(2019, 10, 1), None)),
    **dict.fromkeys(("C7537", "C7538", "C7539", "C7540"), (date(2023, 1, 1), None)),
    "02PAXMZ": (POLICY_START, date(2021, 9, 30)),
}
# P-B1-CODES to P-D-IDE: the claim codes by value set.
CLAIM_CODES = {
    "b1-diagnoses": "I46.2 I46.9 I47.2 I47.20 I47.21 I47.29 I49.01 I49.02 I49.3 I49.9 I5A Z45.02"
    " Z86.74",
    "b2-diagnoses": "I25.2",
    "b3-diagnoses": "I25.5",
    "b4-diagnoses": "I42.0 I42.6 I42.7 I42.8",
    "b5-diagnoses": "I42.1 I42.2 I45.6 I45.81 I45.89",
    "b6-diagnoses": "T82.110A T82.111A T82.118A T82.119A T82.120A T82.121A T82.128A T82.129A"
    " T82.190A T82.191A T82.198A T82.199A T82.7XXA Z45.02",
    "heart-failure-partners": "I50.21 I50.22 I50.23 I50.41 I50.42 I50.43",
    "transplant-bridge-diagnoses": "Z76.82",
    "transplant-bridge-partners": "I50.84",
    "device-trial-diagnoses": "Z00.6",
}
# P-REV-R3 to P-REV-R5.
CLAIM_DAYS = {
    "I47.2": (POLICY_START, date(2022, 9, 30)),
    **dict.fromkeys(("I47.20", "I47.21", "I47.29"), (date(2022, 10, 1), None)),
    "I5A": (date(2021, 10, 1), None),
}
WEAK = {"I49.3", "I49.9", "I5A"}


def order_entries(*classes: str) -> list[object]:
    """The codes of order classes as the value sets hold them, as parameters."""
    return [
        pytest.param(name, entry, id=f"{name}-{entry.code}")
        for name in classes
        for entry in SETS[f"orders-{name}"].codes
    ]


def claim_entries(*names: str) -> list[object]:
    """The codes of claim value sets, as parameters."""
    return [pytest.param(entry, id=entry.code) for name in names for entry in SETS[name].codes]


def usual_day(entry: CodeEntry) -> str:
    """A service date on which the code is in force, today's where it is."""
    return DOS if entry.until is None else entry.until.isoformat()


def on(entry: CodeEntry, day: str | None = None) -> Json:
    """An order for the code."""
    return order(entry.code, entry.system, day=day or usual_day(entry))


def backdated(chart: list[Json]) -> list[Json]:
    """The chart as it was before any day that a code begins or ends on."""
    early = "2018-01-02"
    dates = ("onsetDateTime", "effectiveDateTime", "authoredOn", "performedDateTime")
    moved = [one | {name: early for name in dates if name in one} for one in chart]
    return [one | {"period": {"start": early}} if "period" in one else one for one in moved]


def codes(found: Json) -> set[str]:
    """The finding codes of a determination."""
    return {f["code"] for f in found["findings"]}


@pytest.mark.parametrize("name", ORDER_CODES)
def test_order_codes_are_those_of_the_article(name: str) -> None:
    listed = [e for e in SETS[f"orders-{name}"].codes if e.system != "snomed"]
    assert {e.code + "*" * e.shared for e in listed} == set(ORDER_CODES[name].split())
    for entry in listed:
        assert (entry.start, entry.until) == ORDER_DAYS.get(entry.code, (POLICY_START, None))


def test_the_article_has_25_procedure_and_31_inpatient_codes() -> None:
    systems = [
        entry.system
        for vs in SETS.values()
        if vs.role == "order" and vs.resource is None
        for entry in vs.codes
    ]
    assert systems.count("icd10pcs") == 31
    # The four C codes came later, beside the 25 of the first table.
    assert systems.count("cpt") + systems.count("hcpcs") == 25 + 4


@pytest.mark.parametrize("name", CLAIM_CODES)
def test_claim_codes_are_those_of_the_article(name: str) -> None:
    assert {e.code for e in SETS[name].codes} == set(CLAIM_CODES[name].split())
    for entry in SETS[name].codes:
        assert entry.system == "icd10cm"
        assert (entry.start, entry.until) == CLAIM_DAYS.get(entry.code, (POLICY_START, None))


@pytest.mark.parametrize(("name", "entry"), order_entries("initial-implant", "generator-only"))
def test_implant_is_judged_by_every_indication(name: str, entry: CodeEntry, judge: Judge) -> None:
    found = judge([on(entry)], b3_chart())[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B3"])
    assert found["order"]["class"] == name
    assert len(found["indications"]) == 8


@pytest.mark.parametrize(("name", "entry"), order_entries("initial-implant", "generator-only"))
def test_implant_beside_a_device_is_a_replacement(
    name: str,
    entry: CodeEntry,
    judge: Judge,
) -> None:
    assert name
    found = judge([on(entry)], b6_chart())[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B6"])
    assert found["order"]["class"] == "replacement"


@pytest.mark.parametrize(("name", "entry"), order_entries("replacement"))
def test_exchange_is_judged_by_b6_only(name: str, entry: CodeEntry, judge: Judge) -> None:
    found = judge([on(entry)], b6_chart())[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B6"])
    assert found["order"]["class"] == name
    beside = judge([on(entry)], b3_chart())[0]
    assert (beside["status"], beside["indicationsMet"]) == ("conditional", [])


@pytest.mark.parametrize(("name", "entry"), order_entries("lead-only", "revision", "removal"))
def test_support_order_with_a_device_rests_on_its_diagnosis(
    name: str,
    entry: CodeEntry,
    judge: Judge,
) -> None:
    found = judge([on(entry)], b6_chart())[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B6"])
    assert found["order"]["class"] == name
    assert (found["waitingPeriods"], found["indications"]) == ([], [])


@pytest.mark.parametrize(("name", "entry"), order_entries("lead-only", "revision", "removal"))
def test_support_order_without_a_device_is_silent_if_its_code_serves_pacemakers(
    name: str,
    entry: CodeEntry,
    judge: Judge,
) -> None:
    found = judge([on(entry)], backdated(b1_chart()))[0]
    if entry.shared:
        assert (found["status"], codes(found)) == ("not-applicable", {"shared-lead-code"})
    else:
        assert (found["status"], found["indicationsMet"]) == ("covered", [])
    assert found["order"]["class"] == name


@pytest.mark.parametrize(("name", "entry"), order_entries("lead-only", "revision", "removal"))
def test_support_order_without_a_diagnosis_asks_for_one(
    name: str,
    entry: CodeEntry,
    judge: Judge,
) -> None:
    assert name
    found = judge([on(entry)], [patient(), condition("Z95.810"), lvef(20), nyha(4)])[0]
    assert found["status"] == "conditional"
    assert "no-group1-diagnosis" in codes(found)


@pytest.mark.parametrize(("name", "entry"), order_entries("pacemaker-combo"))
def test_pacemaker_bundle_is_silent_without_a_device(
    name: str,
    entry: CodeEntry,
    judge: Judge,
) -> None:
    found = judge([on(entry)], b1_chart())[0]
    assert (found["status"], codes(found)) == ("not-applicable", {"pacemaker-combination-code"})
    beside = judge([on(entry)], b6_chart())[0]
    assert (beside["status"], beside["indicationsMet"]) == ("covered", ["B6"])
    assert (beside["order"]["class"], codes(beside)) == (
        name,
        {"pacemaker-combination-code", "assumes-medicare"},
    )


@pytest.mark.parametrize(
    ("name", "entry"),
    order_entries("initial-implant", "replacement", "lead-only", "removal", "pacemaker-combo"),
)
def test_order_code_outside_its_days_is_told(name: str, entry: CodeEntry, judge: Judge) -> None:
    assert name
    # P-REV-R1, P-REV-R6, P-PCS: both days beside each end of a code's days.
    days = []
    if entry.start is not None and entry.start > POLICY_START:
        days += [(entry.start - DAY, False), (entry.start, True)]
    if entry.until is not None:
        days += [(entry.until, True), (entry.until + DAY, False)]
    for day, in_force in days or [(POLICY_START, True)]:
        found = judge([on(entry, day.isoformat())], b6_chart())[0]
        assert ("order-code-not-effective" not in codes(found)) is in_force
        assert found["status"] == "covered"


@pytest.mark.parametrize(
    ("code", "order_class"),
    [
        *((e.code, "initial-implant") for e in SETS["devices-generator"].codes),
        *((e.code, "lead-only") for e in SETS["devices-lead"].codes),
    ],
)
def test_device_code_counts_in_a_device_request_only(
    code: str,
    order_class: str,
    judge: Judge,
) -> None:
    found = judge([device_request(code)], b1_chart())[0]
    assert (found["status"], found["order"]["class"]) == ("covered", order_class)
    as_service = judge([order(code, "hcpcs")], b1_chart())[0]
    assert (as_service["status"], codes(as_service)) == ("not-applicable", {"non-icd-order"})


@pytest.mark.parametrize("code", ["33249", "33262", "33216"])
def test_procedure_code_in_a_device_request_is_not_ours(code: str, judge: Judge) -> None:
    request = device_request(code)
    request["codeCodeableConcept"]["coding"][0]["system"] = "http://www.ama-assn.org/go/cpt"
    assert judge([request], b6_chart())[0]["order"]["class"] == "not-defibrillator"


@pytest.mark.parametrize("entry", claim_entries("b1-diagnoses"))
def test_b1_code_leads_to_b1(entry: CodeEntry, judge: Judge) -> None:
    chart = [patient(), condition(entry.code, "2018-01-02"), lvef(45, "2018-01-02")]
    found = judge([order(day=usual_day(entry))], chart)[0]
    if entry.code == "Z45.02":
        # Tension 1: an existing device, never evidence of VT or VF.
        assert (found["indicationsMet"], found["order"]["class"]) == (["B6"], "replacement")
    elif entry.code in WEAK:
        assert (found["status"], found["indicationsMet"]) == ("conditional", [])
        assert "weak-dx-only" in codes(found)
    else:
        assert (found["status"], found["indicationsMet"]) == ("covered", ["B1"])


@pytest.mark.parametrize("entry", claim_entries("b2-diagnoses", "b3-diagnoses", "b4-diagnoses"))
@pytest.mark.parametrize("partner", CLAIM_CODES["heart-failure-partners"].split())
def test_pair_is_complete_with_any_partner(entry: CodeEntry, partner: str, judge: Judge) -> None:
    # P-B2-CODES, P-B3-CODES, P-B4-CODES.
    indication = {"I25.2": "B2", "I25.5": "B3"}.get(entry.code, "B4")
    rest = [lvef(30), nyha(2), visit()]
    rest += [medication("20352", "2026-01-15"), medication("29046", "2026-01-15")]
    primary = condition(entry.code, "2019-01-01")
    found = judge([order()], [patient(), primary, condition(partner), *rest])[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", [indication])
    alone = judge([order()], [patient(), primary, *rest])[0]
    assert alone["status"] == "conditional"
    assert [m["primary"] for m in alone["missingSecondary"]] == [entry.code]
    assert alone["missingSecondary"][0]["anyOf"] == CLAIM_CODES["heart-failure-partners"].split()


@pytest.mark.parametrize("entry", claim_entries("b5-diagnoses"))
def test_b5_code_needs_no_partner(entry: CodeEntry, judge: Judge) -> None:
    found = judge([order()], [patient(), condition(entry.code), lvef(60), visit()])[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B5"])


@pytest.mark.parametrize("entry", claim_entries("b6-diagnoses"))
def test_b6_code_with_a_device_is_a_replacement(entry: CodeEntry, judge: Judge) -> None:
    found = judge([order("33264")], [patient(), condition("Z95.810"), condition(entry.code)])[0]
    assert (found["status"], found["indicationsMet"]) == ("covered", ["B6"])


@pytest.mark.parametrize("entry", claim_entries("b6-diagnoses"))
def test_b6_code_without_a_device_may_be_a_pacemakers(entry: CodeEntry, judge: Judge) -> None:
    found = judge([order("33264")], [patient(), condition(entry.code)])[0]
    if entry.code == "Z45.02":  # says itself that it is a defibrillator
        assert found["status"] == "covered"
    else:
        assert found["status"] == "conditional"
        assert "existing-icd-not-evidenced" in codes(found)


@pytest.mark.parametrize(
    ("code", "day", "in_force"),
    [
        ("I47.2", "2022-09-30", True),
        ("I47.2", "2022-10-01", False),
        ("I47.20", "2022-09-30", False),
        ("I47.20", "2022-10-01", True),
        ("I47.21", "2022-09-30", False),
        ("I47.21", "2022-10-01", True),
        ("I47.29", "2022-09-30", False),
        ("I47.29", "2022-10-01", True),
        ("I5A", "2021-09-30", False),
        ("I5A", "2021-10-01", True),
    ],
)
def test_claim_code_outside_its_days_is_told(
    code: str,
    day: str,
    *,
    in_force: bool,
    judge: Judge,
) -> None:
    # P-REV-R3 to P-REV-R5.
    chart = [patient(), condition(code, "2018-01-02"), lvef(45, "2018-01-02")]
    found = judge([order(day=day)], chart)[0]
    assert ("code-not-effective" not in codes(found)) is in_force
    if code != "I5A":
        assert found["status"] == ("covered" if in_force else "conditional")


@pytest.mark.parametrize(
    "code",
    [
        "I50.1",
        "I50.20",
        "I50.30",
        "I50.31",
        "I50.32",
        "I50.33",
        "I50.40",
        "I50.89",
        "I50.9",
        "I11.0",
        "I13.0",
        "I13.2",
    ],
)
def test_heart_failure_code_that_is_no_partner_is_told(code: str, judge: Judge) -> None:
    chart = [patient(), condition("I25.5"), condition(code), lvef(30), nyha(2), visit()]
    found = judge([order()], chart)[0]
    assert found["status"] == "conditional"
    assert "hf-code-not-qualifying" in codes(found)
    assert found["missingSecondary"][0]["supported"] == []


@pytest.mark.parametrize("code", ["I42.9", "I42.5", "I43", "O90.3", "D86.85", "I49.8"])
def test_near_miss_is_told_and_leads_nowhere(code: str, judge: Judge) -> None:
    # Tensions 22 and 23.
    chart = [patient(), condition(code), condition("I50.22"), lvef(30), nyha(2), visit()]
    found = judge([order()], chart)[0]
    assert (found["status"], found["indicationsMet"]) == ("conditional", [])
    assert {"near-miss-diagnosis", "no-covered-diagnosis-found"} <= codes(found)


def test_every_implant_code_answers_b4_alike(judge: Judge) -> None:
    implants = [*SETS["orders-initial-implant"].codes, *SETS["orders-generator-only"].codes]
    answers = {judge([on(e)], b4_chart())[0]["status"] for e in implants}
    assert answers == {"covered"}


@pytest.mark.parametrize(
    ("system", "written", "canonical"),
    [
        ("icd10cm", " i5022", "I50.22"),
        ("icd10cm", "I50.22", "I50.22"),
        ("icd10cm", "i5a", "I5A"),
        ("icd10cm", "t82.7xxa", "T82.7XXA"),
        ("icd10pcs", "0jh608z", "0JH608Z"),
        ("hcpcs", "g0448 ", "G0448"),
        ("snomed", " 426525004 ", "426525004"),
        ("practitioner-role", "doctor", "doctor"),
    ],
)
def test_code_is_known_in_every_spelling(system: str, written: str, canonical: str) -> None:
    assert normalise(system, written) == canonical


def test_endless_code_is_no_code(knowledge: Knowledge) -> None:
    assert knowledge.index.find("icd10cm", "I25.5" + " " * 60) == ()
    assert knowledge.index.find("icd10pcs", "027" * 30) == ()


def test_of_a_value_set_without_words_nothing_speaks(knowledge: Knowledge) -> None:
    sets = [
        msgspec.structs.replace(one, words=(), abbreviations=())
        for one in knowledge.index.value_sets.values()
    ]
    vocabulary = Vocabulary(CodeIndex(sets), ())
    assert not vocabulary.speaks_of_visit("a visit with a decision aid, SDM")
    coding = Coding("http://hl7.org/fhir/sid/icd-10-cm", "I47.20")
    plain = vocabulary.diagnoses(CodeableConcept([coding], "VT"))
    assert plain == vocabulary.diagnoses(CodeableConcept([coding]))
    assert plain
