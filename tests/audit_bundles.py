"""A population as Bundles, one a line or one a file, and as the hook calls that were made of it.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import gzip
import json
import random
from typing import TYPE_CHECKING, Literal

from audit_population import Charted, calls_of, with_references
from fhir_builders import Json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BundleType = Literal["collection", "searchset", "transaction"]
_BASE = "https://fhir.example.org/r4"


def bundle_of(resources: Sequence[Json], kind: BundleType) -> Json:
    """A Bundle of resources whose ids are UUIDs.

    In a transaction nothing has an id but by its full URL, which is all that references name. In a
    searchset a page follows, which is another Bundle.
    """
    if kind == "transaction":
        return _bundle(kind, list(_new(resources)))
    entries = [
        {"fullUrl": f"{_BASE}/{one['resourceType']}/{one['id']}", "resource": one}
        for one in resources
    ]
    if kind == "searchset":
        warning = {"severity": "warning", "code": "informational"}
        outcome = {"resourceType": "OperationOutcome", "issue": [warning]}
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
        link = [{"relation": "next", "url": f"{_BASE}?page=2"}]
        return _bundle(kind, entries) | {"total": 10_000, "link": link}
    return _bundle(kind, entries)


def _bundle(kind: BundleType, entries: Sequence[Json]) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def _new(resources: Sequence[Json]) -> Iterator[Json]:
    urls = {f"{r['resourceType']}/{r['id']}": f"urn:uuid:{r['id']}" for r in resources}
    for one in resources:
        made = with_references(one, lambda reference: urls.get(reference, reference))
        yield {
            "fullUrl": f"urn:uuid:{one['id']}",
            "resource": {member: value for member, value in made.items() if member != "id"},
            "request": {"method": "POST", "url": one["resourceType"]},
        }


def write_bundles(
    folder: Path, charts: Sequence[Charted], kind: BundleType, together: int = 1
) -> int:
    """Write one Bundle a line, each of so many patients; how many lines these are.

    In a searchset every second chart goes over two pages.
    """
    chance = random.Random(len(charts))  # noqa: S311 - seeded, not secret
    lines: list[bytes] = []
    for first in range(0, len(charts), together):
        resources = [
            one for chart in charts[first : first + together] for one in chart.everything()
        ]
        chance.shuffle(resources)
        pages = 2 if kind == "searchset" and first % 2 else 1
        lines += [
            json.dumps(bundle_of(resources[page::pages], kind)).encode() for page in range(pages)
        ]
    chance.shuffle(lines)
    folder.mkdir(parents=True, exist_ok=True)
    half = len(lines) // 2
    folder.joinpath("1.ndjson").write_bytes(b"\n".join(lines[:half]) + b"\n")
    folder.joinpath("2.ndjson.gz").write_bytes(gzip.compress(b"\r\n".join(lines[half:]), 1))
    return len(lines)


def write_documents(folder: Path, charts: Sequence[Charted], kind: BundleType) -> int:
    """Write one Bundle a file, as a person would lay it out; how many files these are."""
    for number, chart in enumerate(charts):
        path = folder / f"{number % 7}" / f"{number:04}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(bundle_of(chart.everything(), kind), indent=2).encode()
        if number % 3 == 0:
            path = path.with_suffix(".json.gz")
            text = gzip.compress(text, 1)
        path.write_bytes(b"\xef\xbb\xbf" + text if number % 3 == 1 else text)
    return len(charts)


def write_calls(folder: Path, charts: Sequence[Charted]) -> int:
    """Write the hook calls, one a line; how many these are."""
    calls = [call.body() for chart in charts for call in calls_of(chart)]
    random.Random(len(calls)).shuffle(calls)  # noqa: S311 - seeded, not secret
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("calls.jsonl").write_bytes(b"\n".join(calls))
    return len(calls)
