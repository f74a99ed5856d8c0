"""Every published resource against FHIR R4 and its profiles, by judges that are not ours."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from crmi_profiles import CRMI, MANIFEST_PARAMETERS, PROFILES, Profile, profiles_of
from fhir_invariants import DOMAIN, ELEMENTS, RESOURCES, TYPES, elements, holds

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("published",)
Json = dict[str, Any]


def name_of(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def test_what_is_published_is_of_six_types_in_five_releases(documents: tuple[Json, ...]) -> None:
    found = Counter(one["resourceType"] for one in documents)
    assert set(found) == set(RESOURCES)
    assert found["PlanDefinition"] == 5
    assert found["Library"] == found["ImplementationGuide"] == 2 * 5


def test_every_resource_is_read_and_written_back_the_same(documents: tuple[Json, ...]) -> None:
    """The models forbid what R4 does not know, and what a resource says twice or wrongly."""
    for resource in documents:
        model = get_fhir_model_class(resource["resourceType"])
        read = model.model_validate_json(json.dumps(resource))
        assert json.loads(read.model_dump_json()) == resource, name_of(resource)


def broken_invariants(resource: Json) -> Iterator[str]:
    rules = {**DOMAIN, **RESOURCES[resource["resourceType"]]}
    for key, text in rules.items():
        if not holds(text, resource, resource):
            yield f"{name_of(resource)}: {key}"
    for path, texts in ELEMENTS.items():
        distinct = {json.dumps(one): one for one in elements(path, resource)}
        for element in distinct.values():
            for key, text in texts.items():
                if not holds(text, element, resource, TYPES.get(path)):
                    yield f"{name_of(resource)}: {key} in {element}"


def test_every_resource_meets_the_invariants_of_r4(documents: tuple[Json, ...]) -> None:
    assert [fault for one in documents for fault in broken_invariants(one)] == []


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        ("vsd-0", {"resourceType": "ValueSet", "name": "b1"}),
        ("vsd-1", {"resourceType": "ValueSet", "name": "A", "compose": {"include": [{}]}}),
        (
            "vsd-2",
            {
                "resourceType": "ValueSet",
                "name": "A",
                "compose": {"include": [{"valueSet": ["u"], "concept": [{"code": "1"}]}]},
            },
        ),
        (
            "vsd-10",
            {"resourceType": "ValueSet", "name": "A", "expansion": {"contains": [{"code": "1"}]}},
        ),
        (
            "csd-1",
            {
                "resourceType": "CodeSystem",
                "name": "A",
                "concept": [{"code": "1"}, {"code": "2", "concept": [{"code": "1"}]}],
            },
        ),
        (
            "cmd-1",
            {
                "resourceType": "ConceptMap",
                "name": "A",
                "group": [{"element": [{"target": [{"equivalence": "narrower"}]}]}],
            },
        ),
        ("dom-3", {"resourceType": "Library", "name": "A", "contained": [{"id": "p"}]}),
        (
            "inv-1",
            {"resourceType": "Library", "name": "A", "contained": [{"parameter": [{"name": "n"}]}]},
        ),
        (
            "trd-3",
            {
                "resourceType": "PlanDefinition",
                "name": "A",
                "action": [{"action": [{"trigger": [{"type": "named-event"}]}]}],
            },
        ),
        ("ext-1", {"resourceType": "Library", "name": "A", "extension": [{"url": "u"}]}),
        (
            "per-1",
            {
                "resourceType": "Library",
                "name": "A",
                "effectivePeriod": {"start": "2020-01-02", "end": "2020-01-01"},
            },
        ),
        (
            "ig-2",
            {
                "resourceType": "ImplementationGuide",
                "name": "A",
                "fhirVersion": ["4.0.1"],
                "definition": {"resource": [{"fhirVersion": ["5.0.0"]}]},
            },
        ),
    ],
)
def test_an_invariant_finds_what_breaks_it(key: str, resource: Json) -> None:
    found = [fault.split(" ")[1] for fault in broken_invariants({"id": "x", **resource})]
    assert key in found


def at(resource: Json, path: str) -> bool:
    """Whether an element is there."""
    return holds(f"{path}.exists()", resource, resource)


def broken_profile(resource: Json, name: str, profile: Profile) -> Iterator[str]:
    if resource["resourceType"] != profile.type:
        yield f"{name} is for {profile.type}"
        return
    yield from (f"{name}: {e} is missing" for e in profile.required if not at(resource, e))
    yield from (f"{name}: {e} stands there" for e in profile.absent if at(resource, e))
    for path, value in profile.fixed.items():
        if not holds(f"{path} = '{value}'", resource, resource):
            yield f"{name}: {path} has another value"
    urls = Counter(one["url"] for one in resource.get("extension", []))
    yield from (f"{name}: {url}" for url in profile.extensions if urls[url] != 1)
    yield from (f"{name}: {url} twice" for url in profile.single if urls[url] > 1)
    for key, text in profile.constraints.items():
        if not holds(text, resource, resource):
            yield f"{name}: {key}"


def test_every_resource_claims_profiles_that_exist_and_meets_them(
    documents: tuple[Json, ...],
) -> None:
    faults = []
    for resource in documents:
        claimed = resource["meta"]["profile"]
        assert all(url.startswith(CRMI) for url in claimed)
        for name in (url.removeprefix(CRMI) for url in claimed):
            for profile in profiles_of(name):
                found = broken_profile(resource, name, profile)
                faults += [f"{name_of(resource)} {fault}" for fault in found]
    assert faults == []


def test_every_profile_is_claimed_by_something(documents: tuple[Json, ...]) -> None:
    claimed = {url for one in documents for url in one["meta"]["profile"]}
    assert claimed == {CRMI + name for name in PROFILES}


def test_shareable_publishable_and_computable_are_claimed_and_said(
    value_sets: tuple[Json, ...],
) -> None:
    kinds = ["shareable", "publishable", "computable"]
    for one in value_sets:
        assert {f"{CRMI}crmi-{kind}valueset" for kind in kinds} <= set(one["meta"]["profile"])
        said = [
            e["valueCode"] for e in one["extension"] if e["url"].endswith("knowledgeCapability")
        ]
        assert sorted(said) == sorted(kinds)


def test_an_expansion_is_claimed_wherever_every_code_names_its_release(
    value_sets: tuple[Json, ...],
) -> None:
    for one in value_sets:
        pinned = all("version" in c for c in one["expansion"]["contains"])
        assert (f"{CRMI}crmi-expandedvalueset" in one["meta"]["profile"]) is pinned, one["id"]


def test_parameters_of_a_manifest_have_their_names_and_types(documents: tuple[Json, ...]) -> None:
    for library in (one for one in documents if one["resourceType"] == "Library"):
        (parameters,) = library["contained"]
        (reference,) = [e for e in library["extension"] if "expansionParameters" in e["url"]]
        assert reference["valueReference"] == {"reference": f"#{parameters['id']}"}
        for one in parameters["parameter"]:
            assert set(one) == {"name", MANIFEST_PARAMETERS[one["name"]]}
            assert "valueCanonical" not in one or one["valueCanonical"].count("|") == 1
        names = Counter(one["name"] for one in parameters["parameter"])
        assert names["activeOnly"] == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"experimental": None}, "crmi-shareablevalueset: experimental is missing"),
        ({"date": None}, "crmi-publishablevalueset: date is missing"),
        ({"compose": None}, "crmi-computablevalueset: cvs-1"),
        ({"compose": {"lockedDate": "2020-01-01"}}, "crmi-computablevalueset: compose.lockedDate"),
        ({"expansion": None}, "crmi-expandedvalueset: expansion is missing"),
        ({"expansion": {"contains": [{"code": "1"}]}}, "crmi-expandedvalueset: evs-1"),
        ({"extension": []}, "crmi-expandedvalueset: http"),
    ],
)
def test_a_profile_finds_what_breaks_it(
    value_sets: tuple[Json, ...], change: Json, fault: str
) -> None:
    expanded = f"{CRMI}crmi-expandedvalueset"
    whole = next(one for one in value_sets if expanded in one["meta"]["profile"])
    changed = {key: value for key, value in (whole | change).items() if value is not None}
    found = [
        text
        for url in whole["meta"]["profile"]
        for text in broken_profile(
            changed, url.removeprefix(CRMI), PROFILES[url.removeprefix(CRMI)]
        )
    ]
    assert any(text.startswith(fault) for text in found)
