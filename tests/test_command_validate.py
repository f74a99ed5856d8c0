"""``validate``: every problem with its place, in plain words, and nothing of the record."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from command_line import COVERED, SAMPLES, WAITING, Json, run
from defib_coverage.command.fhir_check import Problem, problems_of
from fhir_builders import condition, order, patient

if TYPE_CHECKING:
    from pathlib import Path

# Stands wherever a record could say something, and must never be printed.
NAME = "Smithers"
NO_DATE_TIME = "is no FHIR dateTime such as 2026-11-20 or 2026-11-20T09:30:00-05:00"
ONSETS = "onsetAge, onsetDateTime, onsetPeriod, onsetRange, onsetString"


def told(resource: object, place: str = "") -> list[str]:
    return [f"{p.place}: {p.text}" for p in problems_of(resource, place)]


def validated(body: object) -> list[str]:
    done = run("validate", "-", stdin=json.dumps(body).encode())
    assert done.stderr == ""
    assert done.returncode == 1
    return done.stdout.splitlines()


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_samples_are_fine(sample: Path) -> None:
    done = run("validate", sample)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("resources checked against FHIR R4, no problem\n")


def test_one_resource() -> None:
    done = run("validate", "-", stdin=json.dumps(patient()).encode())
    assert done.stdout == "OK: 1 resource checked against FHIR R4, no problem\n"


PROBLEMS: dict[str, tuple[Json, str]] = {
    "missing": ({"subject": None}, "subject: is null; leave the element out"),
    "unknown element": ({"subjects": 1}, "subjects: FHIR R4 has no such element here"),
    "text for an object": ({"code": NAME}, "code: must be an object"),
    "number for a text": ({"subject": {"reference": 5}}, "subject.reference: must be a text"),
    "object for a list": ({"category": {"text": NAME}}, "category: must be a list"),
    "day": (
        {"onsetDateTime": NAME},
        f"onsetDateTime: {NO_DATE_TIME}",
    ),
    "no such day": (
        {"recordedDate": "2026-02-30"},
        "recordedDate: is no day and time of the calendar",
    ),
    "id": ({"id": f"{NAME} J"}, "id: has characters or spaces that FHIR does not allow here"),
    "empty list": ({"note": []}, "note: is empty; leave the element out"),
    "two of a choice": (
        {"onsetDateTime": "2026-01-01", "onsetString": NAME},
        f"the resource: may have only one of {ONSETS}",
    ),
    "reference": (
        {"subject": {"reference": f"Practitioner/{NAME}"}},
        "subject.reference: must refer to Patient or Group",
    ),
    "contained": (
        {"contained": [{"resourceType": "Practitioner", "active": NAME}]},
        "contained[0].active: must be true or false",
    ),
    "contained type": (
        {"contained": [{"resourceType": NAME}]},
        "contained[0].resourceType: is no resource type of FHIR R4",
    ),
    "contained list": ({"contained": {}}, "contained: is empty; leave the element out"),
    "extension": ({"extension": [{"valueString": NAME}]}, "extension[0].url: is missing"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_problem_in_plain_words(case: str) -> None:
    change, expected = PROBLEMS[case]
    found = told(condition("I25.5") | change)
    assert expected in found
    assert NAME not in "".join(found)


@pytest.mark.parametrize("absent", ["status", "intent", "subject"])
def test_required_element(absent: str) -> None:
    made = order()
    del made[absent]
    assert told(made) == [f"{absent}: is missing"]


def test_all_required_elements_at_once() -> None:
    found = told({"resourceType": "ServiceRequest"})
    assert sorted(found) == ["intent: is missing", "status: is missing", "subject: is missing"]


def test_code_of_a_closed_list() -> None:
    (found,) = told(order(status=NAME))
    assert found.startswith("status: must be one of draft, active, on-hold, revoked, completed")


def test_open_list_takes_any_code() -> None:
    encounter = {
        "resourceType": "Encounter",
        "status": "entered-in-error",
        "class": {"code": "AMB"},
    }
    assert told(encounter) == []


@pytest.mark.parametrize(
    "reference",
    ["#who", "urn:uuid:0", "https://ehr.example.org/fhir/Patient/p1/_history/2", "p1"],
)
def test_reference_that_may_be_of_the_type(reference: str) -> None:
    assert told(condition("I25.5", subject={"reference": reference})) == []


@pytest.mark.parametrize("name", ["Resource", "DomainResource", "HumanName", "Dog", "", "../x"])
def test_no_resource_type(name: str) -> None:
    found = told({"resourceType": name}, "entry[0].resource")
    assert found == ["entry[0].resource.resourceType: is no resource type of FHIR R4"]


def test_unknown_type_deep_inside() -> None:
    inner = {"resourceType": NAME}
    outer = {"resourceType": "Parameters", "parameter": [{"name": "x", "resource": inner}]}
    assert told(outer, "here") == ["here: holds a resource of a type that FHIR R4 does not know"]


def test_what_is_no_resource() -> None:
    assert problems_of(5, "x") == [Problem("x", "must be a resource, an object with resourceType")]
    assert told({"id": "1"}, "x") == ["x.resourceType: is missing"]
    assert told({"resourceType": "Patient", "contained": 5}) == ["contained: must be a list"]


def test_name_of_an_element_is_not_repeated_as_it_came() -> None:
    found = told(patient() | {"Smithers, J. \x1b[31m": 1})
    assert found == ["Smithers__J.___31m: FHIR R4 has no such element here"]


# -------------------------------------------------------------------------- Bundles and requests


def test_one_bad_entry_is_one_report() -> None:
    bad = condition("I25.2") | {"clinicalStatus": NAME}
    entries = [{"resource": patient()}, {"resource": bad}, {"resource": condition("I25.5")}, 5]
    lines = validated({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert lines == [
        "entry[3]: must be an object",
        "entry[1].resource.clinicalStatus: must be an object",
        "2 problems in 4 resources",
    ]


def test_frame_of_a_bundle() -> None:
    lines = validated({"resourceType": "Bundle", "type": "list", "entry": [{"fullurl": "x"}]})
    assert lines == [
        "entry[0].fullurl: FHIR R4 has no such element here",
        "1 problem in 1 resource",
    ]


def test_request_by_its_envelope_its_orders_and_its_prefetch() -> None:
    request: Json = deepcopy(json.loads(WAITING.read_bytes()))
    request["hookInstance"] = NAME
    drafted = request["context"]["draftOrders"]["entry"][0]["resource"]
    del drafted["subject"]
    request["prefetch"]["conditions"]["entry"][1]["resource"]["onsetDateTime"] = NAME
    request["prefetch"]["procedures"] = None
    lines = validated(request)
    assert lines == [
        "hookInstance: hookInstance is not a UUID",
        "context.draftOrders.entry[0].resource.subject: is missing",
        f"prefetch.conditions.entry[1].resource.onsetDateTime: {NO_DATE_TIME}",
        "3 problems in 22 resources",
    ]


def test_request_of_the_wrong_shape() -> None:
    assert validated({"hook": 5}) == ["hook: expected `str`, got `int`", "1 problem in 0 resources"]
    shape = {"hook": "order-sign", "hookInstance": "x", "context": [], "prefetch": []}
    assert validated(shape)[-1] == "1 problem in 0 resources"


def test_place_is_told_once() -> None:
    request = json.loads(COVERED.read_bytes())
    request["prefetch"]["extra"] = 7
    assert validated(request) == [
        "prefetch.extra: expected a resource or null",
        "1 problem in 23 resources",
    ]
