"""Bodies that are not honest JSON, or not of the shape of a call: a 4xx that names the place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from live_server import Json, covered_chart, gaps_of, issue_of, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from live_server import Live

pytest_plugins = ("live_server",)
SIGN = "/cds-services/defibrillator-order-sign"
GOOD = json.dumps(sign()).encode()


def _body(path: tuple[str | int, ...], raw: bytes) -> bytes:
    """A good call with raw text in one place."""
    request = sign(chart=covered_chart())
    node: Any = request
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = "@@raw@@"
    return json.dumps(request).encode().replace(b'"@@raw@@"', raw)


def _refused(response: requests.Response, status: int = 400) -> Json:
    assert response.status_code == status
    return issue_of(response)


@pytest.fixture(autouse=True)
def _good_call_after(live: Live) -> Iterator[None]:
    """Whatever was sent, the service answers a good call right after."""
    yield
    response = live.post(SIGN, GOOD)
    assert response.status_code == 200
    assert response.json()["cards"]
    assert response.elapsed.total_seconds() < 2


NOT_JSON = {
    "empty": b"",
    "white space": b" \n ",
    "truncated at the end": GOOD[:-1],
    "truncated early": GOOD[:100],
    "trailing text": GOOD + b"{}",
    "trailing comma": GOOD[:-1] + b",}",
    "comment": b"/* */" + GOOD,
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "single quotes": b"{'hook': 'order-sign'}",
    "bare words": b"{hook: order-sign}",
    "XML": b"<Bundle xmlns='http://hl7.org/fhir'/>",
    "form": b"hook=order-sign",
    "binary": bytes(range(256)),
    "NUL bytes": b"\0" * 1000,
    "unclosed string": GOOD.replace(b'"order-sign"', b'"order-sign', 1),
    "bad escape": GOOD.replace(b"order-sign", b"order\\xsign", 1),
}
PATHS: dict[str, tuple[str | int, ...]] = {
    "context.userId": ("context", "userId"),
    "context.patientId": ("context", "patientId"),
    "context.draftOrders.entry[0].resource.id": (
        "context",
        "draftOrders",
        "entry",
        0,
        "resource",
        "id",
    ),
    "context.draftOrders.entry[0].resource.unread": (
        "context",
        "draftOrders",
        "entry",
        0,
        "resource",
        "unread",
    ),
    "prefetch.observations.entry[0].resource.valueQuantity.value": (
        "prefetch",
        "observations",
        "entry",
        0,
        "resource",
        "valueQuantity",
        "value",
    ),
    "prefetch.conditions.entry[0].resource.unread": (
        "prefetch",
        "conditions",
        "entry",
        0,
        "resource",
        "unread",
    ),
    "prefetch.ofTheClient": ("prefetch", "ofTheClient"),
    "extension": ("extension",),
}
DISHONEST = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "6,000 digits": b"9" * 6000,
    "6,000 digits below zero": b"-" + b"9" * 6000,
    "6,000 decimals": b"0." + b"9" * 6000,
    "leading zero": b"012",
    "hexadecimal": b"0x10",
    "lone high surrogate": b'"a\\ud800b"',
    "lone low surrogate": b'"a\\uDC00b"',
    "surrogates the wrong way round": b'"\\udc00\\ud800"',
    "high surrogate at the end": b'"\\ud83d"',
    "two high surrogates": b'"\\ud800\\ud800\\udc00"',
    "invalid UTF-8": b'"\xff"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "control character": b'"a\x01b"',
    "arrays 5,000 deep": b"[" * 5000 + b"]" * 5000,
    "objects 5,000 deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "arrays 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "arrays never closed": b"[" * 100_000,
}
WRONG_TYPE = [b"null", b"true", b"7", b"1.5", b'"x"', b"[]", b"[1]"]


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("path", [SIGN, "/determinations"])
def test_text_that_is_not_json_is_400_that_says_where(live: Live, path: str, body: bytes) -> None:
    issue = _refused(live.post(path, body))
    assert issue["code"] == "structure"
    assert issue["expression"]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"1.5", b"true", b"[{}]"])
def test_a_body_that_is_no_object_is_400(live: Live, body: bytes) -> None:
    assert _refused(live.post(SIGN, body))["code"] == "structure"


@pytest.mark.parametrize("place", PATHS)
@pytest.mark.parametrize("raw", DISHONEST.values(), ids=DISHONEST)
def test_dishonest_text_is_400_that_names_the_place_whether_read_or_not(
    live: Live,
    raw: bytes,
    place: str,
) -> None:
    issue = _refused(live.post(SIGN, _body(PATHS[place], raw)))
    assert issue["code"] == "structure"
    assert issue["diagnostics"].startswith(place)


@pytest.mark.parametrize("raw", [b"1e400", b"-1e400", b"9" * 400, b"1e-400", b"-0", b"1E5"])
@pytest.mark.parametrize("place", PATHS)
def test_numbers_beyond_a_float_are_refused_or_a_gap(live: Live, raw: bytes, place: str) -> None:
    response = live.post(SIGN, _body(PATHS[place], raw))
    assert response.status_code in {200, 400}
    if response.status_code == 400:
        assert issue_of(response)["diagnostics"].startswith(place)


@pytest.mark.parametrize("raw", [b"1e400", b"-1e400", b"9" * 400])
def test_a_reading_beyond_a_float_is_a_gap(live: Live, raw: bytes) -> None:
    place = PATHS["prefetch.observations.entry[0].resource.valueQuantity.value"]
    response = live.post("/determinations", _body(place, raw))
    assert response.status_code == 200
    (found,) = response.json()["determinations"]
    assert found["status"] == "conditional"
    assert "unreadable" in {g["kind"] for g in gaps_of(found)}


@pytest.mark.parametrize(
    "raw",
    [b'"\\ud83d\\ude00"', '"\U0001f600"'.encode(), b'"a\\u0000b"', b'"\\\\ud800"', b'"\\u2028"'],
    ids=["paired surrogates", "astral", "NUL", "escaped backslash", "line separator"],
)
@pytest.mark.parametrize("place", PATHS)
def test_honest_but_odd_strings_are_no_reason_to_fail(live: Live, raw: bytes, place: str) -> None:
    response = live.post(SIGN, _body(PATHS[place], raw))
    if place == "prefetch.ofTheClient":
        assert issue_of(response)["diagnostics"].startswith(place)
    else:
        assert response.status_code == 200


@pytest.mark.parametrize("member", ["hook", "hookInstance", "context"])
@pytest.mark.parametrize("raw", WRONG_TYPE)
def test_a_required_member_of_a_wrong_type_is_400_that_names_it(
    live: Live,
    member: str,
    raw: bytes,
) -> None:
    issue = _refused(live.post(SIGN, _body((member,), raw)))
    assert member in issue["diagnostics"]


@pytest.mark.parametrize("field", ["patientId", "userId", "draftOrders"])
@pytest.mark.parametrize("raw", [b"null", b"true", b"7", b"[]", b"[1]", b'""'])
def test_a_context_field_of_a_wrong_type_is_400_that_names_it(
    live: Live,
    field: str,
    raw: bytes,
) -> None:
    issue = _refused(live.post(SIGN, _body(("context", field), raw)))
    assert field in issue["diagnostics"]


@pytest.mark.parametrize("raw", [b"true", b"7", b'"x"', b"[]", b"[1]"])
def test_a_prefetch_that_is_no_object_of_resources_is_400(live: Live, raw: bytes) -> None:
    assert "prefetch" in _refused(live.post(SIGN, _body(("prefetch",), raw)))["diagnostics"]
    issue = _refused(live.post(SIGN, _body(("prefetch", "conditions"), raw)))
    assert "prefetch.conditions" in issue["diagnostics"]


@pytest.mark.parametrize("raw", [b"{}", b'{"resourceType":"Patient"}', b'{"entry":[]}'])
def test_draft_orders_that_are_no_bundle_are_400(live: Live, raw: bytes) -> None:
    issue = _refused(live.post(SIGN, _body(("context", "draftOrders"), raw)))
    assert "context.draftOrders" in issue["diagnostics"]


@pytest.mark.parametrize("hook", ["", "ORDER-SIGN", "order-sign ", "patient-view", "order-select"])
def test_a_wrong_hook_is_400(live: Live, hook: str) -> None:
    issue = _refused(live.post(SIGN, json.dumps(sign() | {"hook": hook}).encode()))
    assert issue["expression"] == ["hook"]
