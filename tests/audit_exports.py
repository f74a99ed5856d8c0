"""A population written as a Bulk Data export, in every shape in which exports come.

What is written is accounted for line by line: ``Export.files`` holds the fate of each line of each
file, so that the counts of a run can be held against it. The same shape and the same charts give
the same bytes.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from audit_odd_lines import FILES, NOT_READ, ODD, Fate
from audit_population import Charted, with_references
from fhir_builders import Json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# What the records of many point at, and what stands in a vignette and no rule reads.
SHARED = frozenset({"Practitioner", "PractitionerRole", "Organization", "Medication"})
UNREAD = frozenset({"FamilyMemberHistory"})
BASE = "https://fhir.example.org/r4"
_BOM = b"\xef\xbb\xbf"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How an export is written.

    ``layout``: files by resource type, all types in the same files, or types in folders of their
    own. ``parts``: over how many files the lines of a type go. ``shuffled``: the lines are in no
    order, else those of a patient are together. ``packing``: as it is, one member of gzip, two
    (the first ends in the middle of a line), or each file otherwise. ``references``: how they are
    spelled. ``spelling``: how the JSON is. ``people``: who held a visit stands inside the record,
    or in a line of its own, the same for all. ``duplicates``: some lines come twice, of some there
    is an older version that says something else. ``strangers``: so many patients without any order
    of ours. ``dangling``: some records point at what is not in the export. ``nameless``: patients
    whose birth date is not asked for have no Patient. ``odd``: with lines and files that cannot be
    read, or are hard to.
    """

    name: str
    seed: int = 1
    layout: Literal["types", "mixed", "folders"] = "types"
    parts: int = 1
    shuffled: bool = True
    packing: Literal["plain", "gzip", "members", "various"] = "plain"
    newline: bytes = b"\n"
    bom: bool = False
    last_newline: bool = True
    blank: bool = False
    references: Literal["relative", "absolute", "versioned", "various"] = "relative"
    spelling: Literal["plain", "spaced", "reordered", "slashes", "escaped", "various"] = "plain"
    people: Literal["contained", "shared"] = "contained"
    duplicates: bool = False
    strangers: int = 0
    dangling: bool = False
    nameless: bool = False
    odd: bool = False


class Line(NamedTuple):
    """One line, without its end: its text, its fate, and what is odd about it."""

    text: bytes
    fate: Fate = "record"
    kind: str = ""


class Written(NamedTuple):
    """A file of an export: its name below the folder, its lines in their order.

    ``fault``: words of why the file cannot be read to its end; empty where it can.
    """

    name: str
    lines: tuple[Line, ...]
    fault: str = ""


class Export(NamedTuple):
    """An export on the disk."""

    folder: Path
    files: tuple[Written, ...]

    def count(self, fate: Fate) -> int:
        return sum(line.fate == fate for file in self.files for line in file.lines)

    def rejected(self) -> dict[tuple[str, int], str]:
        """What is odd about every line that must be rejected, by file and number from 1."""
        return {
            (file.name, number): line.kind
            for file in self.files
            for number, line in enumerate(file.lines, 1)
            if line.fate == "rejected"
        }


def write(folder: Path, charts: Sequence[Charted], shape: Shape) -> Export:
    """Write the charts in a shape, below a new folder."""
    chance = random.Random(shape.seed)  # noqa: S311 - seeded, not secret
    lines = _typed_lines(charts, shape, chance)
    if shape.odd:
        for odd in ODD:
            lines[odd.resource_type].append(Line(odd.text, odd.fate, odd.kind))
    files = [
        _file(folder / name, folder, listed, shape, chance)
        for name, listed in _in_files(lines, shape, chance)
    ]
    if shape.odd:
        files += _odd_files(folder)
    return Export(folder, tuple(files))


# ----------------------------------------------------------------------------------- what is told


def _typed_lines(
    charts: Sequence[Charted], shape: Shape, chance: random.Random
) -> defaultdict[str, list[Line]]:
    """The lines of every resource type."""
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for one in _told(charts, shape, chance):
        kind = one["resourceType"]
        lines[kind].append(Line(spelled(one, shape, chance), _fate(kind)))
    if shape.shuffled:
        for listed in lines.values():
            chance.shuffle(listed)
    return lines


def _fate(resource_type: str) -> Fate:
    if resource_type in SHARED:
        return "shared"
    return "unread" if resource_type in UNREAD else "record"


def _told(charts: Sequence[Charted], shape: Shape, chance: random.Random) -> Iterator[Json]:
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
        spelling = chance.choice(["plain", "spaced", "reordered", "slashes", "escaped"])
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
        how = chance.choice(["relative", "absolute", "versioned"])
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


# ----------------------------------------------------------------------------- how it is written


def _in_files(
    lines: dict[str, list[Line]], shape: Shape, chance: random.Random
) -> Iterator[tuple[str, list[Line]]]:
    """The names of the files, each with its lines."""
    if shape.layout == "mixed":
        together = [line for listed in lines.values() for line in listed]
        if shape.shuffled:
            chance.shuffle(together)
        lines = {"export": together}
    for kind, listed in lines.items():
        # People and drugs are few: they are never split.
        parts = 1 if kind in SHARED else shape.parts
        for part in range(parts):
            name = f"{kind}.{part:03}.ndjson"
            yield f"{kind}/{name}" if shape.layout == "folders" else name, listed[part::parts]


def _file(
    path: Path, folder: Path, lines: list[Line], shape: Shape, chance: random.Random
) -> Written:
    """Write one file."""
    if shape.blank:
        for _ in range(1 + len(lines) // 20):
            blank = chance.choice([b"", b"  ", b"\t"])
            lines.insert(chance.randrange(len(lines) + 1), Line(blank, "blank"))
    packing = shape.packing
    if packing == "various":
        packing = chance.choice(["plain", "gzip", "members"])
    body = shape.newline.join(line.text for line in lines)
    if lines and (shape.last_newline or not lines[-1].text.strip()):
        body += shape.newline
    if shape.bom:
        body = _BOM + body
    if packing != "plain":
        path = path.with_name(path.name + ".gz")
        middle = chance.randrange(len(body) + 1)
        members = (body,) if packing == "gzip" else (body[:middle], body[middle:])
        body = b"".join(gzip.compress(one, compresslevel=1, mtime=0) for one in members)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return Written(path.relative_to(folder).as_posix(), tuple(lines))


def _odd_files(folder: Path) -> Iterator[Written]:
    for name, text in NOT_READ.items():
        folder.joinpath(name).parent.mkdir(exist_ok=True)
        folder.joinpath(name).write_bytes(text)
    for odd in FILES:
        folder.joinpath(odd.name).write_bytes(odd.body)
        yield Written(odd.name, tuple(Line(b"", fate, "file") for fate in odd.fates), odd.reason)
