"""Without CPT: whatever is asked, no answer holds one of its numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from defib_coverage.terminology.operations.code_system_index import CodeSystemIndex
from defib_coverage.terminology.operations.errors import TerminologyError, outcome_of
from tx_calls import B1, Pairs, Service, published

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.terminology.operations.known_systems import KnownSystem

FULL = published()
FREE = Service(FULL.catalogue.free())
MEMBERS = {
    (member.uri, member.code, member.system)
    for sets in FULL.catalogue.sets.values()
    for one in sets
    for member in one.members
}
NUMBERS = re.compile(
    r"(?<!\w)(?:" + "|".join(code for _, code, system in MEMBERS if system == "cpt") + r")(?!\w)"
)
FIRST, LAST = "2018-03-01", "2026-11-21"


def told(service: Service, kind: str, operation: str, pairs: Pairs) -> list[str]:
    """The numbers of CPT in an answer, be it a refusal."""
    try:
        found = service.operations.run(kind, operation, None, pairs)
    except TerminologyError as error:
        found = msgspec.json.encode(outcome_of(error))
    return NUMBERS.findall(found.decode())


def questions(uri: str, code: str) -> Iterator[tuple[str, str, Pairs]]:
    """Every operation about a code, on the first day and today, and about one that is no code."""
    short = code[:-1] or code
    coded = [("system", uri), ("code", code)]
    for day in (FIRST, LAST):
        dated = ("date", day)
        yield "CodeSystem", "lookup", [*coded, dated]
        yield "CodeSystem", "validate-code", [("url", uri), ("code", code), dated]
        yield "ValueSet", "validate-code", [("url", B1), *coded, dated]
        yield "ConceptMap", "translate", [*coded, dated]
    yield "CodeSystem", "lookup", coded
    yield "CodeSystem", "lookup", [("system", uri), ("code", short)]
    yield "CodeSystem", "validate-code", [("url", uri), ("code", code.lower())]
    yield "CodeSystem", "subsumes", [("system", uri), ("codeA", code), ("codeB", code)]
    yield "CodeSystem", "subsumes", [("system", uri), ("codeA", code), ("codeB", short)]
    yield "ConceptMap", "translate", [*coded, ("reverse", "true")]


SYSTEMS = [*CodeSystemIndex(FREE.catalogue).systems.values()]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.title)
def test_no_answer_about_any_code_holds_a_number(system: KnownSystem) -> None:
    for code in system.codes:
        for kind, operation, pairs in questions(system.url, code):
            assert told(FREE, kind, operation, pairs) == [], (kind, operation, pairs)


def test_no_expansion_holds_a_number() -> None:
    for sets in FULL.catalogue.sets.values():
        for one in sets:
            for more in ([], [("includeDefinition", "true"), ("includeDesignations", "true")]):
                assert told(FREE, "ValueSet", "expand", [("url", one.canonical), *more]) == []


def test_with_cpt_these_questions_find_numbers() -> None:
    pairs = [("system", "http://www.cms.gov/Medicare/Coding/ICD10"), ("code", "02PAXMZ")]
    assert told(FULL, "CodeSystem", "lookup", pairs)
    url = next(one.url for one in FULL.catalogue.sets["2023.1.1"] if one.licensed)
    assert told(FULL, "ValueSet", "expand", [("url", url)])
