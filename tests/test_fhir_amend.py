"""Resources changed as text: what is not meant to change keeps every character but white space."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.fhir.amend import amend

ODD = (
    '{"n":{"extension":[1]},"extension":[1],"z":1}',
    '{"extension":[1]}',
    '{"x":{"extension":[1]},"\\u0065xtension":[1]}',
    '{"extension":7,"n":{"extension":77}}',
    '{"n":{"extension":77},"extension":7}',
    '{"n":"\\"extension\\":7","extension":7}',
    '{"a":1.00,"extension":[ 1e5, -0.0 ],"a/b":"\\/"}',
)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("change", [b"[9]", None])
def test_one_member_changes_wherever_else_its_text_stands(text: str, change: bytes | None) -> None:
    found = msgspec.json.decode(bytes(amend(msgspec.Raw(text.encode()), {"extension": change})))
    expected = msgspec.json.decode(text)
    del expected["extension"]
    if change is not None:
        expected["extension"] = [9]
    assert found == expected


@pytest.mark.parametrize("text", ODD)
def test_the_place_of_a_member_and_the_text_of_others_stay(text: str) -> None:
    same = amend(msgspec.Raw(text.encode()), {"extension": None})
    again = amend(msgspec.Raw(text.encode()), {"extension": b"[9]", "new": b"2.50"})
    names = list(msgspec.json.decode(text))
    assert list(msgspec.json.decode(bytes(again))) == [*names, "new"]
    assert bytes(again).endswith(b'"new":2.50}')
    assert b"1.00" not in text.encode() or b"1.00" in bytes(same)


@pytest.mark.parametrize("text", [*ODD, "{}", ' { "a" : [ 1 , 2 ] , "extension" : [ ] } '])
def test_no_white_space_stays_between_the_parts(text: str) -> None:
    found = bytes(amend(msgspec.Raw(text.encode()), {"extension": b' [ 1 , { "a b" : 2 } ] '}))
    assert b'[1,{"a b":2}]' in found
    assert found == msgspec.json.format(found, indent=-1)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from("abcd"), values),
    st.dictionaries(st.sampled_from("abcde"), st.none() | st.just(7)),
    st.integers(0, 2),
)
def test_any_members_change_as_in_a_dictionary(
    members: dict[str, object], changes: dict[str, int | None], indent: int
) -> None:
    text = msgspec.json.format(msgspec.json.encode(members), indent=indent)
    encoded = {n: None if c is None else msgspec.json.encode(c) for n, c in changes.items()}
    found = amend(msgspec.Raw(text), encoded)
    expected = {n: v for n, v in members.items() if n not in changes or changes[n] is not None}
    expected |= {n: c for n, c in changes.items() if c is not None}
    assert msgspec.json.decode(bytes(found)) == expected
    assert list(msgspec.json.decode(bytes(found))) == list(expected)
