"""ValueSet/$expand: by day and version, filtered, page by page, and of definitions that come."""

from __future__ import annotations

import re
import uuid
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminologies import BASE, CPT, ICD
from tx_calls import B1, Json, Service, codes, coding_of, out, published, refused, told

if TYPE_CHECKING:
    from defib_coverage.terminology.sets import PublishedSet

DAY = timedelta(days=1)
SERVICE = published()
CATALOGUE = SERVICE.catalogue
RELEASES = CATALOGUE.releases.all
SETS = [one for sets in CATALOGUE.sets.values() for one in sets]
URLS = sorted({one.url for one in SETS})
SYSTEM = "http://example.org/cs"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"


def members(one: PublishedSet) -> list[tuple[str, str]]:
    return [(member.uri, member.code) for member in one.members]


def code_system(*concepts: Json, **more: object) -> Json:
    return {
        "resourceType": "CodeSystem",
        "url": SYSTEM,
        "version": "1",
        "status": "active",
        "content": "complete",
        "caseSensitive": True,
        "concept": list(concepts),
        **more,
    }


def value_set(*include: Json, url: str = "http://example.org/vs", **more: object) -> Json:
    compose = {"include": list(include)}
    if "exclude" in more:
        compose["exclude"] = more.pop("exclude")  # type: ignore[assignment]
    return {
        "resourceType": "ValueSet",
        "url": url,
        "status": "active",
        "compose": compose,
        **more,
    }


TREE = code_system(
    {
        "code": "a",
        "display": "Alpha",
        "concept": [
            {"code": "b", "display": "Beta", "concept": [{"code": "c", "display": "Gamma ray"}]},
            {"code": "d", "display": "Delta", "property": [{"code": "hue", "valueCode": "red"}]},
        ],
    },
    {
        "code": "e",
        "display": "Epsilon",
        "property": [{"code": "status", "valueCode": "retired"}],
    },
    {"code": "f", "property": [{"code": "notSelectable", "valueBoolean": True}]},
    property=[{"code": "hue", "type": "code"}, {"code": "status", "type": "code"}],
)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
@pytest.mark.parametrize("edge", ["first", "last"])
def test_every_set_by_the_days_at_which_a_version_begins_and_ends(
    release: object, edge: str
) -> None:
    found = next(one for one in RELEASES if one is release)
    day = found.effective if edge == "first" else found.until or date(2099, 12, 31)
    for one in CATALOGUE.sets[found.version]:
        got = SERVICE.get("ValueSet/$expand", url=one.url, date=day)
        assert got["version"] == found.version
        assert codes(got) == members(one)
        assert got["expansion"]["total"] == len(one.members)
        assert ("used-valueset", one.canonical) in told(got)
        assert ("date", str(day)) in told(got)
        pinned = SERVICE.get("ValueSet/$expand", url=one.canonical)
        named = SERVICE.get("ValueSet/$expand", url=one.url, valueSetVersion=found.version)
        held = SERVICE.get(f"ValueSet/{one.resource_id}/$expand")
        contained = [again["expansion"].get("contains") for again in (pinned, named, held)]
        assert contained == [got["expansion"]["contains"]] * 3


def test_the_day_before_the_first_version_has_none() -> None:
    day = RELEASES[0].effective - DAY
    status, issue = refused(lambda: SERVICE.get("ValueSet/$expand", url=B1, date=day))
    assert (status, issue["code"], coding_of(issue)) == (422, "not-found", "not-found")
    for release in RELEASES:
        assert release.version in issue["details"]["text"]


def test_today_is_the_version_in_force_and_not_the_newest() -> None:
    for release in RELEASES:
        then = Service(CATALOGUE, release.effective)
        assert then.get("ValueSet/$expand", url=B1)["version"] == release.version


def test_a_version_goes_before_the_day() -> None:
    got = SERVICE.get("ValueSet/$expand", url=B1, valueSetVersion="2018.2.15", date="2024-01-01")
    assert got["version"] == "2018.2.15"
    assert ("date", "2024-01-01") in told(got)


def test_breakpoint_of_2022() -> None:
    before = codes(SERVICE.both("ValueSet/$expand", url=B1, date="2022-09-30"))
    after = codes(SERVICE.both("ValueSet/$expand", url=B1, date="2022-10-01"))
    assert set(before) - set(after) == {(ICD, "I47.2")}
    assert set(after) - set(before) == {(ICD, "I47.20"), (ICD, "I47.21"), (ICD, "I47.29")}


def test_shape_of_an_expansion() -> None:
    got = SERVICE.both(
        "ValueSet/$expand",
        url=B1,
        date="2023-06-01T10:00:00Z",
        filter="VENTRICULAR fib",
        count=5,
        offset=0,
        activeOnly=True,
        includeDesignations=False,
        displayLanguage="en-US",
        system_version=f"{ICD}|2020",
    )
    expansion = got["expansion"]
    assert told(got) == [
        ("date", "2023-06-01T10:00:00Z"),
        ("filter", "VENTRICULAR fib"),
        ("count", 5),
        ("offset", 0),
        ("activeOnly", True),
        ("includeDesignations", False),
        ("displayLanguage", "en-US"),
        ("system-version", f"{ICD}|2020"),
        ("used-valueset", f"{B1}|2023.1.1"),
        ("used-codesystem", f"{ICD}|2023"),
    ]
    assert expansion["timestamp"] == "2026-11-21T12:00:00Z"
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", expansion["identifier"])
    assert uuid.UUID(expansion["identifier"][9:]).version == 5
    assert codes(got) == [(ICD, "I49.01")]
    assert expansion["contains"][0]["version"] == "2023"
    assert "compose" not in got
    kinds = {p["name"]: next(k for k in p if k != "name") for p in expansion["parameter"]}
    assert kinds["date"] == "valueDateTime"
    assert kinds["displayLanguage"] == "valueCode"
    assert kinds["count"] == "valueInteger"
    assert kinds["used-codesystem"] == kinds["system-version"] == "valueUri"


def test_identifier_is_the_same_for_the_same_question_only() -> None:
    def identifier(**asked: object) -> str:
        found: str = SERVICE.get("ValueSet/$expand", url=B1, **asked)["expansion"]["identifier"]
        return found

    assert identifier() == identifier()
    assert len({identifier(), identifier(filter="i47"), identifier(date="2020-01-01")}) == 3
    assert identifier() == identifier(count=2) == identifier(count=2, offset=2)


def test_definition_only_where_asked_and_copyright_always() -> None:
    url = f"{BASE}/ValueSet/orders-initial-implant-cpt"
    lean = SERVICE.get("ValueSet/$expand", url=url)
    full = SERVICE.get("ValueSet/$expand", url=url, includeDefinition=True)
    assert "compose" not in lean
    assert full["compose"]["include"][0]["system"] == CPT
    assert lean["copyright"] == full["copyright"]
    assert "American Medical Association" in lean["copyright"]
    assert not any("display" in one for one in lean["expansion"]["contains"])


def test_notices_go_with_the_codes_of_other_sets() -> None:
    url = f"{BASE}/ValueSet/orders-initial-implant-cpt"
    asked = value_set({"valueSet": [url]}, copyright="Mine.")
    got = SERVICE.post("ValueSet/$expand", valueSet=asked)
    assert got["copyright"].startswith("Mine. CPT")
    assert "American Medical Association" in got["copyright"]
    assert "copyright" not in SERVICE.post(
        "ValueSet/$expand", valueSet=value_set({"valueSet": [B1]})
    )


def test_notices_go_with_the_codes_of_sets_that_came() -> None:
    inner = {"system": CPT, "concept": [{"code": "33249"}]}
    owners = {CPT: "2022 American Medical", LOINC: "LOINC®", SNOMED: "SNOMED International"}
    for system, owner in owners.items():
        listed = value_set({"system": system, "concept": [{"code": "1"}]})
        held = {"contains": [{"system": system, "code": "1"}], "timestamp": "2023-01-01"}
        bare = {name: part for name, part in listed.items() if name != "compose"}
        for came in (listed, {**bare, "expansion": held}):
            got = SERVICE.post("ValueSet/$expand", valueSet=came, date="2023-05-01")
            assert owner in got["copyright"]
    within = value_set({"valueSet": ["urn:in"]})
    came = {"valueSet": within, "tx_resource": value_set(inner, url="urn:in")}
    assert "American Medical" in SERVICE.post("ValueSet/$expand", **came)["copyright"]
    evidence = f"{BASE}/ValueSet/vt-vf-arrest"
    told_once = SERVICE.get("ValueSet/$expand", url=evidence)["copyright"]
    within = value_set({"system": SNOMED, "concept": [{"code": "1"}]}, {"valueSet": [evidence]})
    got = SERVICE.post("ValueSet/$expand", valueSet=within)["copyright"]
    assert got.count("SNOMED International.") == told_once.count("SNOMED International.") == 1
    free = value_set({"system": ICD, "concept": [{"code": "I49.01"}]})
    assert "copyright" not in SERVICE.post("ValueSet/$expand", valueSet=free)


def test_designations_only_where_asked() -> None:
    url = f"{BASE}/ValueSet/vt-vf-arrest"
    lean = SERVICE.get("ValueSet/$expand", url=url)["expansion"]["contains"]
    full = SERVICE.get("ValueSet/$expand", url=url, includeDesignations=True)["expansion"]
    assert not any("designation" in one for one in lean)
    assert any("designation" in one for one in full["contains"])


def test_only_asked_properties() -> None:
    got = SERVICE.get("ValueSet/$expand", url=B1, property="modality")
    assert "extension" not in got["expansion"]
    assert not any("extension" in one for one in got["expansion"]["contains"])
    kept = SERVICE.get("ValueSet/$expand", url=B1, property=["modality", "strength"])
    assert any("extension" in one for one in kept["expansion"]["contains"])


def test_active_codes_only() -> None:
    url = f"{BASE}/ValueSet/vt-vf-arrest"
    everything = SERVICE.get("ValueSet/$expand", url=url)["expansion"]["contains"]
    active = SERVICE.get("ValueSet/$expand", url=url, activeOnly=True)["expansion"]["contains"]
    inactive = [one for one in everything if one.get("inactive")]
    assert inactive
    assert active == [one for one in everything if one not in inactive]


def test_excluded_system() -> None:
    url = f"{BASE}/ValueSet/vt-vf-arrest"
    rest = codes(SERVICE.get("ValueSet/$expand", url=url, exclude_system=ICD))
    assert rest
    assert ICD not in {system for system, _ in rest}
    alias = "urn:oid:2.16.840.1.113883.6.90"
    assert codes(SERVICE.get("ValueSet/$expand", url=url, exclude_system=alias)) == rest


def test_only_the_total() -> None:
    got = SERVICE.get("ValueSet/$expand", url=B1, count=0)["expansion"]
    assert got["total"] == 12
    assert "contains" not in got


@given(st.sampled_from(SETS), st.integers(1, 400))
def test_pages_make_up_the_whole(one: PublishedSet, size: int) -> None:
    pages: list[tuple[str, str]] = []
    for offset in range(0, len(one.members) + 1, size):
        page = SERVICE.get("ValueSet/$expand", url=one.canonical, count=size, offset=offset)
        assert page["expansion"]["total"] == len(one.members)
        assert page["expansion"]["offset"] == offset
        assert len(codes(page)) <= size
        pages += codes(page)
    assert pages == members(one)


@given(
    st.sampled_from(URLS),
    st.dates(date(2017, 1, 1), date(2030, 1, 1)),
    st.sampled_from(SETS),
)
def test_expanded_is_what_validates(url: str, day: date, other: PublishedSet) -> None:
    if not any(one.release.covers(day) for one in SETS if one.url == url):
        assert refused(lambda: SERVICE.get("ValueSet/$expand", url=url, date=day))[0] == 422
        return
    expanded = set(codes(SERVICE.get("ValueSet/$expand", url=url, date=day)))
    for system, code in expanded | set(members(other)):
        asked = {"url": url, "date": day, "system": system, "code": code}
        got = out(SERVICE.get("ValueSet/$validate-code", **asked))
        assert got["result"] is ((system, code) in expanded)
        assert got["x-used-valueset"].startswith(f"{url}|")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"url": B1, "count": -1}, "invalid"),
        ({"url": B1, "offset": -1}, "invalid"),
        ({}, "required"),
        ({"url": B1, "valueSetVersion": "2023.1.1", "includeDraft": True}, "invalid"),
        ({"url": f"{B1}|2023.1.1", "valueSetVersion": "2022.10.1"}, "invalid"),
        ({"url": "|2023.1.1"}, "invalid"),
        ({"url": B1, "system_version": ICD}, "invalid"),
        ({"url": B1, "system_version": [f"{ICD}|2020", f"{ICD}|2021"]}, "invalid"),
    ],
)
def test_contradictions_and_gaps_are_bad_requests(asked: Json, code: str) -> None:
    for ask in (SERVICE.get, SERVICE.post):
        status, issue = refused(lambda ask=ask: ask("ValueSet/$expand", **asked))  # type: ignore[misc]
        assert (status, issue["code"]) == (400, code)


@pytest.mark.parametrize(
    "asked",
    [
        {"url": "http://example.org/none"},
        {"url": f"{B1}|2022.10.2"},
        {"url": B1, "valueSetVersion": "20221001"},
        {"url": B1, "force_system_version": f"{ICD}|1999"},
        {"url": B1, "manifest": f"{BASE}/Library/none|1"},
        {"url": B1, "force_valueset_version": f"{B1}|7"},
    ],
)
def test_unknown_is_never_something_else(asked: Json) -> None:
    status, issue = refused(lambda: SERVICE.get("ValueSet/$expand", **asked))
    assert (status, issue["code"], coding_of(issue)) == (422, "not-found", "not-found")


def test_unknown_instance() -> None:
    assert refused(lambda: SERVICE.get("ValueSet/none/$expand"))[0] == 404
    status, issue = refused(lambda: SERVICE.get("ValueSet/b1-diagnoses-2023.1.1/$expand", url=B1))
    assert (status, issue["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "pin",
    [{"check_system_version": f"{ICD}|2020"}, {"check_valueset_version": f"{B1}|2018.2.15"}],
)
def test_checked_version_that_differs(pin: Json) -> None:
    status, issue = refused(lambda: SERVICE.get("ValueSet/$expand", url=B1, **pin))
    assert (status, issue["code"], coding_of(issue)) == (422, "exception", "version-error")


def test_checked_version_that_is_used() -> None:
    got = SERVICE.get("ValueSet/$expand", url=B1, check_system_version=f"{ICD}|2023")
    assert codes(got) == codes(SERVICE.get("ValueSet/$expand", url=B1))


def test_forced_release_leaves_out_what_it_lacks_and_says_so() -> None:
    got = SERVICE.get("ValueSet/$expand", url=B1, force_system_version=f"{ICD}|2022")
    left = {code for _, code in codes(SERVICE.get("ValueSet/$expand", url=B1))}
    left -= {code for _, code in codes(got)}
    assert left == {"I47.20", "I47.21", "I47.29"}
    assert {one["version"] for one in got["expansion"]["contains"]} == {"2022"}
    warning = next(value for name, value in told(got) if name == "warning")
    assert all(code in warning for code in left)
    assert ("used-codesystem", f"{ICD}|2022") in told(got)


def test_manifest_and_other_pins_choose_the_version() -> None:
    manifest = f"{BASE}/Library/ncd-20.4-manifest|2019.10.1"
    assert SERVICE.get("ValueSet/$expand", url=B1, manifest=manifest)["version"] == "2019.10.1"
    asked = {"url": B1, "manifest": manifest, "date": "2020-02-01"}
    assert SERVICE.get("ValueSet/$expand", **asked)["version"] == "2019.10.1"
    asked["date"] = "2022-12-01"
    status, issue = refused(lambda: SERVICE.get("ValueSet/$expand", **asked))
    assert (status, issue["code"], issue["expression"]) == (400, "invalid", ["manifest"])
    assert "2022.10.1" in issue["details"]["text"]
    pin = f"{B1}|2018.2.15"
    chosen = SERVICE.get("ValueSet/$expand", url=B1, default_valueset_version=pin)
    assert chosen["version"] == "2018.2.15"
    asked = {"url": f"{B1}|2019.10.1", "default_valueset_version": pin}
    assert SERVICE.get("ValueSet/$expand", **asked)["version"] == "2019.10.1"
    asked = {"url": f"{B1}|2019.10.1", "force_valueset_version": pin}
    assert SERVICE.get("ValueSet/$expand", **asked)["version"] == "2018.2.15"


# ----------------------------------------------------------------- definitions that come along


def expanded(*include: Json, exclude: list[Json] | None = None) -> list[str]:
    more: Json = {} if exclude is None else {"exclude": exclude}
    got = SERVICE.post("ValueSet/$expand", valueSet=value_set(*include, **more), tx_resource=[TREE])
    return [code for _, code in codes(got)]


@pytest.mark.parametrize(
    ("name", "op", "value", "expected"),
    [
        ("concept", "is-a", "b", ["b", "c"]),
        ("concept", "descendent-of", "a", ["b", "c", "d"]),
        ("concept", "is-not-a", "a", ["e", "f"]),
        ("concept", "generalizes", "c", ["a", "b", "c"]),
        ("code", "in", "a, e", ["a", "e"]),
        ("code", "not-in", "a,e", ["b", "c", "d", "f"]),
        ("code", "=", "d", ["d"]),
        ("code", "regex", "[a-c]", ["a", "b", "c"]),
        ("display", "regex", "G.* ray|Delta", ["c", "d"]),
        ("hue", "=", "red", ["d"]),
        ("hue", "exists", "false", ["a", "b", "c", "e", "f"]),
        ("hue", "exists", "true", ["d"]),
        ("parent", "=", "b", ["c"]),
        ("child", "exists", "true", ["a", "b"]),
        ("inactive", "=", "true", ["e"]),
    ],
)
def test_filters(name: str, op: str, value: str, expected: list[str]) -> None:
    condition = {"property": name, "op": op, "value": value}
    assert expanded({"system": SYSTEM, "filter": [condition]}) == expected


@pytest.mark.parametrize(
    ("name", "op", "value"),
    [
        ("colour", "=", "red"),
        ("concept", "is-a", "z"),
        ("concept", "like", "a"),
        ("hue", "exists", "yes"),
        ("hue", "is-a", "red"),
        ("code", "regex", "(a+)+$"),
        ("code", "regex", "a*a*b"),
        ("code", "regex", "a?|b?"),
        ("code", "regex", "a{1,2}b{3,4}"),
        ("code", "regex", "|".join("abcdefghijk")),
        ("code", "regex", "["),
        ("code", "regex", "a" * 101),
        ("code", "regex", "a{9,1}"),
        ("code", "regex", r"(?P<x>a)\1"),
    ],
)
def test_filters_that_are_refused(name: str, op: str, value: str) -> None:
    include = {"system": SYSTEM, "filter": [{"property": name, "op": op, "value": value}]}
    status, issue = refused(lambda: expanded(include))
    assert (status, coding_of(issue)) == (422, "vs-invalid")


def test_include_exclude_and_imports() -> None:
    inner = value_set({"system": SYSTEM, "concept": [{"code": "b"}, {"code": "d"}]}, url="urn:a")
    other = value_set({"system": SYSTEM, "concept": [{"code": "d"}, {"code": "e"}]}, url="urn:b")
    resources = [TREE, inner, other]

    def ask(*include: Json, exclude: list[Json] | None = None) -> list[str]:
        asked = value_set(*include)
        asked["compose"]["exclude"] = exclude or []
        got = SERVICE.post("ValueSet/$expand", valueSet=asked, tx_resource=resources)
        return [code for _, code in codes(got)]

    assert ask({"valueSet": ["urn:a"]}) == ["b", "d"]
    assert ask({"valueSet": ["urn:a", "urn:b"]}) == ["d"]
    assert ask({"valueSet": ["urn:a"]}, {"valueSet": ["urn:b"]}) == ["b", "d", "e"]
    assert ask({"system": SYSTEM, "valueSet": ["urn:b"]}) == ["d", "e"]
    assert ask({"system": SYSTEM}, exclude=[{"valueSet": ["urn:a"]}]) == ["a", "c", "e", "f"]
    assert (
        ask(
            {"valueSet": [f"{B1}|2018.2.15"]},
            exclude=[{"system": ICD, "concept": [{"code": "I46.2"}]}],
        )[0]
        == "I46.9"
    )


def test_listed_codes_keep_their_order_and_their_displays() -> None:
    concepts = [{"code": "d", "display": "Mine"}, {"code": "zz"}, {"code": "a"}]
    asked = value_set({"system": SYSTEM, "version": "1", "concept": concepts})
    got = SERVICE.post("ValueSet/$expand", valueSet=asked, tx_resource=TREE)
    shown = [(one["code"], one["display"]) for one in got["expansion"]["contains"]]
    assert shown == [("d", "Mine"), ("a", "Alpha")]
    assert any(name == "warning" and "zz" in value for name, value in told(got))


def test_a_set_by_its_url_among_what_came() -> None:
    old = value_set({"system": SYSTEM, "concept": [{"code": "a"}]}, version="1.9.0")
    new = value_set({"system": SYSTEM, "concept": [{"code": "b"}]}, version="1.10.0")
    asked = {"tx_resource": [TREE, new, old]}
    url = "http://example.org/vs"
    assert codes(SERVICE.post("ValueSet/$expand", url=url, **asked)) == [(SYSTEM, "b")]
    assert codes(SERVICE.post("ValueSet/$expand", url=f"{url}|1.9.0", **asked)) == [(SYSTEM, "a")]
    status, _ = refused(lambda: SERVICE.post("ValueSet/$expand", url=f"{url}|2", **asked))
    assert status == 422


def test_a_set_that_has_only_an_expansion() -> None:
    contains = [{"system": SYSTEM, "code": "a", "contains": [{"system": SYSTEM, "code": "b"}]}]
    asked = {
        "resourceType": "ValueSet",
        "status": "active",
        "expansion": {"timestamp": "2020-01-01", "contains": contains},
    }
    assert codes(SERVICE.post("ValueSet/$expand", valueSet=asked)) == [(SYSTEM, "a"), (SYSTEM, "b")]


def test_a_set_that_has_nothing() -> None:
    nothing = {"resourceType": "ValueSet", "status": "active"}
    status, issue = refused(lambda: SERVICE.post("ValueSet/$expand", valueSet=nothing))
    assert (status, coding_of(issue)) == (422, "vs-invalid")


def test_warnings_of_the_state_of_a_definition() -> None:
    for more, name in (
        ({"status": "draft"}, "warning-draft"),
        ({"status": "retired"}, "warning-withdrawn"),
        ({"experimental": True}, "warning-experimental"),
    ):
        asked = value_set({"system": SYSTEM}, **more)
        got = SERVICE.post("ValueSet/$expand", valueSet=asked, tx_resource=TREE)
        assert (name, "http://example.org/vs") in told(got)


def test_codes_that_stand_below_two_others_and_in_rings() -> None:
    def parent(code: str, *above: str) -> Json:
        held = [{"code": "parent", "valueCode": one} for one in above]
        return {"code": code, "property": held}

    ring = code_system(parent("a", "c"), parent("b", "a"), parent("c", "b", "a"))
    below = [{"property": "concept", "op": "descendent-of", "value": "a"}]
    asked = value_set({"system": SYSTEM, "filter": below})
    got = SERVICE.post("ValueSet/$expand", valueSet=asked, tx_resource=ring)
    assert [code for _, code in codes(got)] == ["b", "c"]


def test_for_ui_and_inactive() -> None:
    asked = value_set({"system": SYSTEM})
    got = SERVICE.post(
        "ValueSet/$expand", valueSet=asked, tx_resource=TREE, excludeNotForUI=True, activeOnly=True
    )
    assert [code for _, code in codes(got)] == ["a", "b", "c", "d"]
    asked["compose"]["inactive"] = False
    again = SERVICE.post("ValueSet/$expand", valueSet=asked, tx_resource=TREE)
    assert [code for _, code in codes(again)] == ["a", "b", "c", "d", "f"]


def test_part_of_a_system_that_came_is_marked() -> None:
    asked = value_set({"system": SYSTEM})
    part = {**TREE, "content": "fragment"}
    expansion = SERVICE.post("ValueSet/$expand", valueSet=asked, tx_resource=part)["expansion"]
    unclosed = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
    assert {"url": unclosed, "valueBoolean": True} in expansion["extension"]
    assert {"name": "used-fragment", "valueUri": f"{SYSTEM}|1"} in expansion["parameter"]


def test_more_codes_than_are_given_at_once() -> None:
    many = code_system(*({"code": f"c{n}"} for n in range(2000)))
    asked = {"valueSet": value_set({"system": SYSTEM}), "tx_resource": many}
    status, issue = refused(lambda: SERVICE.post("ValueSet/$expand", **asked))
    assert (status, issue["code"]) == (422, "too-costly")
    assert "coding" not in issue["details"]
    page = SERVICE.post("ValueSet/$expand", count=10, offset=1995, **asked)
    assert [code for _, code in codes(page)] == [f"c{n}" for n in range(1995, 2000)]
    assert page["expansion"]["total"] == 2000
    assert codes(SERVICE.post("ValueSet/$expand", count=10, offset=5000, **asked)) == []
    whole = SERVICE.post("ValueSet/$expand", count=2000, **asked)
    assert len(codes(whole)) == 2000


@pytest.mark.parametrize(
    "include",
    [
        {},
        {"concept": [{"code": "a"}]},
        {"valueSet": [B1], "concept": [{"code": "a"}]},
        {"filter": [{"property": "code", "op": "=", "value": "a"}]},
        {
            "system": SYSTEM,
            "concept": [{"code": "a"}],
            "filter": [{"property": "code", "op": "=", "value": "a"}],
        },
    ],
)
def test_definitions_that_break_the_rules(include: Json) -> None:
    status, issue = refused(lambda: expanded(include))
    assert (status, issue["code"], coding_of(issue)) == (422, "invalid", "vs-invalid")


def test_sets_that_lead_back_to_themselves() -> None:
    urls = ["urn:a", "urn:b", "urn:c"]
    ring = [
        value_set({"valueSet": [after]}, url=url)
        for url, after in zip(urls, [*urls[1:], urls[0]], strict=True)
    ]
    for operation in ("$expand", "$validate-code"):
        asked: Json = {"url": "urn:b", "tx_resource": ring}
        if operation == "$validate-code":
            asked |= {"system": SYSTEM, "code": "a"}
        status, issue = refused(lambda o=operation, a=asked: SERVICE.post(f"ValueSet/{o}", **a))  # type: ignore[misc]
        assert (status, issue["code"], coding_of(issue)) == (422, "invalid", "vs-invalid")
        assert all(url in issue["details"]["text"] for url in urls)


def test_sets_within_sets_without_end() -> None:
    chain = [value_set({"valueSet": [f"urn:{n + 1}"]}, url=f"urn:{n}") for n in range(50)]
    status, issue = refused(
        lambda: SERVICE.post("ValueSet/$expand", url="urn:0", tx_resource=chain)
    )
    assert (status, coding_of(issue)) == (422, "vs-invalid")


def test_sets_that_double_are_worked_out_once() -> None:
    leaf = value_set({"system": SYSTEM, "concept": [{"code": "a"}]}, url="urn:12")
    doubled = [
        value_set({"valueSet": [f"urn:{n + 1}"]}, {"valueSet": [f"urn:{n + 1}"]}, url=f"urn:{n}")
        for n in range(12)
    ]
    got = SERVICE.post("ValueSet/$expand", url="urn:0", tx_resource=[TREE, leaf, *doubled])
    assert codes(got) == [(SYSTEM, "a")]


def test_too_much_work_is_refused() -> None:
    many = code_system(*({"code": f"c{n}"} for n in range(3000)))
    filters = [{"property": "code", "op": "regex", "value": "c.*"}] * 100
    asked = value_set({"system": SYSTEM, "filter": filters})
    status, issue = refused(
        lambda: SERVICE.post("ValueSet/$expand", valueSet=asked, tx_resource=many)
    )
    assert (status, issue["code"]) == (422, "too-costly")


def test_parts_of_foreign_systems_can_only_be_listed() -> None:
    status, issue = refused(lambda: expanded({"system": ICD}))
    assert (status, issue["code"]) == (422, "not-supported")
    status, issue = refused(lambda: expanded({"system": "http://example.org/none"}))
    assert (status, issue["code"], coding_of(issue)) == (422, "not-found", "not-found")
    unknown = {"system": SYSTEM, "version": "7"}
    assert refused(lambda: expanded(unknown))[0] == 422
    listed = {"system": "urn:oid:2.16.840.1.113883.6.90", "concept": [{"code": "I47.20"}]}
    got = SERVICE.post("ValueSet/$expand", valueSet=value_set(listed), date="2024-05-01")
    assert got["expansion"]["contains"] == [
        {
            "system": ICD,
            "version": "2024",
            "code": "I47.20",
            "display": "Ventricular tachycardia, unspecified",
        }
    ]


def test_without_cpt_there_is_none_of_it() -> None:
    free = Service(CATALOGUE.free())
    url = f"{BASE}/ValueSet/orders-initial-implant-cpt"
    assert refused(lambda: free.get("ValueSet/$expand", url=url))[0] == 422
    assert refused(lambda: free.get("CodeSystem/$lookup", system=CPT, code="33249"))[0] == 422


def test_a_system_that_came_in_place_of_a_published_one() -> None:
    concepts = [{"code": "i46.2"}]
    own = code_system(*concepts, url=ICD, version="2023", caseSensitive=False)
    pin = "http://example.org/x|1"
    got = SERVICE.post("ValueSet/$expand", url=B1, system_version=pin, tx_resource=own)
    assert codes(got) == [(ICD, "i46.2")]


def test_resources_that_come_along_are_counted() -> None:
    many = [value_set({"valueSet": [B1]}, url=f"urn:{n}") for n in range(101)]
    asked = {"url": "urn:0", "tx_resource": many}
    status, issue = refused(lambda: SERVICE.post("ValueSet/$expand", **asked))
    assert (status, issue["code"], issue["expression"]) == (422, "too-costly", ["tx-resource"])
    assert codes(SERVICE.post("ValueSet/$expand", url="urn:0", tx_resource=many[:100]))
