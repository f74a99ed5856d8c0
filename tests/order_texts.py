"""Orders as texts that no encoder of ours would write: odd numbers, escapes, space, old statements.

``order_texts`` is a strategy of Hypothesis.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from crd_judge.json_text import COVERAGE_INFORMATION

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

_numbers = st.sampled_from(
    ["1.00", "1e3", "-0.0", "12345678901234567890.10", "0", "-7", "1E-7", "0.10", "1.50e+2"]
)
_strings = st.one_of(
    st.sampled_from(
        [
            '""',
            '"a\\u00e9b"',
            '"\\ud83e\\udec0"',
            '"\\/\\"\\\\"',
            '" , : ] } "',
            '"\\t\\n"',
            '"é 心 🫀"',
            '"{\\"x\\": 1.0}"',
        ]
    ),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=8).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    ),
)
_space = st.sampled_from(["", "", " ", "\n  ", "\t"])
_NAMES = ["own", "meta", "note", "_status", "über", "a\\u0062c", "text", "quantityQuantity", "x y"]


def _list(listed: list[str]) -> str:
    return "[" + " , ".join(listed) + "]"


def _object(named: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}" :{value}' for name, value in named.items()) + "\n}"


_values: SearchStrategy[str] = st.recursive(
    st.one_of(_numbers, _strings, st.sampled_from(["true", "false", "null"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(_list),
        st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3).map(_object),
    ),
    max_leaves=6,
)


def _statement(coverage: str, *more: dict[str, Any]) -> str:
    parts = [{"url": "coverage", "valueReference": {"reference": coverage}}, *more]
    made = {"url": COVERAGE_INFORMATION, "extension": parts}
    return json.dumps(made, separators=(",", ":"))


_OLD_ID = {"url": "coverage-assertion-id", "valueString": "old"}
OLDER = (
    _statement("Coverage/medicare-1", {"url": "covered", "valueCode": "covered"}, _OLD_ID),
    _statement("https://ehr.example/fhir/Coverage/medicare-1", _OLD_ID),
    _statement("Coverage/medicare-1"),
    # By another service, with parts that we would not write.
    _statement("Coverage/medicare-1", {"url": "dependency", "valueReference": {"display": "x"}}),
    _statement("Coverage/medicare-1", {"url": 5}),
    _statement("Coverage/medicare-1", {"valueCode": "covered"}).replace("]}", ",null]}"),
)
"""What was said before of the Coverage of the corpus: a new statement takes its place."""
FOREIGN = (
    _statement("Coverage/other", {"url": "covered", "valueCode": "not-covered"}),
    _statement("Coverage/other", {"url": "x", "valueDecimal": 1.5}),
    '{"url":"http://client.example/own","valueDecimal":1.00}',
    '{"url":"http://client.example/own","valueString":""}',
    f'{{"url":"{COVERAGE_INFORMATION}"}}',
    f'{{"url":"{COVERAGE_INFORMATION}","extension":"x"}}',
    f'{{"url":"{COVERAGE_INFORMATION}","extension":[{{"url":"coverage"}}]}}',
    f'{{"url":"{COVERAGE_INFORMATION}","extension":[{{"url":"coverage","valueReference":"x"}}]}}',
    f'{{"url":"{COVERAGE_INFORMATION}","valueString":"x"}}',
    '{"valueDecimal":2.50}',
    "{}",
    "null",
)
"""What is not ours to touch: of other Coverages, of others, and what cannot be read."""


@st.composite
def order_texts(draw: DrawFn, order: dict[str, Any]) -> str:
    """Texts of an order with members and extensions that it came with."""
    members = [(json.dumps(name), json.dumps(value)) for name, value in order.items()]
    more = draw(st.dictionaries(st.sampled_from(_NAMES), _values, max_size=4))
    extensions = draw(st.lists(st.sampled_from([*OLDER, *FOREIGN]), max_size=6))
    members += [(f'"{name}"', value) for name, value in more.items()]
    if extensions:
        members.append(('"extension"', "[" + draw(_space) + ", ".join(extensions) + "]"))
    members = draw(st.permutations(members))
    spaces = [draw(_space) for _ in range(3)]
    glue = f"{spaces[0]},{spaces[1]}"
    return (
        "{" + glue.join(f"{name}:{spaces[2]}{value}" for name, value in members) + spaces[0] + "}"
    )
