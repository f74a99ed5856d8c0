"""Which codes each value set holds on which day, against the facts of the article by themselves.

``data/article_codes.json`` holds every code of the article with its first and last service day, and
the codes behind the clinical evidence. What a list must hold is computed from it here, without the
product. The file regroups the notes on the article that the value set files were written from too:
a slip in those would stand in both. So it is compared with counts made by hand from the article
(``COUNTED``) and with the worked cases (``data/vignettes.json``), which were written apart from it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from defib_coverage.terminology.catalogue import Catalogue

pytest_plugins = ("published",)
Json = dict[str, Any]
Code = tuple[str, str]

URIS = {
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd10pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "snomed": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "mdc": "urn:iso:std:iso:11073:10101",
}
# The lists of the article, and the value sets that publish them.
LISTS = {
    "B1": "b1-diagnoses",
    "B2": "b2-diagnoses",
    "B3": "b3-diagnoses",
    "B4": "b4-diagnoses",
    "B5": "b5-diagnoses",
    "B6": "b6-diagnoses",
    "D-BTT": "transplant-bridge-diagnoses",
    "D-IDE": "device-trial-diagnoses",
    "SEC-HF": "heart-failure-partners",
    "SEC-BTT": "transplant-bridge-partners",
}
# How many codes each list and each class of orders holds from each day on, counted by hand from the
# article and its revisions.
COUNTED = {
    "2018-02-15": {"B1": 9, "B6": 14, "lead-only": 20, "removal": 10, "pacemaker-combo": 0},
    "2019-10-01": {"B1": 9, "B6": 14, "lead-only": 22, "removal": 12, "pacemaker-combo": 0},
    "2021-10-01": {"B1": 10, "B6": 14, "lead-only": 22, "removal": 11, "pacemaker-combo": 0},
    "2022-10-01": {"B1": 12, "B6": 14, "lead-only": 22, "removal": 11, "pacemaker-combo": 0},
    "2023-01-01": {"B1": 12, "B6": 14, "lead-only": 22, "removal": 11, "pacemaker-combo": 4},
}
BREAKS = [date.fromisoformat(day) for day in COUNTED]
DAYS = [day for first in BREAKS for day in (first - timedelta(1), first)]
# Names of operations in SNOMED CT that orders are recognised by; the article lists none.
NOT_OF_THE_ARTICLE = {URIS["snomed"]}
# Codes of evidence sets that the lists in the facts lack: the rules name wider families.
ADDED = {
    "lvef-modality": {
        ("http://dicom.nema.org/resources/ontology/DCM", kind)
        for kind in ("CT", "MR", "NM", "PT", "US", "XA")
    },
    "heart-failure-near-miss": {(URIS["icd10cm"], "I13.10"), (URIS["icd10cm"], "I13.11")},
    "life-limiting": {(URIS["icd10cm"], "K72.00"), (URIS["icd10cm"], "K72.01")},
}


class _Listed(msgspec.Struct, frozen=True, kw_only=True, rename={"begin": "from"}):
    code: str
    begin: date
    until: date | None

    def on(self, day: date) -> bool:
        return self.begin <= day and (self.until is None or day <= self.until)


class Diagnosis(_Listed, frozen=True, kw_only=True):
    lists: list[str]


class Order(_Listed, frozen=True, kw_only=True, rename={"begin": "from", "kind": "class"}):
    system: str
    kind: str
    shared: bool


class Evidence(msgspec.Struct, frozen=True):
    """The codes behind value sets: listed ones, and families as regular expressions."""

    sets: list[str]
    codes: dict[str, list[str]]
    families: list[tuple[str, str]]


class Facts(msgspec.Struct, frozen=True):
    diagnoses: list[Diagnosis]
    orders: list[Order]
    evidence: list[Evidence]


FACTS = msgspec.json.decode(
    (Path(__file__).parent / "data/article_codes.json").read_bytes(), type=Facts
)
CLASSES = sorted({order.kind for order in FACTS.orders})


def listed(name: str, day: date) -> set[Code]:
    """What the article lists on a day: a list of diagnoses, or a class of orders."""
    codes = {
        (URIS["icd10cm"], one.code) for one in FACTS.diagnoses if name in one.lists and one.on(day)
    }
    return codes | {
        (URIS[one.system], one.code) for one in FACTS.orders if name == one.kind and one.on(day)
    }


def codes_of(value_set: Json) -> list[Code]:
    return [
        (part["system"], concept["code"])
        for part in value_set["compose"]["include"]
        for concept in part["concept"]
    ]


@pytest.fixture(scope="session")
def by_day(
    catalogue: Catalogue, contents: Mapping[tuple[str, bool], tuple[Json, ...]]
) -> Mapping[date, Mapping[str, list[Code]]]:
    """The codes of each value set by the last part of its url, for every day of interest."""
    found: dict[date, Mapping[str, list[Code]]] = {}
    for day in DAYS:
        release = catalogue.releases.on(day)
        held = () if release is None else contents[release.version, True]
        found[day] = {
            one["url"].rpartition("/")[2]: codes_of(one)
            for one in held
            if one["resourceType"] == "ValueSet"
        }
    return found


def ours(sets: Mapping[str, list[Code]], names: Iterable[str]) -> list[Code]:
    """The codes of value sets, each with its part that holds CPT codes."""
    return [code for name in names for part in (name, f"{name}-cpt") for code in sets.get(part, [])]


def test_the_facts_count_as_the_article_does() -> None:
    for day, counts in COUNTED.items():
        for name, count in counts.items():
            assert len(listed(name, date.fromisoformat(day))) == count, (day, name)
    assert set(LISTS) == {name for one in FACTS.diagnoses for name in one.lists}


def test_nothing_is_published_for_days_before_the_first(
    by_day: Mapping[date, Mapping[str, list[Code]]],
) -> None:
    assert by_day[BREAKS[0] - timedelta(1)] == {}
    assert all(by_day[day] for day in DAYS[1:])


@pytest.mark.parametrize("day", DAYS[1:], ids=str)
def test_lists_of_diagnoses_on_a_day(
    by_day: Mapping[date, Mapping[str, list[Code]]], day: date
) -> None:
    for name, value_set in LISTS.items():
        expected = listed(name, day)
        found = ours(by_day[day], [value_set])
        assert set(found) == expected, name
        assert len(found) == len(expected), name


@pytest.mark.parametrize("day", DAYS[1:], ids=str)
def test_order_codes_on_a_day(by_day: Mapping[date, Mapping[str, list[Code]]], day: date) -> None:
    for kind in CLASSES:
        expected = listed(kind, day)
        found = [
            (system, code)
            for system, code in ours(by_day[day], [f"orders-{kind}"])
            if system not in NOT_OF_THE_ARTICLE
        ]
        assert set(found) == expected, kind
        assert len(found) == len(expected), kind


def test_a_list_changes_on_its_days_and_on_no_others(
    by_day: Mapping[date, Mapping[str, list[Code]]],
) -> None:
    changed = {
        (str(day), name)
        for day in BREAKS[1:]
        for name in [*LISTS.values(), *(f"orders-{kind}" for kind in CLASSES)]
        if Counter(ours(by_day[day], [name])) != Counter(ours(by_day[day - timedelta(1)], [name]))
    }
    assert changed == {
        ("2019-10-01", "orders-lead-only"),
        ("2019-10-01", "orders-removal"),
        ("2021-10-01", "b1-diagnoses"),
        ("2021-10-01", "orders-removal"),
        ("2022-10-01", "b1-diagnoses"),
        ("2023-01-01", "orders-pacemaker-combo"),
    }


def test_codes_that_also_serve_pacemakers_are_marked(
    contents: Mapping[tuple[str, bool], tuple[Json, ...]],
) -> None:
    marked = {
        (concept["system"], concept["code"])
        for one in contents["2023.1.1", True]
        if one["resourceType"] == "ValueSet" and one["id"].startswith("orders-")
        for concept in one["expansion"]["contains"]
        for extension in concept.get("extension", [])
        if extension["extension"][0]["valueCode"] == "shared-with-pacemakers"
    }
    day = BREAKS[-1]
    expected = {(URIS[one.system], one.code) for one in FACTS.orders if one.shared and one.on(day)}
    assert {code for code in marked if code[0] not in NOT_OF_THE_ARTICLE} == expected


@pytest.mark.parametrize("evidence", FACTS.evidence, ids=lambda one: "+".join(one.sets))
def test_evidence_on_every_day(
    by_day: Mapping[date, Mapping[str, list[Code]]], evidence: Evidence
) -> None:
    """Charts may hold codes of any year: evidence is the same on every day."""
    named = {(URIS[system], code) for system, codes in evidence.codes.items() for code in codes}
    for day in DAYS[1:]:
        found = set(ours(by_day[day], evidence.sets))
        assert named <= found
        for system, code in found - named - ADDED.get(evidence.sets[0], set()):
            families = [text for alias, text in evidence.families if URIS[alias] == system]
            assert any(re.search(text, code) for text in families), (system, code)


def test_no_exception_is_made_for_nothing(
    by_day: Mapping[date, Mapping[str, list[Code]]],
) -> None:
    sets = by_day[DAYS[-1]]
    for name, codes in ADDED.items():
        assert codes <= set(ours(sets, [name]))
    kinds = {system for kind in CLASSES for system, _ in ours(sets, [f"orders-{kind}"])}
    assert kinds >= NOT_OF_THE_ARTICLE


def test_the_facts_are_read_whole() -> None:
    text = (Path(__file__).parent / "data/article_codes.json").read_text(encoding="utf-8")
    assert {key: len(rows) for key, rows in json.loads(text).items()} == {
        "diagnoses": 46,
        "orders": 60,
        "evidence": 24,
    }


def test_the_worked_cases_know_the_same_codes_and_days() -> None:
    cases = json.loads((Path(__file__).parent / "data/vignettes.json").read_text(encoding="utf-8"))
    orders = {one.code: one for one in FACTS.orders}
    lists = {one.code: set(one.lists) for one in FACTS.diagnoses}
    dated, named = set(), set()
    for case in cases:
        for order in case["orders"]:
            known = orders.get(order["code"]["coding"][0]["code"])
            # What is not judged is not told to be out of force either.
            is_judged = case["expect"]["status"] == "covered"
            if known is not None and is_judged and "occurrenceDateTime" in order:
                day = date.fromisoformat(order["occurrenceDateTime"][:10])
                ended = "order-code-not-effective" in case["expect"]["findings"]
                assert known.on(day) is not ended, case["id"]
                dated.add(known.code)
        # Cases of a claim code are named by indication and code.
        indication, _, code = case["id"].partition("-")
        if case["expect"]["indicationsMet"] == [indication] and code in lists:
            assert lists[code] & {indication, "SEC-HF"}, case["id"]
            named.add(code)
    assert len(dated) >= 40
    assert len(named) >= 20
