"""A population written as a Bulk Data export, in every shape in which exports come.

What is written is accounted for line by line: ``Export.files`` holds the fate of each line of each
file, so that the counts of a run can be held against it. The same shape and the same charts give
the same bytes.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import gzip
import random
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from audit_odd_lines import FILES, NOT_READ, ODD, Fate
from audit_telling import spelled, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from audit_population import Charted
    from audit_shapes import Shape

# What the records of many point at, and what stands in a vignette and no rule reads.
SHARED = frozenset({"Practitioner", "PractitionerRole", "Organization", "Medication"})
UNREAD = frozenset({"FamilyMemberHistory"})
_BOM = b"\xef\xbb\xbf"


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


def _typed_lines(
    charts: Sequence[Charted], shape: Shape, chance: random.Random
) -> defaultdict[str, list[Line]]:
    """The lines of every resource type."""
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for one in told(charts, shape, chance):
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
