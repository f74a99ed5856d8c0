"""Short ways to ask the operations of the terminology service, and to read their answers."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from defib_coverage.content import load
from defib_coverage.publication import read_catalogue
from defib_coverage.terminology.operations import Operations
from defib_coverage.terminology.operations.errors import TerminologyError, outcome_of
from terminologies import BASE, NOW, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defib_coverage.terminology.catalogue import Catalogue

Json = dict[str, Any]
Pairs = list[tuple[str, str]]
TX = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"
B1 = f"{BASE}/ValueSet/b1-diagnoses"
# One choice of value[x] for each Python type, where a name does not say another.
_NAMED = {
    **dict.fromkeys(("url", "system", "target", "targetsystem", "sourceSystem"), "valueUri"),
    **dict.fromkeys(("targetSystem", "exclude-system", "manifest", "source"), "valueUri"),
    **dict.fromkeys(("code", "property", "displayLanguage", "codeA", "codeB"), "valueCode"),
    **dict.fromkeys(("sourceCode", "targetCode"), "valueCode"),
    **dict.fromkeys(("sourceScope", "targetScope"), "valueUri"),
    "date": "valueDateTime",
}


def named(name: str, value: object) -> Json:
    """A parameter with the element that its type wants."""
    if isinstance(value, dict) and "resourceType" in value:
        return {"name": name, "resource": value}
    if isinstance(value, dict):
        kind = "valueCodeableConcept" if "oncept" in name else "valueCoding"
        return {"name": name, kind: value}
    if isinstance(value, bool):
        return {"name": name, "valueBoolean": value}
    if isinstance(value, int):
        return {"name": name, "valueInteger": value}
    if name.endswith("-version"):
        return {"name": name, "valueCanonical": value}
    return {"name": name, _NAMED.get(name, "valueString"): value}


def body_of(**asked: object) -> bytes:
    """A Parameters resource; names with hyphens are written with low lines, lists are repeats."""
    parameters = [
        named(name.replace("_", "-"), value)
        for name, values in asked.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()


def pairs_of(**asked: object) -> Pairs:
    """The same as a query; only simple values."""
    return [
        (name.replace("_", "-"), str(value).lower() if isinstance(value, bool) else str(value))
        for name, values in asked.items()
        for value in (values if isinstance(values, list) else [values])
    ]


class Service:
    """The operations on what is published, at a fixed moment."""

    def __init__(self, catalogue: Catalogue, today: date = TODAY) -> None:
        """Ask on ``today``."""
        self.catalogue = catalogue
        self.operations = Operations(catalogue, load().knowledge(BASE), lambda: today, lambda: NOW)

    def get(self, path: str, **asked: object) -> Json:
        """Ask by a query: ``ValueSet/$expand`` or ``ValueSet/id/$expand``."""
        return self.ask(path, pairs_of(**asked))

    def post(self, path: str, **asked: object) -> Json:
        """Ask by a Parameters resource."""
        return self.ask(path, body_of(**asked))

    def ask(self, path: str, given: Sequence[tuple[str, str]] | bytes) -> Json:
        """Ask with a query or a body."""
        kind, *instance, name = path.split("/")
        found = self.operations.run(kind, name[1:], next(iter(instance), None), given)
        answer: Json = json.loads(found)
        return answer

    def both(self, path: str, **asked: object) -> Json:
        """Ask in both ways: the answers are the same."""
        got = self.get(path, **asked)
        assert self.post(path, **asked) == got
        return got


def refused(ask: Callable[[], object]) -> tuple[int, Json]:
    """The status and the first issue of a request that is refused."""
    with pytest.raises(TerminologyError) as caught:
        ask()
    outcome = json.loads(_json(caught.value))
    issues = outcome["issue"]
    assert all(issue["severity"] == "error" for issue in issues)
    assert 400 <= caught.value.status < 500
    first: Json = issues[0]
    return caught.value.status, first


def _json(error: TerminologyError) -> bytes:

    return msgspec.json.encode(outcome_of(error))


def coding_of(issue: Json) -> str | None:
    """The kind of an issue among terminology servers."""
    codings = issue["details"].get("coding", [])
    assert all(coding["system"] == TX for coding in codings)
    return next((coding["code"] for coding in codings), None)


def value_of(parameter: Json) -> Any:  # noqa: ANN401 - of any type
    """The value of a parameter, whatever its type."""
    return next(value for name, value in parameter.items() if name.startswith("value"))


def out(parameters: Json) -> Json:
    """The outcome of an operation by name; repeats become lists, issues their list."""
    assert parameters["resourceType"] == "Parameters"
    found: Json = {}
    for one in parameters["parameter"]:
        if one["name"] == "issues":
            found["issues"] = one["resource"]["issue"]
        elif "part" in one:
            parts = {part["name"]: value_of(part) for part in one["part"]}
            found.setdefault(one["name"], []).append(parts)
        else:
            assert one["name"] not in found
            found[one["name"]] = value_of(one)
    return found


def kinds(answer: Json) -> list[tuple[str, str, str | None]]:
    """Severity, type and kind of every issue of an outcome."""
    return [(i["severity"], i["code"], coding_of(i)) for i in answer.get("issues", [])]


def codes(value_set: Json) -> list[tuple[str, str]]:
    """System and code of every entry of an expansion."""
    assert value_set["resourceType"] == "ValueSet"
    return [(c["system"], c["code"]) for c in value_set["expansion"].get("contains", [])]


def told(value_set: Json) -> list[tuple[str, Any]]:
    """The parameters of an expansion."""
    return [(p["name"], value_of(p)) for p in value_set["expansion"].get("parameter", [])]


@cache
def published() -> Service:
    """The operations on what is published, asked on a fixed day."""
    return Service(read_catalogue(BASE))
