"""CodeSystem/$lookup and CodeSystem/$subsumes: what a code is, and how two stand to each other."""

from __future__ import annotations

import pytest

from terminologies import BASE, CPT, ICD
from test_tx_expand import SYSTEM, TREE
from tx_calls import Json, coding_of, out, published, refused

SERVICE = published()
LOOKUP = "CodeSystem/$lookup"
SUBSUMES = "CodeSystem/$subsumes"
INDICATION = f"{BASE}/CodeSystem/defib-indication"
ALIAS = "urn:oid:2.16.840.1.113883.6.90"


def look_up(**asked: object) -> Json:
    return out(SERVICE.both(LOOKUP, **asked))


def properties(answer: Json) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for one in answer.get("property", []):
        found.setdefault(one["code"], []).append(one["value"])
    return found


def test_a_code_on_a_day() -> None:
    got = look_up(system=ICD, code="I49.01", date="2022-12-01")
    assert got["name"] == "ICD-10-CM"
    assert got["version"] == "2023"
    assert (got["code"], got["system"]) == ("I49.01", ICD)
    assert got["display"] == "Ventricular fibrillation"
    held = properties(got)
    assert held["inactive"] == [False]
    assert "b1-diagnoses" in held["value-set"]
    assert held["status"] == ["in-force"]


def test_a_code_that_has_ended() -> None:
    held = properties(look_up(system=ICD, code="I47.2"))
    assert (held["inactive"], held["status"]) == ([True], ["ended"])
    successors = {"I47.20", "I47.21", "I47.29"}
    assert {one["code"] for one in held["successor"]} == successors  # type: ignore[index]
    assert look_up(system=ICD, code="I47.2", version="2022")["version"] == "2022"
    asked = {"system": ICD, "code": "I47.2", "version": "2023"}
    status, issue = refused(lambda: look_up(**asked))
    assert (status, issue["code"]) == (404, "not-found")
    assert "through 2022" in issue["details"]["text"]


def test_every_known_code_is_told() -> None:
    members = [
        member for sets in SERVICE.catalogue.sets.values() for one in sets for member in one.members
    ]
    # The versions of a set hold the same codes.
    for member in {(member.uri, member.code): member for member in members}.values():
        got = look_up(system=member.uri, code=member.code)
        assert got["display"]
        if member.system == "cpt":
            assert got["display"] == member.code
            assert "designation" not in got


def test_own_words_are_another_name() -> None:
    got = look_up(system="http://snomed.info/sct", code="25569003")
    names = [one["value"] for one in got["designation"]]
    assert got["display"] in names
    use = got["designation"][0]["use"]
    assert use == {"system": f"{BASE}/CodeSystem/defib-designation", "code": "own-words"}


def test_only_asked_properties() -> None:
    got = look_up(system=ICD, code="I49.01", property=["inactive", "value-set"])
    assert set(properties(got)) == {"inactive", "value-set"}
    assert set(got) >= {"name", "display"}
    assert "definition" in properties(look_up(system=INDICATION, code="B1"))
    assert "property" not in look_up(system=INDICATION, code="B1", property="none-such")
    everything = properties(look_up(system=ICD, code="I49.01", property="*"))
    assert everything == properties(look_up(system=ICD, code="I49.01"))


def test_other_ways_to_ask() -> None:
    plain = look_up(system=ICD, code="I49.01")
    assert look_up(system=ALIAS, code="I49.01") == plain
    coding = {"system": ICD, "code": "I49.01"}
    assert out(SERVICE.post(LOOKUP, coding=coding)) == plain
    got = out(SERVICE.both("CodeSystem/defib-indication-1.0.0/$lookup", code="B1"))
    assert got == look_up(system=INDICATION, code="B1")


def test_a_tree_that_came() -> None:
    got = out(SERVICE.post(LOOKUP, tx_resource=TREE, system=SYSTEM, code="b"))
    held = properties(got)
    assert (held["parent"], held["child"]) == (["a"], ["c"])
    assert set(held) == {"inactive", "parent", "child"}
    got = out(SERVICE.post(LOOKUP, tx_resource=TREE, system=SYSTEM, code="d"))
    assert properties(got)["hue"] == ["red"]


@pytest.mark.parametrize(
    ("code", "near"), [("I4901", "'I49.01'"), ("i49.01", "'I49.01'"), ("I49.99", "I49.9")]
)
def test_unknown_code_with_what_may_have_been_meant(code: str, near: str) -> None:
    status, issue = refused(lambda: look_up(system=ICD, code=code))
    assert (status, issue["code"], coding_of(issue)) == (404, "not-found", "invalid-code")
    assert near in issue["details"]["text"]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 400, "required"),
        ({"code": "B1"}, 400, "required"),
        ({"system": ICD}, 400, "invalid"),
        ({"system": "urn:none", "code": "x"}, 422, "not-found"),
        ({"system": ICD, "code": "I49.01", "version": "1999"}, 422, "not-found"),
        ({"system": ICD, "code": "I49.01", "displayLanguage": "fr"}, 422, "not-supported"),
        ({"system": CPT, "code": "99999"}, 404, "not-found"),
    ],
)
def test_refusals(asked: Json, status: int, code: str) -> None:
    got, issue = refused(lambda: look_up(**asked))
    assert (got, issue["code"]) == (status, code)


def test_coding_without_parts() -> None:
    for coding in ({"code": "B1"}, {"system": ICD}):
        assert refused(lambda c=coding: SERVICE.post(LOOKUP, coding=c))[0] == 400  # type: ignore[misc]
    asked = {"coding": {"system": ICD, "code": "I49.01"}}
    path = "CodeSystem/defib-indication-1.0.0/$lookup"
    assert refused(lambda: SERVICE.post(path, **asked))[0] == 400


# ----------------------------------------------------------------------------------- $subsumes


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ("a", "a", "equivalent"),
        ("a", "c", "subsumes"),
        ("c", "a", "subsumed-by"),
        ("b", "d", "not-subsumed"),
    ],
)
def test_places_in_a_tree(first: str, second: str, outcome: str) -> None:
    asked = {"tx_resource": TREE, "system": SYSTEM, "codeA": first, "codeB": second}
    assert out(SERVICE.post(SUBSUMES, **asked)) == {"outcome": outcome}
    codings = {
        "codingA": {"system": SYSTEM, "code": first},
        "codingB": {"system": SYSTEM, "code": second},
    }
    assert out(SERVICE.post(SUBSUMES, tx_resource=TREE, **codings)) == {"outcome": outcome}


def test_own_systems_are_flat() -> None:
    got = SERVICE.both(SUBSUMES, system=INDICATION, codeA="B1", codeB="B2")
    assert out(got) == {"outcome": "not-subsumed"}
    got = SERVICE.both("CodeSystem/defib-indication-1.0.0/$subsumes", codeA="B1", codeB="B1")
    assert out(got) == {"outcome": "equivalent"}


def test_no_hierarchy_is_guessed() -> None:
    got = SERVICE.both(SUBSUMES, system=ALIAS, codeA="I47.2", codeB="I47.2")
    assert out(got) == {"outcome": "equivalent"}
    asked = {"system": ICD, "codeA": "I47.2", "codeB": "I47.20"}
    status, issue = refused(lambda: SERVICE.both(SUBSUMES, **asked))
    assert (status, issue["code"]) == (422, "not-supported")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"codeA": "B1"}, 400),
        ({"codeA": "B1", "codeB": "B2"}, 400),
        ({"codeA": "B1", "codeB": "B99", "system": INDICATION}, 404),
        ({"codeA": "B1", "codeB": "B2", "system": "urn:none"}, 422),
        ({"codeA": "B1", "codeB": "B2", "system": INDICATION, "version": "2"}, 422),
    ],
)
def test_subsumption_that_is_refused(asked: Json, status: int) -> None:
    assert refused(lambda: SERVICE.get(SUBSUMES, **asked))[0] == status


def test_codes_of_two_systems_or_releases() -> None:
    for first, second in (
        ({"system": ICD, "code": "I49.01"}, {"system": INDICATION, "code": "B1"}),
        (
            {"system": ICD, "version": "2022", "code": "I46.2"},
            {"system": ICD, "version": "2023", "code": "I46.2"},
        ),
        ({"system": ICD}, {"system": ICD, "code": "I46.2"}),
    ):
        asked = {"codingA": first, "codingB": second}
        assert refused(lambda a=asked: SERVICE.post(SUBSUMES, **a))[0] == 400  # type: ignore[misc]


def test_a_cpt_code_is_told_by_the_value_sets_that_are_published() -> None:
    held = properties(look_up(system="http://www.ama-assn.org/go/cpt", code="92953"))
    assert held["value-set"] == ["temporary-pacing-cpt"]
