"""The formats of the data files as JSON Schema, from the models that loading uses."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from defib_coverage.coverage.codes import ValueSet
from defib_coverage.coverage.policy import PolicyVersion
from defib_coverage.coverage.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Mapping

SchemaKind = Literal["policy", "valueset", "cards"]
MODELS: Mapping[SchemaKind, type[msgspec.Struct]] = {
    "policy": PolicyVersion,
    "valueset": ValueSet,
    "cards": Wording,
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text(kind: SchemaKind) -> str:
    """The JSON Schema of one kind of data file, formatted, with a final newline.

    A date of TOML is a text of format ``date`` in it.
    """
    schema = {"$schema": _DIALECT, **msgspec.json.schema(MODELS[kind])}
    text = msgspec.json.format(msgspec.json.encode(_tidy(schema)), indent=2)
    return text.decode() + "\n"


def _tidy(value: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """The same with descriptions as paragraphs: docstrings are indented as their code is."""
    if isinstance(value, dict):
        return {
            key: inspect.cleandoc(inner)
            if key == "description" and isinstance(inner, str)
            else _tidy(inner)
            for key, inner in value.items()
        }
    return [_tidy(inner) for inner in value] if isinstance(value, list) else value
