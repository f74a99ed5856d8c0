"""The records of a population as one shape of export tells them, each as the text of a line.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, get_args

from audit_population import Charted, with_references
from audit_shapes import References, Shape, Spelling
from fhir_builders import Json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BASE = "https://fhir.example.org/r4"


def told(charts: Sequence[Charted], shape: Shape, chance: random.Random) -> Iterator[Json]:
    """The resources, as this shape tells them."""
    people: dict[str, Json] = {}
    for chart in charts:
        for one in chart.everything():
            if shape.nameless and one["resourceType"] == "Patient" and _ageless(chart):
                continue
            made = _moved_out(one, people) if shape.people == "shared" else one
            if shape.dangling and chance.random() < 0.5:
                made = _pointing_nowhere(made)
            yield from _versions(made, chance) if shape.duplicates else (made,)
    yield from people.values()
    for number in range(shape.strangers):
        yield from stranger(number, chance)


def _ageless(chart: Charted) -> bool:
    """Whether nothing is dated by the patient's age."""
    return not any("onsetAge" in one for one in chart.resources)


def _moved_out(resource: Json, people: dict[str, Json]) -> Json:
    """A resource without what it contains: that has a line of its own, the same one for all."""
    if "contained" not in resource:
        return resource
    names: dict[str, str] = {}
    for inside in resource["contained"]:
        text = json.dumps(inside, sort_keys=True)
        kind = inside["resourceType"]
        made = people.setdefault(text, inside | {"id": f"shared-{len(people)}"})
        names[f"#{inside['id']}"] = f"{kind}/{made['id']}"
    rest = {member: value for member, value in resource.items() if member != "contained"}
    return with_references(rest, lambda reference: names.get(reference, reference))


def _pointing_nowhere(resource: Json) -> Json:
    """A resource that points at records which are not in the export, and at none that says more."""
    nowhere = {"reference": "Encounter/not-exported"}
    match resource["resourceType"]:
        case "Observation" | "Procedure" | "Condition":
            return resource | {"encounter": resource.get("encounter", nowhere)}
        case "ServiceRequest" | "MedicationRequest":
            return resource | {"requester": {"reference": "Practitioner/not-exported"}}
        case "Encounter":
            return resource | {"serviceProvider": {"reference": "Organization/not-exported"}}
        case _:
            return resource


def _versions(resource: Json, chance: random.Random) -> Iterator[Json]:
    """A resource alone, twice, or with an older version that says something else."""
    throw = chance.random()
    if throw < 0.4:
        yield resource
        return
    newest = resource | {"meta": {"versionId": "7", "lastUpdated": "2026-11-19T12:00:00.000Z"}}
    yield newest
    if throw < 0.7:
        yield newest
        return
    # Earlier by its instant, later by its text: the zones differ.
    yield _outdated(resource) | {"meta": {"lastUpdated": "2026-11-19T13:59:59.999+02:00"}}


def _outdated(resource: Json) -> Json:
    """What would change a determination, if it still held."""
    match resource["resourceType"]:
        case "Condition":
            system = resource["code"]["coding"][0]["system"] if "code" in resource else ""
            coding = {"system": system, "code": "I21.4"}
            return resource | {"code": {"coding": [coding]}, "onsetDateTime": "2026-11-18"}
        case "Observation":
            return resource | {"status": "entered-in-error"}
        case "ServiceRequest" | "DeviceRequest":
            return resource | {"status": "revoked"}
        case "Patient":
            return resource | {"birthDate": "2020-01-01"}
        case _:
            return resource | {"status": "cancelled"}


def stranger(number: int, chance: random.Random) -> Iterator[Json]:
    """A patient without any order of ours, whose records look like it here and there."""
    identity = f"stranger-{number}"
    subject = {"reference": f"Patient/{identity}"}
    cpt = "http://www.ama-assn.org/go/cpt"
    yield {"resourceType": "Patient", "id": identity, "birthDate": "1950-01-01"}
    diagnosis = chance.choice(["I25.5", "I42.0", "I21.4", "E11.9"])
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": diagnosis}
    mine: Json = {"subject": subject, "code": {"coding": [coding]}}
    yield {"resourceType": "Condition", "id": f"{identity}.c", **mine}
    ordered: Json = {"system": cpt, "code": chance.choice(["93306", "92928", "99213"])}
    yield {
        "resourceType": "ServiceRequest",
        "id": f"{identity}.s",
        "status": "active",
        "intent": "order",
        # The number of an implant, and no code of one.
        "identifier": [{"system": "urn:example:placer", "value": "33249"}],
        "subject": subject,
        "code": {"coding": [ordered], "text": "not 33249"},
    }


# ------------------------------------------------------------------------------ how it is spelled


def spelled(resource: Json, shape: Shape, chance: random.Random) -> bytes:
    """A resource as a line."""
    made = with_references(resource, lambda reference: _reference(reference, shape, chance))
    spelling = shape.spelling
    if spelling == "various":
        spelling = chance.choice(get_args(Spelling))
    match spelling:
        case "spaced":
            return b"\t " + json.dumps(made, separators=(" , ", " :\t ")).encode() + b"  \t"
        case "reordered":
            return json.dumps(_reordered(made, chance), ensure_ascii=False).encode()
        case "slashes":
            return json.dumps(made).replace("/", "\\/").encode()
        case "escaped":
            return _escaped(made, chance).encode()
        case _:
            return json.dumps(made, separators=(",", ":")).encode()


def _reference(reference: str, shape: Shape, chance: random.Random) -> str:
    if reference.startswith("#"):
        return reference
    how = shape.references
    if how == "various":
        how = chance.choice(get_args(References))
    match how:
        case "absolute":
            return f"{BASE}/{reference}"
        case "versioned":
            return f"{reference}/_history/3"
        case _:
            return reference


def _reordered(value: object, chance: random.Random) -> object:
    """Every object with its members in another order."""
    if isinstance(value, list):
        return [_reordered(one, chance) for one in value]
    if not isinstance(value, dict):
        return value
    members = list(value)
    chance.shuffle(members)
    return {member: _reordered(value[member], chance) for member in members}


def _escaped(value: object, chance: random.Random) -> str:
    """JSON in whose texts every third letter or digit is written by its number, names too."""
    match value:
        case dict():
            made = (f"{_escaped(k, chance)}:{_escaped(v, chance)}" for k, v in value.items())
            return "{" + ",".join(made) + "}"
        case list():
            return "[" + ",".join(_escaped(one, chance) for one in value) + "]"
        case str():
            return '"' + "".join(_letter(letter, chance) for letter in value) + '"'
        case _:
            return json.dumps(value)


def _letter(letter: str, chance: random.Random) -> str:
    if letter.isascii() and letter.isalnum() and chance.random() < 0.3:
        return f"\\u{ord(letter):04x}"
    return json.dumps(letter)[1:-1]
