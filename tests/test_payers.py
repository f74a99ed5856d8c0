"""Which Coverage an order is judged for, whose it is, and what its payer wants."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

import fhir_builders as chart
from answers import answer_to
from command_line import run
from defib_coverage.app import create_app
from defib_coverage.content import load
from defib_coverage.coverage.determination import JudgedCoverage
from defib_coverage.errors import DataError, RequestError
from defib_coverage.fhir.fetching import Fetched, Shortfall
from defib_coverage.fhir.plans import Plan
from defib_coverage.fhir.resources import (
    CodeableConcept,
    Coding,
    Entry,
    Organization,
    Practitioner,
    Qualification,
)
from defib_coverage.fhir.systems import SYSTEM_URIS
from defib_coverage.hooks.asked import Asked
from defib_coverage.hooks.configuration import read_configuration
from defib_coverage.hooks.evaluation import Evaluation, Evaluator
from defib_coverage.hooks.source import source_label
from defib_coverage.hooks.wire import decode_request
from defib_coverage.payer_file import read_payers
from defib_coverage.settings import Settings
from fhir_builders import Json

if TYPE_CHECKING:
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.errors import Fault

DAY = date(2026, 11, 20)
SOPT = "https://nahdo.org/sopt"
IDS = "https://payers.example/id"
PAGE = (Path(__file__).parents[1] / "docs" / "payers.md").read_text(encoding="utf-8")
GOOD = """
[payers.gold]
label = "Gold Plan"
identifiers = ["https://payers.example/id|G-1"]
types = ["https://nahdo.org/sopt|112"]
names = ["Gold  Plan"]
prior_authorization = "auth-needed"

[payers.silver]
label = "Silver Plan"
identifiers = ["|S-1"]
names = ["Silver"]
"""


# --------------------------------------------------------------------------------------- the file


def plans_of(folder: Path, text: str = GOOD) -> tuple[Plan, ...]:
    path = folder / "payers.toml"
    path.write_text(text, encoding="utf-8")
    return read_payers(path)


def faults_of(folder: Path, text: str) -> tuple[Fault, ...]:
    """The faults of a payer file, each told in full."""
    with pytest.raises(DataError) as caught:
        plans_of(folder, text)
    for fault in caught.value.faults:
        assert fault.file == str(folder / "payers.toml")
        assert all((fault.key, fault.reason, fault.remedy))
    return caught.value.faults


def test_a_good_file(tmp_path: Path) -> None:
    gold, silver = plans_of(tmp_path)
    assert (gold.id, gold.label, gold.prior_authorization) == ("gold", "Gold Plan", "auth-needed")
    assert gold.types == (f"{SOPT}|112",)
    assert (silver.id, silver.prior_authorization) == ("silver", "no-auth")


def test_a_mark_that_stands_twice_in_one_entry_is_no_fault(tmp_path: Path) -> None:
    (plan,) = plans_of(tmp_path, '[payers.gold]\nlabel = "Gold"\nnames = ["Gold", "GOLD"]\n')
    assert plan.names == ("Gold", "GOLD")


def test_no_file_is_no_payers() -> None:
    assert read_payers(None) == ()


def test_the_example_of_the_page_is_a_good_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    plans = plans_of(tmp_path, example)
    assert [plan.prior_authorization for plan in plans] == ["no-auth", "auth-needed"]


def test_the_page_tells_every_key() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (?:`([\w-]+)`|.*?) \|", PAGE, re.MULTILINE))
    fields = set(Plan.__struct_fields__) - {"id"}
    assert set(told) == fields
    assert told["prior_authorization"] == Plan(id="x", label="x").prior_authorization


ENTRY_FAULTS = {
    "unknown key": ('lable = "x"', "gold.lable", "unknown key", "Did you mean 'label'"),
    "far key": ("zzz = 1", "gold.zzz", "unknown key", "Remove the key: the format is closed"),
    "its own id": ('id = "gold"', "gold.id", "the id is the table's name", "Remove the key"),
    "a text for a list": ('names = "Gold"', "gold.names", "expected `array`, got `str`", "docs"),
    "a word of its own": (
        'prior_authorization = "yes"',
        "gold.prior_authorization",
        "invalid enum value 'yes'",
        "docs/payers.md",
    ),
    "identifier without bar": (
        'identifiers = ["G-1"]',
        "gold.identifiers[0]",
        "'G-1' is not system|value",
        "Write system|value",
    ),
    "identifier without value": (
        'identifiers = ["https://payers.example/id| "]',
        "gold.identifiers[0]",
        "ends where its value should stand",
        "Write system|value",
    ),
    "type without bar": (
        'types = ["urn:x|1", "112"]',
        "gold.types[1]",
        "'112' is not system|code",
        "Write system|code",
    ),
    "empty name": ('names = ["Gold", " "]', "gold.names[1]", "is empty", "Remove it"),
}


@pytest.mark.parametrize(
    ("line", "key", "reason", "remedy"), ENTRY_FAULTS.values(), ids=ENTRY_FAULTS
)
def test_a_fault_in_an_entry_names_its_key(
    tmp_path: Path, line: str, key: str, reason: str, remedy: str
) -> None:
    marks = "" if "identifiers" in line else 'identifiers = ["urn:x|1"]\n'
    (fault,) = faults_of(tmp_path, f'[payers.gold]\nlabel = "Gold"\n{marks}{line}\n')
    assert fault.key == f"payers.{key}"
    assert reason in fault.reason
    assert remedy in fault.remedy


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("", "is missing"),
        ('label = ""', "is empty"),
        ('label = "  "', "is empty"),
        (f'label = "{"x" * 101}"', "is longer than 100 characters"),
        (r'label = "Gold\nPlan"', "cannot be shown"),
        ('label = "Gold\u202ePlan"', "cannot be shown"),
        ("label = 5", "expected `str`, got `int`"),
    ],
)
def test_a_label_that_no_card_can_bear(tmp_path: Path, label: str, reason: str) -> None:
    (fault,) = faults_of(tmp_path, f'[payers.gold]\nnames = ["Gold"]\n{label}\n')
    assert fault.key == "payers.gold.label"
    assert reason in fault.reason


def test_a_label_of_a_hundred_characters_will_do(tmp_path: Path) -> None:
    (plan,) = plans_of(tmp_path, f'[payers.gold]\nlabel = "{"x" * 100}"\nnames = ["Gold"]\n')
    assert len(plan.label) == 100


@pytest.mark.parametrize("marks", ["", "names = []\ntypes = []\nidentifiers = []\n"])
def test_an_entry_that_recognises_nothing(tmp_path: Path, marks: str) -> None:
    (fault,) = faults_of(tmp_path, f'[payers.gold]\nlabel = "Gold"\n{marks}')
    assert (fault.key, fault.reason) == ("payers.gold", "nothing tells a Coverage of this payer")


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("identifiers", f"{IDS}|G-1", f" {IDS} | G-1 "),
        ("types", "https://nahdo.org/sopt|1", "urn:oid:2.16.840.1.113883.3.221.5|1"),
        ("names", "Gold Plan", "GOLD  plan"),
    ],
)
def test_a_mark_of_two_payers(tmp_path: Path, field: str, one: str, other: str) -> None:
    text = "".join(
        f'[payers.{name}]\nlabel = "x"\n{field} = ["urn:{name}|1", "{mark}"]\n'
        for name, mark in (("a", one), ("b", other))
    )
    (fault,) = faults_of(tmp_path, text)
    assert fault.key == f"payers.b.{field}[1]"
    assert fault.reason.endswith("stands in payers.a too")


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("", "payers", "there is no table"),
        ("[payers]", "payers", "there is no table"),
        ("payers = 1", "payers", "there is no table"),
        (f"{GOOD}\n[payer.x]", "payer", "unknown key"),
        ("[payers]\ngold = 1", "payers.gold", "is no table"),
        ('[payers."a b"]\nlabel = "x"\nnames = ["x"]', "payers.a b", "the id is not made of"),
        ("[payers", "-", "is not valid TOML"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole(tmp_path: Path, text: str, key: str, reason: str) -> None:
    (fault,) = faults_of(tmp_path, text)
    assert fault.key == key
    assert reason in fault.reason


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, "[payers.a]\nlable = 1\n[payers.b]\nlabel = 2\n")
    assert [f.key for f in faults] == [
        "payers.a.lable",
        "payers.a.label",
        "payers.a",
        "payers.b.label",
        "payers.b",
    ]


def test_a_fault_refuses_to_start_and_to_evaluate(tmp_path: Path) -> None:
    path = tmp_path / "payers.toml"
    with pytest.raises(DataError, match="cannot be read"):
        create_app(Settings(payers=str(path)))
    path.write_text("[payers.gold]\n", encoding="utf-8")
    with pytest.raises(DataError, match="nothing tells a Coverage"):
        create_app(Settings(payers=str(path)))
    done = run("evaluate", "-", stdin=call(), settings={"PAYERS": str(path)})
    assert done.returncode != 0
    assert "payers.gold" in done.stderr


# --------------------------------------------------------------------------------------- the calls


def coverage(identity: str = "cov", /, **fields: object) -> Json:
    """An active Coverage that says nothing of its payer."""
    made: Json = {
        "resourceType": "Coverage",
        "id": identity,
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
    }
    return made | fields


def organization(identity: str = "payor", **fields: object) -> Json:
    return {"resourceType": "Organization", "id": identity, "active": True} | fields


GOLD_ID: Json = {"identifier": [{"system": IDS, "value": "G-1"}]}
BY_REFERENCE: Json = {"payor": [{"reference": "Organization/payor"}]}
MEDICARE: Json = {"type": chart.concept("1", SOPT)}
OTHER: Json = {"type": chart.concept("5", SOPT)}


def call(
    *coverages: Json,
    beside: Json | None = None,
    version: str | None = None,
    resources: list[Json] | None = None,
    **order: object,
) -> bytes:
    """An order-sign call of a covered order, with Coverages and further prefetch keys."""
    found = chart.b3_chart() if resources is None else resources
    prefetch = chart.by_keys([*found, *coverages]) | (beside or {})
    more = {} if version is None else {"davinci-crd.requestedVersion": version}
    return chart.sign([chart.order(**order)], prefetch, extension=more)  # type: ignore[arg-type]  # fields of the order


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, ...]:
    return plans_of(tmp_path_factory.mktemp("payers"))


@pytest.fixture(scope="module")
def evaluator(knowledge: Knowledge, plans: tuple[Plan, ...]) -> Evaluator:
    return Evaluator(knowledge, plans)


def judged(evaluator: Evaluator, body: bytes) -> JudgedCoverage:
    """The Coverage that the one order of a call is judged for."""
    decoded = decode_request(body, evaluator.knowledge.index)
    (found,) = evaluator.evaluate(decoded, DAY).determinations
    assert found.coverage is not None
    return found.coverage


def findings(evaluator: Evaluator, body: bytes) -> set[str]:
    decoded = decode_request(body, evaluator.knowledge.index)
    (found,) = evaluator.evaluate(decoded, DAY).determinations
    return {finding.code for finding in found.findings}


# --------------------------------------------------------------------------------- whose it is

GOLD: dict[str, Json] = {
    "identifier of the payor": {"payor": [{"identifier": {"system": IDS, "value": " G-1 "}}]},
    "type": {"type": chart.concept("112", SOPT)},
    "type in another spelling": {"type": chart.concept("112", "urn:oid:2.16.840.1.113883.3.221.5")},
    "name of the payor": {"payor": [{"display": "The GOLD plan, Inc."}]},
    "name of the class": {"class": [{"value": "1", "name": "Gold Plan"}]},
    "text of the type": {"type": {"text": "gold \n plan"}},
    "contained Organization's identifier": {
        "contained": [organization("o", **GOLD_ID)],
        "payor": [{"reference": "#o"}],
    },
    "contained Organization's name": {
        "contained": [organization("o", name="Gold Plan of Ohio")],
        "payor": [{"reference": "#o"}],
    },
    "the second payor": {"payor": [{"display": "Somebody"}, {"display": "Gold Plan"}]},
    "configured before another payer's type": {**OTHER, "payor": [{"display": "Gold Plan"}]},
    "configured before Medicare's type": {**MEDICARE, "payor": [{"display": "Gold Plan"}]},
    "configured before self-pay": {
        "type": {"text": "Gold Plan"},
        "payor": [{"reference": "Patient/p1"}],
    },
}


@pytest.mark.parametrize("fields", GOLD.values(), ids=GOLD)
def test_a_configured_payer_is_told(evaluator: Evaluator, fields: Json) -> None:
    found = judged(evaluator, call(coverage(**fields)))
    assert (found.standing, found.plan, found.reference) == ("medicare", "gold", "Coverage/cov")


NOT_GOLD: dict[str, Json] = {
    "another value": {"payor": [{"identifier": {"system": IDS, "value": "g-1"}}]},
    "another system": {"payor": [{"identifier": {"system": f"{IDS}s", "value": "G-1"}}]},
    "no system": {"payor": [{"identifier": {"value": "G-1"}}]},
    "the end of a word": {"payor": [{"display": "Marigold Plan"}]},
    "the beginning of a word": {"payor": [{"display": "Gold Planning"}]},
    "words of two members": {"class": [{"name": "Gold"}], "payor": [{"display": "Plan"}]},
    "nothing": {},
}


@pytest.mark.parametrize("fields", NOT_GOLD.values(), ids=NOT_GOLD)
def test_what_is_no_configured_payer_is_taken_as_medicare(
    evaluator: Evaluator, fields: Json
) -> None:
    found = judged(evaluator, call(coverage(**fields)))
    assert (found.standing, found.plan) == ("assumed", None)
    assert "coverage-taken-as-medicare" in findings(evaluator, call(coverage(**fields)))


def test_an_identifier_without_system_is_one(evaluator: Evaluator) -> None:
    found = judged(evaluator, call(coverage(payor=[{"identifier": {"value": "S-1"}}])))
    assert found.plan == "silver"


def test_identifiers_come_before_types_and_types_before_names(evaluator: Evaluator) -> None:
    by_identifier = {"payor": [{"identifier": {"value": "S-1"}, "display": "Gold Plan"}]}
    by_type = {"type": chart.concept("112", SOPT), "payor": [{"display": "Silver"}]}
    both = by_identifier | {"type": chart.concept("112", SOPT)}
    plans = [judged(evaluator, call(coverage(**f))).plan for f in (by_identifier, by_type, both)]
    assert plans == ["silver", "gold", "silver"]


SENT_ALONG: dict[str, Json] = {
    "alone under a key of its own": {"payer": organization(**GOLD_ID)},
    "in a Bundle": {"organizations": chart.bundle([organization("x"), organization(**GOLD_ID)])},
}


@pytest.mark.parametrize("beside", SENT_ALONG.values(), ids=SENT_ALONG)
@pytest.mark.parametrize(
    "reference",
    [
        "Organization/payor",
        "https://ehr.example/fhir/Organization/payor",
        "Organization/payor/_history/2",
    ],
)
def test_an_organization_sent_along_is_read(
    evaluator: Evaluator, beside: Json, reference: str
) -> None:
    body = call(coverage(payor=[{"reference": reference}]), beside=beside)
    assert judged(evaluator, body).plan == "gold"


def test_an_organization_beside_its_coverage_is_found_by_the_url_of_its_entry(
    evaluator: Evaluator,
) -> None:
    url = "urn:uuid:4d3a3f2c-6f0c-4c0a-9a3e-0b7f5c6f1e11"
    held = chart.bundle([coverage(payor=[{"reference": url}])])
    held["entry"].append({"fullUrl": url, "resource": organization(**GOLD_ID)})
    assert judged(evaluator, call(beside={"coverage": held})).plan == "gold"


def test_the_value_sets_know_organizations_too(evaluator: Evaluator) -> None:
    medicare = {"payer": organization(name="Medicare Administrative Contractor")}
    medicaid = {"payer": organization(name="Ohio Medicaid")}
    standings = [
        judged(evaluator, call(coverage(**BY_REFERENCE), beside=beside)).standing
        for beside in (medicare, medicaid)
    ]
    assert standings == ["medicare", "other"]


@pytest.mark.parametrize("beside", [None, {"payer": organization(**GOLD_ID)}])
def test_a_site_may_name_payers_by_identifier_in_the_value_sets(
    tmp_path: Path, beside: Json | None
) -> None:
    (tmp_path / "site.toml").write_text(
        f'extends = "payer-other"\ncodes = [{{ system = "{IDS}", code = "G-1" }}]\n'
    )
    payor = BY_REFERENCE["payor"] if beside else [{"identifier": GOLD_ID["identifier"][0]}]
    body = call(coverage(payor=payor), beside=beside)
    assert judged(Evaluator(load(tmp_path).knowledge()), body).standing == "other"


def test_the_patient_who_pays_is_known_by_the_url_of_their_entry(evaluator: Evaluator) -> None:
    url = "urn:uuid:4d3a3f2c-6f0c-4c0a-9a3e-0b7f5c6f1e11"
    held = chart.bundle([chart.patient()])
    held["entry"][0]["fullUrl"] = url
    body = call(coverage(payor=[{"reference": url}]), beside={"patient": held})
    assert judged(evaluator, body).standing == "other"


@pytest.mark.parametrize(
    "fields",
    [
        {"payor": [{"reference": "Patient/p1"}]},
        {"payor": [{"reference": "RelatedPerson/r1"}]},
        {"payor": [{"reference": "Patient/p1"}, {"reference": "RelatedPerson/r1"}]},
        {
            "payor": [{"reference": "#r"}],
            "contained": [{"resourceType": "RelatedPerson", "id": "r"}],
        },
    ],
)
def test_who_pays_in_person_is_no_medicare(evaluator: Evaluator, fields: Json) -> None:
    assert judged(evaluator, call(coverage(**fields))).standing == "other"


@pytest.mark.parametrize(
    "fields",
    [
        {"payor": [{"reference": "Patient/p1"}, {"display": "Example Health"}]},
        {"payor": [{"reference": "Patient/p1"}], **MEDICARE},
        {"payor": []},
    ],
)
def test_a_person_beside_another_payer_or_under_medicares_code_is_not_alone(
    evaluator: Evaluator, fields: Json
) -> None:
    assert judged(evaluator, call(coverage(**fields))).standing in {"assumed", "medicare"}


# ------------------------------------------------------------------------------ which one it is

LAPSED: dict[str, Json] = {
    "status": {"status": "cancelled"},
    "draft": {"status": "draft"},
    "ended": {"period": {"start": "2023-01-01", "end": "2026-11-19"}},
    "not begun": {"period": {"start": "2026-11-21"}},
}


@pytest.mark.parametrize("fields", LAPSED.values(), ids=LAPSED)
def test_a_coverage_that_is_not_in_force(evaluator: Evaluator, fields: Json) -> None:
    body = call(coverage(**(MEDICARE | fields)))
    assert judged(evaluator, body) == JudgedCoverage(standing="inactive", reference="Coverage/cov")
    assert "coverage-not-in-force" in findings(evaluator, body)


@pytest.mark.parametrize("period", [{"start": "2026-11-20"}, {"end": "2026-11-20"}, {}])
def test_the_first_and_the_last_day_are_in_force(evaluator: Evaluator, period: Json) -> None:
    body = call(coverage(**MEDICARE, period=period))
    assert judged(evaluator, body).standing == "medicare"


def test_the_day_is_the_orders_own(evaluator: Evaluator) -> None:
    old = coverage("old", **MEDICARE, period={"end": "2026-11-30"})
    new = coverage("new", **GOLD["type"], period={"start": "2026-12-01"})
    found = [judged(evaluator, call(old, new, day=day)) for day in ("2026-11-30", "2026-12-01")]
    assert [(one.reference, one.plan) for one in found] == [
        ("Coverage/old", None),
        ("Coverage/new", "gold"),
    ]


def test_of_several_the_order_names_one(evaluator: Evaluator) -> None:
    two = [coverage("a", **MEDICARE), coverage("b", **GOLD["type"])]
    assert judged(evaluator, call(*two)) == JudgedCoverage(standing="several")
    named = judged(evaluator, call(*two, insurance=[{"reference": "Coverage/b"}]))
    assert (named.standing, named.reference, named.plan) == ("medicare", "Coverage/b", "gold")


def test_the_same_coverage_twice_is_one(evaluator: Evaluator) -> None:
    one = coverage(**MEDICARE)
    body = call(beside={"coverage": chart.bundle([one, one]), "again": one})
    assert judged(evaluator, body).standing == "medicare"


def test_a_coverage_that_was_entered_in_error_is_none(evaluator: Evaluator) -> None:
    body = call(coverage(status="entered-in-error", **MEDICARE))
    assert judged(evaluator, body) == JudgedCoverage(standing="none")


# What comes where Coverages are asked for, and does not tell all of them.
INCOMPLETE: dict[str, Json] = {
    "first page": {"link": [{"relation": "next", "url": "https://ehr.example/fhir?page=2"}]},
    "a part": {"total": 3},
    "one that cannot be read": {"unreadable": coverage("odd", type=[{"text": "Medicare"}])},
    "one that is no record": {"unreadable": {"resourceType": "Bundle"}},
    "a query that failed in part": {
        "unreadable": {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": "timeout"}],
        }
    },
}
COMMERCIAL = coverage("c5", **OTHER)
LAPSED_MEDICARE = coverage("m1", status="cancelled", **MEDICARE)


def incomplete(kind: str, *coverages: Json, version: str | None = None, **order: object) -> bytes:
    """A call whose list of Coverages is not all there are."""
    held = chart.bundle(coverages)
    lacks = dict(INCOMPLETE[kind])
    if "unreadable" in lacks:
        held["entry"].append({"resource": lacks.pop("unreadable")})
    return call(beside={"coverage": held | lacks}, version=version, **order)  # type: ignore[arg-type]  # fields of the order


def told(evaluator: Evaluator, body: bytes) -> list[Json]:
    """The resources of the system actions, with the coverage information that they bear."""
    return [json.loads(bytes(a.resource)) for a in answer_to(evaluator, body, DAY).system_actions]


@pytest.mark.parametrize("kind", INCOMPLETE)
@pytest.mark.parametrize("known", [(), (COMMERCIAL,), (LAPSED_MEDICARE,)], ids=len)
@pytest.mark.parametrize("version", [None, "2.2"])
def test_an_incomplete_list_settles_nothing(
    evaluator: Evaluator, kind: str, known: tuple[Json, ...], version: str | None
) -> None:
    body = incomplete(kind, *known, version=version)
    assert judged(evaluator, body) == JudgedCoverage(standing="none")
    assert {"assumes-medicare", "record-incomplete"} & findings(evaluator, body)
    assert told(evaluator, body) == []
    body = incomplete(kind, *known, version=version, insurance=[{"reference": "Coverage/c5"}])
    written = told(evaluator, body)
    assert len(written) == (version == "2.2")
    for one in written:
        parts = {part["url"]: part for part in one["extension"][0]["extension"]}
        assert parts["covered"]["valueCode"] == "indeterminate"
        (reason,) = parts["reason"]["valueCodeableConcept"]["coding"]
        assert reason["code"] == "technical"


@pytest.mark.parametrize("kind", INCOMPLETE)
def test_of_an_incomplete_list_medicare_wins_all_the_same(evaluator: Evaluator, kind: str) -> None:
    two = (COMMERCIAL, coverage("m2", **MEDICARE))
    found = judged(evaluator, incomplete(kind, *two))
    assert (found.standing, found.reference) == ("medicare", "Coverage/m2")


def test_a_commercial_coverage_beside_an_organization_that_failed_is_another_payers(
    evaluator: Evaluator,
) -> None:
    body = call(coverage(**BY_REFERENCE, **OTHER))
    evaluation = after(evaluator, body, Fetched(cause=Shortfall.NOT_PERMITTED))
    (found,) = evaluation.determinations
    assert found.coverage is not None
    assert found.coverage.standing == "other"


@pytest.mark.parametrize("insurance", [[], [{"reference": "Coverage/c5"}]], ids=len)
def test_another_payers_coverage_that_is_over_is_one_that_is_not_in_force(
    evaluator: Evaluator, insurance: list[Json]
) -> None:
    lapsed = COMMERCIAL | {"status": "cancelled"}
    found = judged(evaluator, call(lapsed, insurance=insurance))
    assert (found.standing, found.reference) == ("inactive", "Coverage/c5")
    (one,) = told(evaluator, call(lapsed, version="2.2", insurance=insurance))
    parts = {part["url"]: part for part in one["extension"][0]["extension"]}
    (reason,) = parts["reason"]["valueCodeableConcept"]["coding"]
    assert reason["code"] == "no-active-coverage"
    # Medicare's that is over tells more.
    found = judged(evaluator, call(lapsed, LAPSED_MEDICARE))
    assert found.reference == "Coverage/m1"


@pytest.mark.parametrize(
    "fields",
    [MEDICARE, {}, MEDICARE | {"status": "cancelled"}],
    ids=["medicare", "unknown", "over"],
)
@pytest.mark.parametrize("identity", [None, "", "x" * 129, "a b", "<b>"])
def test_a_coverage_without_an_id_is_refused_in_2_2(
    evaluator: Evaluator, identity: str | None, fields: Json
) -> None:
    nameless = coverage(**fields) | {"id": identity}
    with pytest.raises(RequestError, match="Coverage has no id") as caught:
        answer_to(evaluator, call(nameless, version="2.2"), DAY)
    assert caught.value.status == 400
    assert told(evaluator, call(nameless)) == []


@pytest.mark.parametrize("identity", ["x" * 1_000_000, "John Doe\nborn 1958", "<script>"])
def test_a_refusal_names_the_order_by_its_place_where_it_has_no_id(
    evaluator: Evaluator, identity: str
) -> None:
    with pytest.raises(RequestError) as caught:
        answer_to(evaluator, call(COMMERCIAL, version="2.2", id=identity), DAY)
    assert str(caught.value).count("ServiceRequest/entry-0: the payer of") == 1
    assert identity not in str(caught.value)


@pytest.mark.parametrize("identity", ["x" * 129, "a b", "<b>", ".."])
def test_what_the_order_names_is_repeated_only_if_it_is_an_id(
    evaluator: Evaluator, identity: str
) -> None:
    body = call(insurance=[{"reference": f"Coverage/{identity}"}, {"reference": "Coverage/z"}])
    assert judged(evaluator, body) == JudgedCoverage(standing="none", reference="Coverage/z")


def test_no_coverage(evaluator: Evaluator) -> None:
    assert judged(evaluator, call()) == JudgedCoverage(standing="none")
    assert "assumes-medicare" in findings(evaluator, call())


# ------------------------------------------------------------------------- what is read on the way


def asked_for(evaluator: Evaluator, body: bytes) -> list[str]:
    """What is read for a call that brings all its prefetch keys."""
    steps = evaluator.steps(decode_request(body, evaluator.knowledge.index), DAY)
    try:
        return [query.path for query in next(steps)]
    except StopIteration:
        return []


def after(evaluator: Evaluator, body: bytes, fetched: Fetched) -> Evaluation:
    """What a call comes to when the one thing that it asks for comes so."""
    steps = evaluator.steps(decode_request(body, evaluator.knowledge.index), DAY)
    (query,) = next(steps)
    try:
        steps.send({query: fetched})
    except StopIteration as done:
        found: Evaluation = done.value
        return found
    pytest.fail("more was asked for")


@pytest.mark.parametrize("fields", [{}, MEDICARE, OTHER], ids=["unknown", "medicare", "other"])
def test_an_organization_that_may_tell_a_configured_payer_is_asked_for(
    evaluator: Evaluator, fields: Json
) -> None:
    assert asked_for(evaluator, call(coverage(**BY_REFERENCE, **fields))) == ["Organization/payor"]


@pytest.mark.parametrize(
    ("fields", "wanted"), [({}, 1), (MEDICARE, 0), (OTHER, 0)], ids=["unknown", "medicare", "other"]
)
def test_without_configured_payers_it_is_asked_for_only_where_nobody_is_known(
    knowledge: Knowledge, fields: Json, wanted: int
) -> None:
    body = call(coverage(**BY_REFERENCE, **fields))
    assert len(asked_for(Evaluator(knowledge), body)) == wanted


@pytest.mark.parametrize(
    "fields",
    [
        *LAPSED.values(),
        GOLD["type"],
        {"payor": [{"reference": "Patient/p1"}]},
        {"payor": [{"reference": "#gone"}]},
        {"payor": [{"reference": "urn:uuid:4d3a3f2c-6f0c-4c0a-9a3e-0b7f5c6f1e11"}]},
        {"payor": [{"reference": "Practitioner/dr-1"}]},
        {"payor": [{"reference": "Organization/../Patient"}]},
    ],
)
def test_nothing_is_asked_for_that_could_not_matter(evaluator: Evaluator, fields: Json) -> None:
    assert asked_for(evaluator, call(coverage(**(BY_REFERENCE | fields)))) == []


def test_an_organization_that_came_is_not_asked_for(evaluator: Evaluator) -> None:
    body = call(coverage(**BY_REFERENCE), beside={"payer": organization(name="Example Health")})
    assert asked_for(evaluator, body) == []


def test_the_visits_of_an_organization_are_no_reason_to_read_it(evaluator: Evaluator) -> None:
    encounter = chart.visit(profession=None, participant=[{"individual": BY_REFERENCE["payor"][0]}])
    assert asked_for(evaluator, call(resources=[*chart.b3_chart(), encounter])) == []


def test_an_organization_that_is_read_tells_the_payer(evaluator: Evaluator) -> None:
    came = Fetched([Entry(resource=Organization(id="payor", name="Gold Plan"))])
    (found,) = after(evaluator, call(coverage(**BY_REFERENCE)), came).determinations
    assert found.coverage is not None
    assert (found.coverage.plan, found.coverage.insurer) == ("gold", "Gold Plan")


@pytest.mark.parametrize("cause", [Shortfall.NOT_PERMITTED, Shortfall.NOT_OFFERED])
def test_an_organization_that_cannot_be_read_opens_no_criterion(
    evaluator: Evaluator, cause: Shortfall
) -> None:
    without_visit = [r for r in chart.b3_chart() if r["resourceType"] != "Encounter"]
    body = call(coverage(**BY_REFERENCE), resources=without_visit)
    (found,) = after(evaluator, body, Fetched(cause=cause)).determinations
    gaps = {g.kind for i in found.indications for c in i.criteria for g in c.gaps}
    assert "not-found" in gaps
    assert "not-fetched" not in gaps
    evaluation = after(evaluator, call(coverage(**BY_REFERENCE)), Fetched(cause=cause))
    (found,) = evaluation.determinations
    # What is not there was looked for.
    assert evaluation.failed is (cause is Shortfall.NOT_PERMITTED)
    assert evaluation.coverage_unknown is None
    assert (found.status, found.indications_met) == ("covered", ("B3",))
    assert found.coverage is not None
    assert found.coverage.standing == "assumed"


def test_what_turned_out_not_to_be_needed_has_not_failed(evaluator: Evaluator) -> None:
    who = {"individual": {"reference": "Practitioner/dr-1"}}
    visit = chart.visit(profession=None, participant=[who])
    others = [r for r in chart.b3_chart() if r["resourceType"] != "Encounter"]
    body = call(coverage(**MEDICARE), resources=[*others, visit])
    steps = evaluator.steps(decode_request(body, evaluator.knowledge.index), DAY)
    person, roles = next(steps)
    physician = Practitioner(
        id="dr-1",
        qualification=[
            Qualification(CodeableConcept([Coding(SYSTEM_URIS["v2-0360"][0], "MD")])),
        ],
    )
    came = {
        person: Fetched([Entry(resource=physician)]),
        roles: Fetched(cause=Shortfall.NOT_PERMITTED),
    }
    with pytest.raises(StopIteration) as done:
        steps.send(came)
    evaluation: Evaluation = done.value.value
    assert not evaluation.failed
    assert evaluation.determinations[0].status == "covered"


# ---------------------------------------------------------------------------- in whose name it is


@pytest.mark.parametrize(
    ("payor", "name"),
    [
        ([{"display": "Example Health"}], "Example Health"),
        ([{"display": "Example (Ohio), Inc. 'A'"}], "Example (Ohio), Inc. 'A'"),
        *(([{"display": f"Example {mark} Health"}], None) for mark in "<>&[]\\`"),
        ([{"display": " Example Health "}], "Example Health"),
        ([{"reference": "Organization/payor", "display": "Shown"}], "Shown"),
        ([{"reference": "Organization/payor"}], "By its record"),
        ([{"reference": "Organization/payor", "display": "x" * 101}], "By its record"),
        ([{"display": "x" * 100}], "x" * 100),
        ([{"display": "x" * 101}], None),
        ([{"display": "Example\nHealth"}], None),
        ([{"display": "Example \u202ehtlaeH"}], None),
        ([{"display": " "}], None),
        ([], None),
        ([{"reference": "Patient/p1", "display": "Agnes Underhill"}], None),
        ([{"reference": "RelatedPerson/r", "display": "Agnes Underhill"}], None),
        (
            [{"reference": "Patient/p1", "display": "Agnes"}, {"display": "Example Health"}],
            "Example Health",
        ),
    ],
)
def test_the_insurer_is_named_as_the_chart_has_it(
    evaluator: Evaluator, payor: list[Json], name: str | None
) -> None:
    beside = {"payer": organization(name="By its record")}
    assert judged(evaluator, call(coverage(payor=payor), beside=beside)).insurer == name


TOLD = JudgedCoverage(standing="medicare", plan="gold", insurer="Chart")
NAMED = JudgedCoverage(standing="medicare", insurer="Chart")


@pytest.mark.parametrize(
    ("client", "version", "coverage", "label"),
    [
        ("Own", "2.2", TOLD, "Own"),
        (None, None, TOLD, "Gold Plan"),
        (None, "2.2", NAMED, "Chart"),
        (None, "2.2", JudgedCoverage(standing="assumed", insurer="Chart"), "Policy"),
        (None, "2.0", NAMED, "Policy"),
        (None, None, NAMED, "Policy"),
        (None, "2.2", JudgedCoverage(standing="medicare"), "Policy"),
        (None, "2.2", JudgedCoverage(standing="inactive", plan="gold", insurer="Chart"), "Policy"),
        (None, "2.2", None, "Policy"),
    ],
)
def test_the_label_of_a_source(
    evaluator: Evaluator,
    client: str | None,
    version: str | None,
    coverage: JudgedCoverage | None,
    label: str,
) -> None:
    policy = evaluator.knowledge.library.versions[-1]
    decoded = decode_request(call(version=version), evaluator.knowledge.index)
    asked = Asked(
        decoded=decoded,
        configuration=read_configuration(decoded.request.extension),
        today=DAY,
        label=client,
        plans={"gold": Plan(id="gold", label="Gold Plan")},
    )
    named = msgspec.structs.replace(policy, source_label="Policy")
    assert source_label(asked, coverage, named) == label


def test_a_card_bears_the_label_of_the_payer(evaluator: Evaluator, plans: tuple[Plan, ...]) -> None:
    open_chart = [chart.patient(), chart.condition("I25.5", "2024-01-10")]
    body = call(coverage(**GOLD["type"]), resources=open_chart)
    cards = answer_to(evaluator, body, DAY, plans).cards
    assert {card.source.label for card in cards} == {"Gold Plan"}


def test_evaluate_gives_the_answer_of_the_service(tmp_path: Path) -> None:
    plans_of(tmp_path)
    settings = {"PAYERS": str(tmp_path / "payers.toml")}
    done = run("evaluate", "-", "--json", stdin=call(coverage(**GOLD["type"])), settings=settings)
    (found,) = json.loads(done.stdout)["determinations"]
    assert found["coverage"]["plan"] == "gold"


# ------------------------------------------------------------------------- what charts hold besides


@pytest.mark.parametrize(
    ("name", "standing"),
    [
        ("Medicare Supplement Plan G", "other"),
        ("Medigap Plan N", "other"),
        ("Medicare-Medicaid dual plan", "medicare"),
    ],
)
def test_the_longest_words_tell_whose_it_is(evaluator: Evaluator, name: str, standing: str) -> None:
    body = call(coverage(payor=[{"display": name}]))
    assert judged(evaluator, body).standing == standing


def test_a_supplement_beside_medicare_leaves_medicare(evaluator: Evaluator) -> None:
    supplement = coverage("gap", payor=[{"display": "Medicare Supplement"}])
    found = judged(evaluator, call(coverage("a", **MEDICARE), supplement))
    assert (found.standing, found.reference) == ("medicare", "Coverage/a")


def test_coverages_without_an_id_are_told_apart_and_named_by_nobody(evaluator: Evaluator) -> None:
    def nameless(**fields: object) -> Json:
        made = coverage(**fields)
        del made["id"]
        return made

    assert judged(evaluator, call(nameless(**MEDICARE))) == JudgedCoverage(standing="medicare")
    two = judged(evaluator, call(nameless(**MEDICARE), nameless(**MEDICARE)))
    assert two.standing == "several"
    body = call(nameless(payor=[{"display": "Plan"}]))
    assert "coverage-taken-as-medicare" in findings(evaluator, body)
