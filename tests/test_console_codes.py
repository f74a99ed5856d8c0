"""``/codes``, the page of a code, the page of a value set and what can be taken away."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console_pages import codes_linked, ids, links, told, words
from defib_coverage.content import load
from defib_coverage.explaining.change_days import change_days
from defib_coverage.explaining.code_facts import facts_of
from defib_coverage.explaining.code_search import CodeSearch
from defib_coverage.explaining.code_sentences import claim_of, days_of, order_of
from defib_coverage.explaining.near_codes import near_entries
from defib_coverage.families import load_families
from defib_coverage.fhir.systems import SYSTEM_NAMES
from live_server import TODAY, running

if TYPE_CHECKING:
    from pathlib import Path

    from defib_coverage.explaining.code_search import ListedCode
    from live_server import Live

pytest_plugins = ("live_server",)
KNOWLEDGE = load().knowledge()
INDEX = KNOWLEDGE.index
FAMILIES = load_families()
SEARCH = CodeSearch(INDEX)
SYSTEMS = sorted({one.system for one in SEARCH.codes})
CHANGES = [change.day for change in change_days(KNOWLEDGE.library, INDEX)]
FAMILIES = load_families()
AMA = "American Medical Association. All rights reserved."
CPT = {one.code for one in SEARCH.codes if one.system == "cpt"}
OK, BAD, NOT_FOUND = 200, 400, 404


def sentence(text: str) -> str:
    """A sentence as a page begins it."""
    return told(text[:1].upper() + text[1:])


# ------------------------------------------------------------------------------------- the search


def test_the_first_page_offers_every_value_set(live: Live) -> None:
    page = live.get("/codes").text
    assert {f"/codes/sets/{name}" for name in INDEX.value_sets} <= set(links(page))
    assert "Type a number or a word." in words(page)
    assert len(ids(page)) == len(set(ids(page)))


@pytest.mark.parametrize(
    ("query", "first", "count"),
    [
        ("q=i5022", "I50.22", 1),
        ("q=I50.22&system=icd10cm&role=coverage", "I50.22", 1),
        ("q=33249", "33249", 1),
        ("q=chronic+systolic", "I50.22", None),
        ("q=&list=b2-diagnoses", "I25.2", 1),
    ],
)
def test_a_search_tells_what_it_found(
    live: Live, query: str, first: str, count: int | None
) -> None:
    page = live.get(f"/codes?{query}")
    found = list(codes_linked(page.text))
    assert found[0] == first
    if count == 1:
        assert "1 code was found." in words(page.text)
        assert found == [first]


def test_pages_of_an_answer_hold_every_code_once(live: Live) -> None:
    address: str | None = "/codes?role=evidence&on=2020-01-01"
    found: list[str] = []
    while address is not None:
        page = live.get(address).text
        found += [link for link in links(page) if re.match(r"/codes/[^/]+\?system=", link)]
        further = re.findall(r'href="([^"]*)" rel="next"', page)
        address = further[0].replace("&amp;", "&") if further else None
    expected = [
        one
        for one in SEARCH.codes
        if any(INDEX.value_sets[m.value_set].role == "evidence" for m in one.matches)
    ]
    assert len(found) == len(set(found)) == len(expected)
    assert all(link.endswith("&on=2020-01-01") for link in found)


def test_a_part_of_the_page_is_sent_by_itself(live: Live) -> None:
    for query in ("q=heart", "q=hart+failure", "q=zzzz", "q="):
        part = live.get(f"/codes?{query}&part=results").text.strip()
        assert part.startswith('<div id="found"')
        assert words(part) in words(live.get(f"/codes?{query}").text)


def test_what_finds_nothing_says_so_and_what_may_be_meant(live: Live) -> None:
    page = live.get("/codes?q=hart+failure&system=icd10cm").text
    assert "No code was found." in words(page)
    assert "Did you mean heart failure?" in words(page)
    assert "/codes?q=heart+failure&system=icd10cm" in links(page)
    near = live.get("/codes?q=I50.29").text
    assert "I50.22" in list(codes_linked(near))


def test_where_numbers_of_cpt_are_shown_stands_the_notice(live: Live) -> None:
    paths = {
        "/codes?q=33249": True,
        "/codes?q=33249&part=results": True,
        "/codes/33248": True,
        "/policy/diff?from=2018-02-14&to=2018-02-15": True,
        "/codes?q=I50.22": False,
        "/codes": False,
        "/policy/diff?from=2022-09-30&to=2022-10-01": False,
    }
    for path, shown in paths.items():
        page = live.get(path).text
        assert bool(set(codes_linked(page)) & CPT) is shown, path
        assert (AMA in words(page)) is shown, path


def test_whether_a_code_counts_is_told_of_the_day(live: Live) -> None:
    for on, status in (("2022-09-30", "in force"), ("2022-10-01", "no longer in force")):
        text = words(live.get(f"/codes?q=I47.2&on={on}").text)
        assert f"VT or VF arrest in the history · Sustained VT or VF arrest {status}" in text
    assert "chart only" in words(live.get("/codes?q=441481004").text)


# ------------------------------------------------------------------------------- the page of a code


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_code_has_a_page_that_says_what_is_known(live: Live, system: str) -> None:
    for one in SEARCH.codes:
        if one.system == system:
            _check_page(live, one)


def _check_page(live: Live, one: ListedCode) -> None:
    (facts,) = facts_of(one.code, KNOWLEDGE, FAMILIES, TODAY, one.system)
    page = live.get(f"/codes/{quote(one.code, safe='')}?system={one.system}")
    assert page.status_code == OK
    text = words(page.text)
    assert f"{one.code} {told(facts.display or facts.words or '')}" in text
    for line in (*days_of(facts), *claim_of(facts), order_of(facts)):
        assert sentence(line) in text
    for use in facts.chart:
        assert sentence(use.text) in text
    for part in facts.indications:
        assert f"/policy#{part.indication}" in links(page.text)
    for member in facts.value_sets:
        assert f"/codes/sets/{member.value_set}" in links(page.text)
    linked = set(codes_linked(page.text))
    assert {other.code for other in facts.similar} <= linked
    assert {*facts.successors, *facts.predecessors} <= linked
    assert {code for pair in facts.companions for code in pair.codes} <= linked
    shows_cpt = one.system == "cpt" or any(other.system == "cpt" for other in facts.similar)
    assert (AMA in text) is shows_cpt
    assert len(ids(page.text)) == len(set(ids(page.text)))


@pytest.mark.parametrize("spelling", ["i5022", "I50.22", "%20i50.22%20", "I5022"])
def test_a_code_is_known_in_any_spelling(live: Live, spelling: str) -> None:
    page = live.get(f"/codes/{spelling}")
    assert page.status_code == OK
    assert "I50.22 Chronic systolic (congestive) heart failure" in words(page.text)


def test_a_code_of_two_systems_is_told_of_both(live: Live) -> None:
    page = live.get("/codes/12").text
    text = words(page)
    assert "12 in 2 code systems" in text
    for system in ("payer-typology", "x12-claim-filing"):
        assert SYSTEM_NAMES[system] in text
        alone = live.get(f"/codes/12?system={system}").text
        assert "code systems" not in words(alone)
        assert f"/codes/12?system={system}&on={CHANGES[0]}" in links(alone)
    assert page.count("<h1") == 1
    assert len(ids(page)) == len(set(ids(page)))


def test_a_code_is_told_as_of_a_day(live: Live) -> None:
    before = words(live.get("/codes/I47.2?on=2022-09-30").text)
    assert "ICD-10-CM in force official title" in before
    after = words(live.get("/codes/I47.2?on=2022-10-01").text)
    assert "ICD-10-CM no longer in force official title" in after
    assert "After that use I47.20, I47.21, I47.29." in after
    early = words(live.get("/codes/I47.2?on=2017-01-01").text)
    assert "No policy of ours was in force on 2017-01-01" in early
    assert "not yet in force" in early


def test_a_code_of_a_family_has_a_page(live: Live) -> None:
    text = words(live.get("/codes/027034Z").text)
    assert "Known as one of a family of codes" in text


def test_the_same_for_programs_is_there(live: Live) -> None:
    for code in ("I50.22", "33249", "8806-2", "shared-decision-making"):
        lookups = [a for a in links(live.get(f"/codes/{code}").text) if "$lookup" in a]
        assert len(lookups) == 1
        answer = live.get(lookups[0])
        assert answer.status_code == OK
        assert answer.json()["resourceType"] == "Parameters"


@pytest.mark.parametrize("code", ["I50.29", "33248", "zzzz", "sets", "I50", "%F0%9F%AB%80"])
def test_an_unknown_code_is_not_found_and_those_near_it_are(live: Live, code: str) -> None:
    page = live.get(f"/codes/{code}")
    assert page.status_code == NOT_FOUND
    assert "This code is in no list" in words(page.text)
    near = {one.code for one in near_entries(code, INDEX.value_sets.values())}
    assert near <= set(codes_linked(page.text))
    assert (code != "I50.29") or "I50.22" in near


def test_a_code_of_another_system_is_not_found_in_this_one(live: Live) -> None:
    assert live.get("/codes/I50.22?system=cpt").status_code == NOT_FOUND
    assert live.get("/codes/I50.22?system=ICD-10-CM").status_code == OK
    page = live.get("/codes/I50.22?system=zzz")
    assert page.status_code == BAD
    assert "No value set uses this code system." in words(page.text)


# ------------------------------------------------------------------------------------- value sets


@pytest.mark.parametrize("day", [*CHANGES, TODAY])
def test_a_value_set_shows_the_codes_of_the_day(live: Live, day: date) -> None:
    for name, value_set in INDEX.value_sets.items():
        expected = {code for rule in value_set.patterns for code in FAMILIES.members(rule)}
        expected |= set(INDEX.codes_in_force(name, day))
        page = live.get(f"/codes/sets/{name}?on={day}")
        assert page.status_code == OK
        members = page.text.partition('<h2 id="members">')[2]
        assert expected <= set(codes_linked(members)), name
        count = f"{len(expected)} code{'' if len(expected) == 1 else 's'} on {day}"
        assert count in words(page.text)
        assert len(page.content) < 300_000
        assert (AMA in words(page.text)) is bool(expected & CPT)


@pytest.mark.parametrize("day", [CHANGES[0], TODAY])
def test_the_table_holds_the_same_codes(live: Live, day: date) -> None:
    for name, value_set in INDEX.value_sets.items():
        answer = live.get(f"/codes/sets/{name}.csv?on={day}")
        assert answer.status_code == OK
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        disposition = f'attachment; filename="{name}-{day}.csv"'
        assert answer.headers["content-disposition"] == disposition
        rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
        expected = {code for rule in value_set.patterns for code in FAMILIES.members(rule)}
        expected |= set(INDEX.codes_in_force(name, day))
        assert {row["code"] for row in rows} == expected
        for row in rows:
            assert row["service day"] == str(day)
            assert (row["code system"] == "CPT") is (AMA in row["notice"])
            assert row["code system"] != "CPT" or not row["official title"]


@pytest.mark.parametrize("on", ["2018-02-14", "2018-02-15", "2026-11-20"])
def test_all_tables_can_be_had_as_one(live: Live, on: str) -> None:
    assert f"/codes/sets.csv?on={on}" in links(live.get(f"/codes?on={on}").text)
    answer = live.get(f"/codes/sets.csv?on={on}")
    assert f'filename="value-sets-{on}.csv"' in answer.headers["content-disposition"]
    lines = answer.content.decode().splitlines()
    each = [live.get(f"/codes/sets/{name}.csv?on={on}").content for name in INDEX.value_sets]
    assert lines == [lines[0], *(row for one in each for row in one.decode().splitlines()[1:])]


@pytest.mark.parametrize("name", ["b1-diagnoses", "orders-initial-implant", "pci", "lvef"])
@pytest.mark.parametrize("day", [CHANGES[0], date(2022, 9, 30), TODAY])
def test_the_files_for_programs_hold_the_same_codes(live: Live, name: str, day: date) -> None:
    page = live.get(f"/codes/sets/{name}?on={day}").text
    files = [address for address in links(page) if address.startswith("/fhir/ValueSet/")]
    assert files
    found = set()
    for address in files:
        resource = live.get(address).json()
        found |= {one["code"] for one in resource["expansion"]["contains"]}
    table = live.get(f"/codes/sets/{name}.csv?on={day}").content.decode()
    assert found == {row["code"] for row in csv.DictReader(io.StringIO(table))}


def test_before_the_first_version_a_value_set_is_empty(live: Live) -> None:
    page = live.get("/codes/sets/b1-diagnoses?on=2018-02-14")
    assert page.status_code == OK
    assert "0 codes on 2018-02-14" in words(page.text)
    assert "There is nothing to take on 2018-02-14" in words(page.text)
    table = live.get("/codes/sets/b1-diagnoses.csv?on=2018-02-14").content.decode()
    assert len(table.splitlines()) == 1


@pytest.mark.parametrize("name", ["nothing", "B1-DIAGNOSES", "..", "<b>", "x" * 3000, "a%00"])
def test_an_unknown_value_set_is_not_found(live: Live, name: str) -> None:
    for end in ("", ".csv"):
        page = live.get(f"/codes/sets/{name}{end}")
        assert page.status_code == NOT_FOUND
        assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_each_criterion_that_reads_a_set_is_named(live: Live) -> None:
    page = live.get("/codes/sets/heart-failure-partners").text
    assert "B2: Heart-failure partner of I25.2 P-B2-CODES" in words(page)
    assert "/policy#P-B2-CODES" in links(page)


# --------------------------------------------------------------------------------------- settings


def test_where_cpt_numbers_are_not_published_no_file_holds_any() -> None:
    with running(terminology="without-cpt") as live:
        page = live.get("/codes/sets/orders-initial-implant").text
        assert "CPT numbers are left out of the files." in words(page)
        assert not [address for address in links(page) if "-cpt-" in address]
        table = live.get("/codes/sets/orders-initial-implant.csv").text
        assert "G0448" in table
        assert "33249" not in table
        for code, shown in (("33249", False), ("G0448", True)):
            own = live.get(f"/codes/{code}")
            assert own.status_code == OK
            assert any("$lookup" in address for address in links(own.text)) is shown


def test_where_fhir_is_not_served_nothing_leads_there() -> None:
    with running(terminology="off") as live:
        for path in ("/codes/I50.22", "/codes/sets/b1-diagnoses"):
            page = live.get(path)
            assert page.status_code == OK
            assert not [address for address in links(page.text) if "/fhir" in address]


def test_codes_of_the_site_are_shown_and_its_titles_of_cpt_are_not(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(
        'extends = "lvef"\n'
        'codes = [{ system = "https://lab.example.org/codes", code = "EF<1>", '
        'display = "<b>Ejection</b>" }, { system = "cpt", code = "93306", display = "Secret" }]\n'
    )
    with running(overlay=str(tmp_path)) as live:
        page = live.get("/codes/sets/lvef").text
        assert "EF<1> https://lab.example.org/codes <b>Ejection</b>" in words(page)
        assert "<b>Ejection" not in page
        own = next(address for address in links(page) if "EF%3C1%3E" in address)
        assert "<b>Ejection</b>" in words(live.get(own).text)
        assert "not those of this site" in words(page)
        for path in ("/codes/sets/lvef", "/codes/93306", "/codes?q=93306", "/codes/sets/lvef.csv"):
            answer = live.get(path)
            assert answer.status_code == OK
            assert "93306" in answer.text
            assert "Secret" not in answer.text


# ------------------------------------------------------------------------------------ hostile input

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "I50.22\u202e\u2066",
    "\u200bI50.22",
    "../../etc/passwd",
    "I50.22' OR '1'='1",
    "\ufeff",
    "\U000e0041",
)
REFUSED = ("\0", "I50\t22", "\x1b[31m", "\x7f", "9" * 121, "é" * 4000)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(live: Live, text: str) -> None:
    for path in (f"/codes?q={quote(text)}", f"/codes?part=results&q={quote(text)}"):
        page = live.get(path)
        assert page.status_code == OK
        _is_harmless(page.text)
    page = live.get(f"/codes/{quote(text, safe='')}")
    assert page.status_code == NOT_FOUND
    _is_harmless(page.text)


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_line_is_refused_in_words(live: Live, text: str) -> None:
    for path in ("/codes?q=", "/codes/", "/codes/I50.22?system=", "/codes?list="):
        page = live.get(path + quote(text, safe=""))
        assert page.status_code in {BAD, NOT_FOUND}
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1>" in page.text


@pytest.mark.parametrize(
    "query",
    [
        "q=again",
        "system=zzz",
        "role=zzz",
        "list=zzz",
        "page=0",
        "page=x",
        "part=all",
        "on=zzz",
        "page=-1",
    ],
)
def test_what_there_is_not_to_choose_is_refused(live: Live, query: str) -> None:
    page = live.get(f"/codes?q=heart&{query}")
    assert page.status_code == BAD
    assert query.partition("=")[0] in words(page.text)


def test_the_days_on_which_a_code_itself_changed_are_marked(live: Live) -> None:
    stops = re.findall(r'<a class="stop"[^>]*>(.*?)</a>', live.get("/codes/I47.2").text)
    assert len(stops) > 2
    assert [one[:10] for one in stops if "<strong>this code</strong>" in one] == [
        "2018-02-15",
        "2022-10-01",
    ]
    policy = live.get("/policy").text
    assert "The article changed on" in policy
    assert "this code" not in policy


def test_a_page_past_the_end_is_the_last_one(live: Live) -> None:
    assert "this is" not in words(live.get("/codes?q=I50.22&page=9999").text)
    assert list(codes_linked(live.get("/codes?q=I50.22&page=9999").text)) == ["I50.22"]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=140))
def test_any_text_is_answered_with_a_harmless_page(live: Live, text: str) -> None:
    for path in ("/codes?q=", "/codes/"):
        page = live.get(path + quote(text, safe=""))
        assert page.status_code in {OK, BAD, NOT_FOUND}
        if path == "/codes/" and "\n" in text:
            # No route has lines in its path.
            continue
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        _is_harmless(page.text)


def _is_harmless(page: str) -> None:
    """Nothing of the text became markup, and nothing in it hides or turns."""
    assert not re.search(r"<script(?![^>]*\ssrc=)|<img src=x|\sonerror=[^&]*>", page)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\x00-\x08]", page)
    assert "49{%" not in page
