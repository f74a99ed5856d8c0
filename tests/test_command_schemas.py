"""The JSON Schemas of the data files: committed, up to date, and true of every file."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import (  # stubs are a package apart
    Draft202012Validator,
    FormatChecker,
)

from command_line import ROOT, Json, run
from defib_coverage.command.schemas import schema_text

if TYPE_CHECKING:
    from pathlib import Path

    from defib_coverage.command.schemas import SchemaKind

COMMITTED: dict[SchemaKind, Path] = {
    "policy": ROOT / "policies" / "policy.schema.json",
    "valueset": ROOT / "valuesets" / "valueset.schema.json",
    "cards": ROOT / "cards" / "cards.schema.json",
}
FILES = [
    *(pytest.param("policy", p, id=p.name) for p in (ROOT / "policies").rglob("*.toml")),
    *(pytest.param("valueset", p, id=p.name) for p in (ROOT / "valuesets").glob("*.toml")),
    *(pytest.param("cards", p, id=p.name) for p in (ROOT / "cards").glob("*.toml")),
]


def validator(kind: SchemaKind) -> Draft202012Validator:
    schema = json.loads(COMMITTED[kind].read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def as_json(value: Any) -> Any:  # noqa: ANN401 - any value of TOML
    """TOML as JSON, where a date is a text."""
    match value:
        case dict():
            return {name: as_json(inner) for name, inner in value.items()}
        case list():
            return [as_json(inner) for inner in value]
        case date():
            return value.isoformat()
    return value


@pytest.mark.parametrize("kind", COMMITTED)
def test_committed_schema_is_not_stale(kind: SchemaKind) -> None:
    assert COMMITTED[kind].read_text() == schema_text(kind), "run `make schemas`"


def test_command_prints_the_schema() -> None:
    assert run("policy", "schema", "valueset").stdout == schema_text("valueset")


@pytest.mark.parametrize(("kind", "path"), FILES)
def test_data_file_follows_its_schema(kind: SchemaKind, path: Path) -> None:
    content = as_json(tomllib.loads(path.read_text()))
    assert [error.message for error in validator(kind).iter_errors(content)] == []


def test_first_day_of_a_code_is_called_from() -> None:
    schema = json.loads(schema_text("valueset"))
    entry = schema["$defs"]["CodeEntry"]["properties"]
    assert "from" in entry
    assert "start" not in entry


def faulty(kind: SchemaKind, path: Path, **changes: object) -> list[str]:
    content: Json = as_json(tomllib.loads(path.read_text())) | changes
    return [error.message for error in validator(kind).iter_errors(content)]


def test_schema_refuses_what_loading_refuses() -> None:
    valueset = ROOT / "valuesets" / "b1-diagnoses.toml"
    code = {"system": "icd10cm", "code": "I46.2"}
    assert faulty("valueset", valueset, role="list")
    assert faulty("valueset", valueset, colour="red")
    assert faulty("valueset", valueset, codes=[code | {"from": "2018-02-30"}])
    assert faulty("valueset", valueset, codes=[code | {"start": "2018-02-15"}])
