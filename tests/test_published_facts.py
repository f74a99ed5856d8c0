"""What is published against the rules of code systems, versions, packages and rights."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from fhir_invariants import below
from published_facts import (
    BASE,
    CPT,
    CPT_COMMENTS,
    CPT_NOTICE,
    EXTENSIONS,
    ICD10CM,
    ICD10PCS,
    LIFETIMES,
    NOTICES,
    SYSTEMS,
    WRONG_URIS,
    SystemFacts,
    mod10,
    verhoeff,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("published",)
Json = dict[str, Any]
Contents = dict[tuple[str, bool], tuple[Json, ...]]
_OWN = SystemFacts(r"[A-Za-z0-9-]+", r"1\.0\.0", titled=True)
_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
PERIOD = "http://hl7.org/fhir/StructureDefinition/resource-effectivePeriod"


def facts_of(uri: str) -> SystemFacts:
    return _OWN if uri.startswith(f"{BASE}/CodeSystem/") else SYSTEMS[uri]


def texts(value: object) -> Iterator[str]:
    """Every text of a resource."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from texts(inner)
        case list():
            for inner in value:
                yield from texts(inner)


def period_of(resource: Json) -> tuple[date, date | None]:
    """The days of a resource: its element, where its type has one, else its extension."""
    periods = [e["valuePeriod"] for e in resource["extension"] if e["url"] == PERIOD]
    (period,) = [
        *periods,
        *([resource["effectivePeriod"]] if "effectivePeriod" in resource else []),
    ]
    end = period.get("end")
    return date.fromisoformat(period["start"]), None if end is None else date.fromisoformat(end)


def dated(documents: tuple[Json, ...]) -> list[Json]:
    """The resources of a release: all but our own code systems."""
    return [one for one in documents if one["resourceType"] != "CodeSystem"]


# --------------------------------------------------------------------------- code systems and codes


def test_systems_codes_and_releases_have_their_forms(value_sets: tuple[Json, ...]) -> None:
    for one in value_sets:
        for part in one["compose"]["include"]:
            facts = facts_of(part["system"])
            version = part.get("version")
            if facts.version is None:
                assert version is None, part["system"]
            elif version is not None:
                assert re.fullmatch(facts.version, version), (one["id"], version)
            for concept in part["concept"]:
                assert re.fullmatch(facts.code, concept["code"]), (one["id"], concept["code"])
                assert facts.check is None or facts.check(concept["code"]), concept["code"]


def test_every_code_system_of_the_facts_is_in_use(value_sets: tuple[Json, ...]) -> None:
    used = {part["system"] for one in value_sets for part in one["compose"]["include"]}
    assert {uri for uri in used if not uri.startswith(BASE)} == set(SYSTEMS)


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        (ICD10CM, "I4901"),
        (ICD10CM, "i49.01"),
        (ICD10PCS, "0JH60.8Z"),
        (ICD10PCS, "OJH608Z"),
        (CPT, "33249-26"),
        ("http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "D0120"),
        ("http://loinc.org", "10230"),
    ],
)
def test_the_forms_refuse_what_is_wrong(uri: str, code: str) -> None:
    assert re.fullmatch(SYSTEMS[uri].code, code) is None


def test_the_check_digits_refuse_what_is_wrong() -> None:
    assert verhoeff("22298006")
    assert not verhoeff("22298007")
    assert not verhoeff("22289006")
    assert mod10("10230-1")
    assert not mod10("10230-2")
    assert not mod10("12030-1")


def test_no_other_spelling_of_a_system_is_published(documents: tuple[Json, ...]) -> None:
    for one in documents:
        for text in texts(one):
            assert text.partition("|")[0] not in WRONG_URIS, one["id"]
            assert not text.startswith("urn:oid:"), one["id"]


def test_maps_parameters_and_filters_name_systems_as_the_value_sets_do(
    documents: tuple[Json, ...],
) -> None:
    known = {*SYSTEMS, *(one["url"] for one in documents if one["resourceType"] == "CodeSystem")}
    for one in documents:
        groups = below(one, "group")
        assert {uri for group in groups for uri in (group["source"], group["target"])} <= known
        pinned = {
            p["valueCanonical"].partition("|")[0]
            for p in below(one, "parameter")
            if p["name"] == "system-version"
        }
        assert pinned <= known


def test_lists_of_the_article_are_pinned_to_the_release_of_their_first_day(
    contents: Contents,
) -> None:
    """A fiscal year begins in October of the year before."""
    for held in contents.values():
        for one in (d for d in held if d["resourceType"] == "ValueSet"):
            day, _ = period_of(one)
            years = {str(day.year), str(day.year + (day.month >= 10))}
            is_evidence = one["purpose"].startswith("What a chart")
            for part in one["compose"]["include"]:
                if is_evidence or facts_of(part["system"]).version != r"20\d\d":
                    continue
                fiscal = part["system"] in {ICD10CM, ICD10PCS}
                assert part["version"] == (max(years) if fiscal else str(day.year)), one["id"]


def test_no_code_is_pinned_to_a_release_that_lacks_it(value_sets: tuple[Json, ...]) -> None:
    seen = set()
    for one in value_sets:
        for part in one["compose"]["include"]:
            for concept in part["concept"]:
                first, last = LIFETIMES.get(concept["code"], ("", "9999"))
                if part.get("version", "").isdigit():
                    assert first <= part["version"] <= last, (one["id"], concept["code"])
                seen.add(concept["code"])
    assert set(LIFETIMES) <= seen


def test_titles_are_shown_only_where_they_may_be(documents: tuple[Json, ...]) -> None:
    for one in documents:
        for part in (*below(one, "include"), *below(one, "contains")):
            if facts_of(part["system"]).titled:
                continue
            concepts = part.get("concept", [part])
            assert all("display" not in concept for concept in concepts), one["id"]
        for group in below(one, "group"):
            for element in group["element"]:
                assert facts_of(group["source"]).titled or "display" not in element
                for target in element["target"]:
                    assert facts_of(group["target"]).titled or "display" not in target


# ------------------------------------------------------------------------------------- value sets


def test_a_definition_lists_every_code_once_in_one_part_for_each_release(
    value_sets: tuple[Json, ...],
) -> None:
    for one in value_sets:
        assert set(one["compose"]) <= {"include", "inactive"}
        parts = one["compose"]["include"]
        assert all(set(part) <= {"system", "version", "concept"} for part in parts)
        keys = [(part["system"], part.get("version")) for part in parts]
        assert len(keys) == len(set(keys)), one["id"]
        codes = [(p["system"], c["code"]) for p in parts for c in p["concept"]]
        assert len(codes) == len(set(codes)) > 0, one["id"]


def test_no_version_is_locked_against_its_successors(value_sets: tuple[Json, ...]) -> None:
    assert all("immutable" not in one for one in value_sets)


def test_an_expansion_is_what_the_definition_lists(value_sets: tuple[Json, ...]) -> None:
    for one in value_sets:
        expansion = one["expansion"]
        contained = [
            (
                c["system"],
                c.get("version"),
                c["code"],
                c.get("display"),
                json.dumps(c.get("designation")),
            )
            for c in expansion["contains"]
        ]
        defined = [
            (
                p["system"],
                p.get("version"),
                c["code"],
                c.get("display"),
                json.dumps(c.get("designation")),
            )
            for p in one["compose"]["include"]
            for c in p["concept"]
        ]
        assert Counter(contained) == Counter(defined), one["id"]
        assert expansion["total"] == len(contained)
        assert expansion["offset"] == 0


def test_an_expansion_says_what_it_was_made_of(value_sets: tuple[Json, ...]) -> None:
    for one in value_sets:
        canonical = f"{one['url']}|{one['version']}"
        used = [
            f"{part['system']}|{part['version']}"
            for part in one["compose"]["include"]
            if "version" in part
        ]
        said = [(p["name"], p["valueUri"]) for p in one["expansion"]["parameter"]]
        assert said[0] == ("used-valueset", canonical)
        assert sorted(said[1:]) == sorted(("used-codesystem", uri) for uri in used), one["id"]
        names = [canonical, *(uri for name, uri in said if name == "used-codesystem")]
        expected = uuid.uuid5(uuid.NAMESPACE_URL, "|".join(names))
        assert one["expansion"]["identifier"] == f"urn:uuid:{expected}"
        assert one["expansion"]["timestamp"] == f"{one['date']}T00:00:00Z"


def test_identifiers_are_made_of_url_and_version_and_no_two_are_the_same(
    documents: tuple[Json, ...],
) -> None:
    seen: Counter[str] = Counter()
    for one in documents:
        identifiers = one.get("identifier", [])
        for each in identifiers if isinstance(identifiers, list) else [identifiers]:
            expected = uuid.uuid5(uuid.NAMESPACE_URL, f"{one['url']}|{one['version']}")
            assert each == {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{expected}"}
            seen[each["value"]] += 1
        assert identifiers or one["resourceType"] == "ImplementationGuide"
    assert set(seen.values()) == {1}


def test_a_code_that_its_release_calls_inactive_is_marked(value_sets: tuple[Json, ...]) -> None:
    marked = set()
    for one in value_sets:
        inactive = {c["code"] for c in one["expansion"]["contains"] if c.get("inactive")}
        assert one["compose"].get("inactive") is (True if inactive else None), one["id"]
        marked |= inactive
    assert "I47.2" in marked


def test_properties_of_an_expansion_are_declared_and_defined(documents: tuple[Json, ...]) -> None:
    (system,) = [one for one in documents if one["id"] == "defib-property-1.0.0"]
    defined = {concept["code"] for concept in system["concept"]}
    for one in (d for d in documents if d["resourceType"] == "ValueSet"):
        declared = {
            e["extension"][0]["valueCode"]: e["extension"][1]["valueUri"]
            for e in one["expansion"].get("extension", [])
        }
        used = {
            e["extension"][0]["valueCode"]
            for c in one["expansion"]["contains"]
            for e in c.get("extension", [])
        }
        assert set(declared) == used <= defined, one["id"]
        assert all(uri == f"{system['url']}#{code}" for code, uri in declared.items())


def test_only_extensions_that_are_not_retired_are_written(documents: tuple[Json, ...]) -> None:
    found = set()
    for one in documents:
        for extension in below(one, "extension"):
            url = extension["url"]
            if not url.startswith("http"):
                assert url in {"code", "uri", "value"}
                continue
            element = EXTENSIONS[url]
            assert set(extension) == {"url", "extension" if element is None else element}
            found.add(url)
    assert found == set(EXTENSIONS)


def test_every_resource_says_who_publishes_it_for_whom(documents: tuple[Json, ...]) -> None:
    for one in documents:
        assert one["status"] == "active"
        assert one["experimental"] is False
        assert re.fullmatch(r"[A-Z][A-Za-z0-9_]{0,254}", one["name"])
        assert one["publisher"]
        assert one["contact"][0]["telecom"][0]["value"] == BASE
        assert one["jurisdiction"][0]["coding"] == [
            {"system": "urn:iso:std:iso:3166", "code": "US"}
        ]
        kinds = {use["code"]["code"]: use["code"]["system"] for use in one["useContext"]}
        assert set(kinds) == {"program", "focus"}
        assert set(kinds.values()) == {"http://terminology.hl7.org/CodeSystem/usage-context-type"}


# ---------------------------------------------------------------------------- versions and periods


def test_ids_and_urls_are_legal_and_stable(documents: tuple[Json, ...]) -> None:
    for one in documents:
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", one["id"])
        assert _SEMVER.fullmatch(one["version"])
        name = one["url"].rpartition("/")[2]
        assert one["url"] == f"{BASE}/{one['resourceType']}/{name}"
        assert not re.search(r"20[12]\d", name)
        if one["resourceType"] == "ImplementationGuide":
            assert one["id"] == name
        else:
            assert one["id"] == f"{name}-{one['version']}"
    keys = Counter((d["resourceType"], d["id"]) for d in dated(documents) if "packageId" not in d)
    assert set(keys.values()) == {1}


def test_machine_names_and_titles_stay_while_versions_change(documents: tuple[Json, ...]) -> None:
    named = defaultdict(set)
    for one in documents:
        named[one["url"]].add(one["name"])
    assert all(len(names) == 1 for names in named.values())
    assert len({name for names in named.values() for name in names}) >= len(named) - 1


def test_periods_follow_on_one_another_without_gap_or_overlap(documents: tuple[Json, ...]) -> None:
    by_url = defaultdict(list)
    for one in dated(documents):
        by_url[one["url"]].append((*period_of(one), one["version"]))
    for url, periods in by_url.items():
        periods.sort(key=lambda period: period[0])
        for (_, end, _), (start, _, _) in pairwise(periods):
            assert end is not None, url
            assert end + timedelta(1) == start, url
        assert periods[-1][1] is None, url
        for start, _, version in periods:
            assert version == f"{start.year}.{start.month}.{start.day}"


def test_the_first_days_are_those_of_the_article(documents: tuple[Json, ...]) -> None:
    days = {str(period_of(one)[0]) for one in dated(documents)}
    assert days == {"2018-02-15", "2019-10-01", "2021-10-01", "2022-10-01", "2023-01-01"}


def test_days_stand_in_the_element_where_r4_has_one(documents: tuple[Json, ...]) -> None:
    for one in documents:
        if one["resourceType"] in {"Library", "PlanDefinition"}:
            assert "effectivePeriod" in one
            assert one["approvalDate"] == one["date"]
        else:
            assert "effectivePeriod" not in one
            assert "approvalDate" not in one


def test_the_sources_are_the_determination_and_the_article(documents: tuple[Json, ...]) -> None:
    for one in dated(documents):
        found = [
            e["valueRelatedArtifact"]
            for e in one["extension"]
            if e["url"].endswith("artifact-relatedArtifact")
        ]
        if one["resourceType"] in {"Library", "PlanDefinition"}:
            assert not found
            found = [r for r in one["relatedArtifact"] if r["type"] == "derived-from"]
        assert [each["type"] for each in found] == ["derived-from", "derived-from"]
        assert found[0]["display"] == "NCD 20.4"
        assert found[1]["display"].startswith("Article A56326, ")


# ------------------------------------------------------------------------------- parts of a release


def test_no_two_versions_of_a_url_are_in_a_package(contents: Contents) -> None:
    for held in contents.values():
        assert set(Counter(one["url"] for one in held).values()) == {1}


def test_a_manifest_lists_its_release_and_nothing_else(contents: Contents) -> None:
    for (version, _), held in contents.items():
        (manifest,) = [one for one in held if one["resourceType"] == "Library"]
        listed = [r for r in manifest["relatedArtifact"] if r["type"] == "composed-of"]
        expected = {
            f"{one['url']}|{one['version']}"
            for one in held
            if one["resourceType"] not in {"Library", "ImplementationGuide"}
        }
        assert {each["resource"] for each in listed} == expected
        assert len(listed) == len(expected)
        assert all(each["extension"][0]["valueBoolean"] is True for each in listed)
        pinned = {
            p["valueCanonical"]
            for p in manifest["contained"][0]["parameter"]
            if p["name"] == "default-valueset-version"
        }
        assert pinned == {one for one in expected if "/ValueSet/" in one}
        assert manifest["version"] == version


def test_a_manifest_depends_on_the_releases_that_its_value_sets_pin(contents: Contents) -> None:
    for held in contents.values():
        (manifest,) = [one for one in held if one["resourceType"] == "Library"]
        pinned = {
            f"{part['system']}|{part['version']}"
            for one in held
            for part in below(one, "include")
            if "version" in part and not part["system"].startswith(BASE)
        }
        depends = [r["resource"] for r in manifest["relatedArtifact"] if r["type"] == "depends-on"]
        assert sorted(depends) == sorted(pinned)
        chosen = [
            p["valueCanonical"]
            for p in manifest["contained"][0]["parameter"]
            if p["name"] == "system-version"
        ]
        assert set(chosen) <= pinned
        day, _ = period_of(manifest)
        for system, _, version in (uri.partition("|") for uri in chosen):
            if system in {ICD10CM, ICD10PCS}:
                assert version == str(day.year + (day.month >= 10))
        systems = [uri.partition("|")[0] for uri in chosen]
        assert sorted(systems) == sorted({uri.partition("|")[0] for uri in pinned})


def test_a_guide_names_its_package_and_all_that_is_in_it(contents: Contents) -> None:
    for (version, _), held in contents.items():
        (guide,) = [one for one in held if one["resourceType"] == "ImplementationGuide"]
        listed = [r["reference"]["reference"] for r in guide["definition"]["resource"]]
        assert sorted(listed) == sorted(
            f"{one['resourceType']}/{one['id']}" for one in held if one is not guide
        )
        assert guide["version"] == version
        assert guide["url"] == f"{BASE}/ImplementationGuide/{guide['packageId']}"
        assert re.fullmatch(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+", guide["packageId"])
        assert not guide["packageId"].startswith(("hl7.", "fhir."))
        assert guide["fhirVersion"] == ["4.0.1"]
        assert guide["license"] == "not-open-source"


def test_what_a_map_leads_to_stands_in_a_value_set_of_its_release(contents: Contents) -> None:
    names = set()
    for (version, licensed), held in contents.items():
        codes = {
            (part["system"], concept["code"])
            for one in held
            for part in below(one, "include")
            for concept in part["concept"]
        } | {
            (one["url"], concept["code"])
            for one in held
            if one["resourceType"] == "CodeSystem"
            for concept in one["concept"]
        }
        maps = [one for one in held if one["resourceType"] == "ConceptMap"]
        for one in maps:
            names.add(one["name"])
            for group in one["group"]:
                for element in group["element"]:
                    retired = one["name"] == "RetiredToSuccessors"
                    assert retired or (group["source"], element["code"]) in codes
                    for target in element["target"]:
                        assert (group["target"], target["code"]) in codes, (one["id"], target)
        expected = 3 if version >= "2022" else 2
        assert len(maps) == expected, (version, licensed)
    assert len(names) == 3


def test_retired_codes_lead_to_codes_that_follow_them(contents: Contents) -> None:
    (found,) = [d for d in contents["2022.10.1", True] if d["name"] == "RetiredToSuccessors"]
    (group,) = found["group"]
    assert (group["sourceVersion"], group["targetVersion"]) == ("2022", "2023")
    assert {e["code"]: {t["code"] for t in e["target"]} for e in group["element"]} == {
        "I47.2": {"I47.20", "I47.21", "I47.29"}
    }


# ---------------------------------------------------------------------------------------- the plan


def actions(action: Json) -> Iterator[Json]:
    for inner in action.get("action", []):
        yield inner
        yield from actions(inner)


def plans(contents: Contents) -> Iterator[tuple[Json, tuple[Json, ...]]]:
    for (_, licensed), held in contents.items():
        if licensed:
            (plan,) = [one for one in held if one["resourceType"] == "PlanDefinition"]
            yield plan, held


def test_every_action_with_a_criterion_cites_its_paragraph(contents: Contents) -> None:
    for plan, _ in plans(contents):
        orders, indications = plan["action"]
        for action in (*actions(orders), *actions(indications)):
            (cited,) = action["documentation"]
            assert cited["type"] == "citation"
            assert cited["label"].startswith("P-")
            assert cited["citation"]
            assert cited["url"].startswith("https://www.cms.gov/")
        assert len(list(actions(indications))) > len(indications["action"]) == 8


def test_the_plan_asks_at_the_hooks_of_the_service(contents: Contents) -> None:
    for plan, _ in plans(contents):
        orders, indications = plan["action"]
        for action in orders["action"]:
            assert [t["name"] for t in action["trigger"]] == [
                "order-select",
                "order-sign",
                "order-dispatch",
                "appointment-book",
            ]
        assert not list(below(indications, "trigger"))


def test_the_plan_names_only_what_its_release_holds(contents: Contents) -> None:
    for plan, held in plans(contents):
        known = {f"{one['url']}|{one['version']}" for one in held}
        filters = {one["valueSet"] for one in below(plan, "codeFilter")}
        depends = {r["resource"] for r in plan["relatedArtifact"] if r["type"] == "depends-on"}
        assert filters | depends <= known
        assert len(filters) > 60
        codings = [coding for code in below(plan, "code") for coding in code.get("coding", [])]
        codes = {(coding["system"], coding["code"]) for coding in codings}
        (system,) = [one for one in held if one["id"] == "defib-indication-1.0.0"]
        assert codes == {(system["url"], concept["code"]) for concept in system["concept"]}


def test_the_plan_reads_every_order_code_of_its_release(contents: Contents) -> None:
    for plan, held in plans(contents):
        filters = {one["valueSet"] for one in below(plan["action"][0], "codeFilter")}
        assert filters == {
            f"{one['url']}|{one['version']}"
            for one in held
            if one["resourceType"] == "ValueSet" and one["id"].startswith("orders-")
        }


# ------------------------------------------------------------------------------------------- rights


def licensed_sets(value_sets: tuple[Json, ...]) -> list[Json]:
    return [
        one
        for one in value_sets
        if any(part["system"] == CPT for part in one["compose"]["include"])
    ]


def test_cpt_numbers_stand_alone_and_in_sets_of_their_own(value_sets: tuple[Json, ...]) -> None:
    for one in licensed_sets(value_sets):
        assert one["id"].removesuffix(f"-{one['version']}").endswith("-cpt")
        assert {part["system"] for part in one["compose"]["include"]} == {CPT}
        for concept in (c for part in one["compose"]["include"] for c in part["concept"]):
            assert set(concept) <= {"code", "extension"}
            for comment in concept.get("extension", []):
                assert comment["valueString"] in CPT_COMMENTS
        for concept in one["expansion"]["contains"]:
            assert set(concept) <= {"system", "version", "code", "extension"}
    assert len(licensed_sets(value_sets)) > 80


def test_the_cpt_notice_names_the_year_in_which_the_release_came_out(
    value_sets: tuple[Json, ...],
) -> None:
    """CPT comes out in August for the following year, and is dated by the year it comes out."""
    for one in licensed_sets(value_sets):
        used = int(one["compose"]["include"][0].get("version", one["version"][:4]))
        assert one["copyright"] == CPT_NOTICE.format(year=used - 1), one["id"]
        assert one["version"].startswith(str(used))


def test_every_owner_is_named_where_his_codes_are(documents: tuple[Json, ...]) -> None:
    for one in documents:
        systems = {part["system"] for part in below(one, "include")} | {
            uri for group in below(one, "group") for uri in (group["source"], group["target"])
        }
        for uri, words in NOTICES.items():
            if one["resourceType"] == "ImplementationGuide":
                continue
            named = [word in one.get("copyright", "") for word in words]
            assert all(named) if uri in systems else not any(named), (one["id"], uri)


def test_a_guide_names_the_owners_whose_codes_its_package_holds(contents: Contents) -> None:
    for (version, licensed), held in contents.items():
        (guide,) = [one for one in held if one["resourceType"] == "ImplementationGuide"]
        year = int(version[:4]) - 1
        assert (CPT_NOTICE.format(year=year) in guide["copyright"]) is licensed
        for uri, words in NOTICES.items():
            if licensed or uri != CPT:
                assert all(word in guide["copyright"] for word in words), uri


def test_no_cpt_number_stands_in_a_package_without_them(contents: Contents) -> None:
    numbers = {
        concept["code"]
        for held in contents.values()
        for one in held
        for part in below(one, "include")
        if part["system"] == CPT
        for concept in part["concept"]
    }
    assert len(numbers) > 100
    for (_, licensed), held in contents.items():
        if licensed:
            continue
        for one in held:
            words = {w for text in texts(one) for w in re.findall(r"\b\d{4}[0-9FTU]\b", text)}
            assert not words & numbers, one["id"]
            assert "-cpt" not in one["id"].replace("without-cpt", "")


def test_no_code_system_of_another_owner_is_published(documents: tuple[Json, ...]) -> None:
    for one in documents:
        if one["resourceType"] == "CodeSystem":
            assert one["url"].startswith(f"{BASE}/CodeSystem/defib-")
            assert one["content"] == "complete"
            assert one["count"] == len(one["concept"])
