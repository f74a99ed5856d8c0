"""The content of every published version, and the file that remembers it.

``make published`` runs this file: it adds new versions to ``valuesets/published.json`` and refuses
to change one that stands there. Content is what a receiver decides by: the codes of a value set
with the releases they are taken from and what they count for, the pairs of a map, the codes of a
code system, the steps of the plan. Titles, labels and descriptions may be put better.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from defib_coverage.publication import read_catalogue
from published_facts import BASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json = dict[str, Any]
FILE = Path(__file__).parents[1] / "valuesets/published.json"


def content_of(resource: Json) -> object:
    """What must not change while the version stays; None for what only names other resources."""
    match resource["resourceType"]:
        case "ValueSet":
            return sorted(_counted(one) for one in resource["expansion"]["contains"])
        case "CodeSystem":
            return sorted(concept["code"] for concept in resource["concept"])
        case "ConceptMap":
            return sorted(_mapped(group) for group in resource["group"])
        case "PlanDefinition":
            return [_step(action) for action in resource["action"]]
        case _:
            return None


def _counted(contained: Json) -> list[object]:
    properties = sorted(
        [part["extension"][0]["valueCode"], part["extension"][1]["valueCode"]]
        for part in contained.get("extension", [])
    )
    release = contained.get("version", "")
    return [contained["system"], release, contained["code"], "inactive" in contained, properties]


def _mapped(group: Json) -> list[object]:
    ends = [group[name] for name in ("source", "target")]
    releases = [group.get(name, "") for name in ("sourceVersion", "targetVersion")]
    pairs = sorted(
        [element["code"], target["equivalence"], target["code"]]
        for element in group["element"]
        for target in element["target"]
    )
    return [*ends, *releases, pairs]


def _step(action: Json) -> list[object]:
    return [
        action["prefix"],
        [trigger["name"] for trigger in action.get("trigger", [])],
        [cited["label"] for cited in action.get("documentation", [])],
        [[one["type"], one.get("codeFilter")] for one in action.get("input", [])],
        action.get("selectionBehavior"),
        [_step(inner) for inner in action.get("action", [])],
    ]


def digests(resources: Iterable[Json]) -> dict[str, str]:
    """The digest of each version by type, name and version; the canonical base is no part of it."""
    found = {}
    for one in resources:
        content = content_of(one)
        if content is not None:
            text = json.dumps(content, sort_keys=True).replace(BASE, "")
            name = f"{one['url'].removeprefix(f'{BASE}/')}|{one['version']}"
            found[name] = sha256(text.encode()).hexdigest()
    return found


def differing(known: Mapping[str, str], made: Mapping[str, str]) -> list[str]:
    """Versions that are known, and are made otherwise today or not at all."""
    return sorted(name for name, digest in known.items() if made.get(name) != digest)


def read_known() -> dict[str, str]:
    """The versions that were published."""
    known: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return known


def main() -> int:
    """Add the versions that are new.

    Returns:
        1 when a known version would change: nothing is written then.
    """
    catalogue = read_catalogue(BASE)
    made = digests(json.loads(msgspec.json.encode(one)) for one in catalogue.resources)
    known = read_known()
    changed = differing(known, made)
    for name in changed:
        sys.stderr.write(f"{name} is published and would change: give the change a version\n")
    if changed:
        return 1
    FILE.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(made)} versions, {len(made) - len(known)} of them new\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
