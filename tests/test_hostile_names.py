"""Members that stand twice around the prefetch: two readers would see two requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from live_server import appointment, book, dispatch, issue_of, order, sign

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
SIGN = "/cds-services/defibrillator-order-sign"
BOOK = "/cds-services/defibrillator-appointment-book"
COMPACT = (",", ":")
GOOD = json.dumps(sign(), separators=COMPACT).encode()
TWICE = "a member stands here twice"


def _again(body: bytes, name: bytes, more: bytes) -> bytes:
    """A body with text put before the only member of that name."""
    assert body.count(name + b":") == 1
    return body.replace(name + b":", more + b"," + name + b":")


PREFETCH_FIRST = json.dumps(
    {"prefetch": sign()["prefetch"]} | {k: v for k, v in sign().items() if k != "prefetch"},
    separators=COMPACT,
).encode()
PLACES = {
    "hook": (b'"hook"', b'"hook":"order-sign"'),
    "hookInstance": (b'"hookInstance"', b'"hookInstance":"x"'),
    "context": (b'"context"', b'"context":{}'),
    "prefetch": (b'"prefetch"', b'"prefetch":{}'),
    "fhirServer": (b'"hook"', b'"fhirServer":"https://a.example","fhirServer":"https://b.example"'),
    "fhirAuthorization": (b'"hook"', b'"fhirAuthorization":{},"fhirAuthorization":{}'),
    "extension": (b'"hook"', b'"extension":{},"extension":{"a":1}'),
    "foo": (b'"hook"', b'"foo":1,"foo":2'),
    "context.patientId": (b'"patientId"', b'"patientId":"p2"'),
    "context.foo": (b'"patientId"', b'"foo":1,"foo":2'),
    "context.draftOrders": (b'"draftOrders"', b'"draftOrders":{"resourceType":"Bundle"}'),
    "context.draftOrders.entry": (b'"type":"collection"', b'"entry":[]'),
    "context.draftOrders.entry[0].resource": (b'"resource":{"resourceType":"ServiceRequest"', b""),
    "context.draftOrders.entry[0].resource.code": (b'"authoredOn"', b'"code":{"text":"x"}'),
    "context.draftOrders.entry[0].resource.code.coding[0].code": (b'"code":"33249"', b""),
    "context.draftOrders.entry[0].resource.unread.a[1].b": (
        b'"authoredOn"',
        b'"unread":{"a":[1,{"b":1,"b":1}]}',
    ),
    "prefetch.patient": (b'"coverage"', b'"patient":{"resourceType":"Patient","id":"p1"}'),
    "prefetch.conditions": (b'"coverage"', b'"conditions":null'),
}


def _twice(place: str, body: bytes) -> bytes:
    before, more = PLACES[place]
    if place.endswith("].resource"):
        return body.replace(before, b'"resource":{},' + before, 1)
    if place.endswith("coding[0].code"):
        return body.replace(before, b'"code":"33240",' + before, 1)
    if place.endswith(".entry"):
        return body.replace(before, more + b"," + before, 1)
    return _again(body, before, more)


@pytest.mark.parametrize("body", [GOOD, PREFETCH_FIRST], ids=["prefetch last", "prefetch first"])
@pytest.mark.parametrize("place", PLACES)
def test_a_member_that_stands_twice_is_400_that_names_it(
    live: Live, place: str, body: bytes
) -> None:
    assert live.post(SIGN, body).status_code == 200
    response = live.post(SIGN, _twice(place, body))
    assert response.status_code == 400
    issue = issue_of(response)
    assert issue["expression"] == [place]
    assert TWICE in issue["diagnostics"]


ESCAPED = {
    "context": (b'"context"', b'"con\\u0074ext":{}'),
    "prefetch": (b'"prefetch"', b'"pref\\u0065tch":{}'),
    "hook": (b'"hook"', b'"h\\u006fok":"order-sign"'),
    "context.patientId": (b'"patientId"', b'"patient\\u0049d":"p2"'),
    "a_b": (b'"hook"', b'"a\\u003ab":1,"a:b":2'),
    "prefetch.patient": (b'"coverage"', b'"p\\u0061tient":null'),
}


@pytest.mark.parametrize("body", [GOOD, PREFETCH_FIRST], ids=["prefetch last", "prefetch first"])
@pytest.mark.parametrize("place", ESCAPED)
def test_an_escaped_spelling_is_the_same_name(live: Live, place: str, body: bytes) -> None:
    before, more = ESCAPED[place]
    response = live.post(SIGN, _again(body, before, more))
    assert response.status_code == 400
    assert issue_of(response)["expression"] == [place]


def test_a_lost_colon_is_not_made_up_for_by_an_escaped_one(live: Live) -> None:
    body = _again(GOOD, b'"patientId"', b'"patientId":"p2","x":"\\u003a\\u003A"')
    assert issue_of(live.post(SIGN, body))["expression"] == ["context.patientId"]


HONEST = {
    "colons": b'"x":"a:b::\\u003a:\\n"',
    "prefetch as a value": b'"x":"prefetch","y":["prefetch"]',
    "a member named prefetch inside": b'"x":{"prefetch":{}}',
    "a quote before the name": b'"x\\"prefetch":{}',
    "braces in a string": b'"x":"{}}}{\\"prefetch\\":{"',
    "a number that no float holds": b'"x":1e999',
    "the same name in two objects": b'"x":{"a":1},"y":{"a":{"a":1}}',
    "an empty name": b'"":1," ":2',
    "escaped, but one": b'"con\\u0074ex":1',
}


@pytest.mark.parametrize("body", [GOOD, PREFETCH_FIRST], ids=["prefetch last", "prefetch first"])
@pytest.mark.parametrize("kind", HONEST)
def test_what_only_looks_like_it_is_answered(live: Live, kind: str, body: bytes) -> None:
    response = live.post(SIGN, _again(body, b'"hook"', HONEST[kind]))
    assert response.status_code == 200
    assert response.json()["cards"]


def test_the_name_prefetch_may_be_escaped(live: Live) -> None:
    for body in (GOOD, PREFETCH_FIRST):
        escaped = body.replace(b'"prefetch"', b'"pre\\u0066etch"')
        assert live.post(SIGN, escaped).json()["cards"]


def test_white_space_is_nothing(live: Live) -> None:
    for request in (sign(), json.loads(PREFETCH_FIRST)):
        body = b"\r\n\t " + json.dumps(request, indent=3).encode() + b" \r\n"
        assert live.post(SIGN, body).json()["cards"]


def test_a_prefetch_may_hold_a_member_twice_or_be_null(live: Live) -> None:
    body = GOOD.replace(b'"birthDate"', b'"unread":1,"unread":2,"birthDate"')
    assert live.post(SIGN, body).json()["cards"]
    assert live.send(sign(prefetch=None)).status_code == 412


def test_the_orders_of_the_other_hooks_are_looked_through(live: Live) -> None:
    body = json.dumps(book(appointment()), separators=COMPACT).encode()
    twice = body.replace(b'"participant"', b'"start":"2026-01-01","participant"')
    place = "context.appointments.entry[0].resource.start"
    assert issue_of(live.post(BOOK, twice))["expression"] == [place]
    request = dispatch("ServiceRequest/order-1", orders=order())
    body = json.dumps(request, separators=COMPACT).encode()
    twice = _again(body, b'"dispatchedOrders"', b'"dispatchedOrders":[]')
    response = live.post("/cds-services/defibrillator-order-dispatch", twice)
    assert issue_of(response)["expression"] == ["context.dispatchedOrders"]


def test_determinations_refuse_it_too(live: Live) -> None:
    response = live.post("/determinations", _twice("context.patientId", GOOD))
    assert response.status_code == 400


def test_a_name_is_told_without_free_text(live: Live) -> None:
    response = live.post(SIGN, _again(GOOD, b'"hook"', b'"Ann <Lee>":1,"Ann <Lee>":2'))
    assert issue_of(response)["expression"] == ["Ann__Lee_"]


@pytest.mark.parametrize("body", [GOOD, PREFETCH_FIRST], ids=["prefetch last", "prefetch first"])
@pytest.mark.parametrize("escape", [b"", b"\\u003a"])
def test_a_hundred_members_are_answered_and_more_refused(
    live: Live, body: bytes, escape: bytes
) -> None:
    for extra, status in ((95, 200), (96, 200), (97, 400), (1000, 400)):
        more = b",".join(b'"k%d%s":1' % (n, escape) for n in range(extra))
        response = live.post(SIGN, _again(body, b'"hook"', more))
        assert response.status_code == status
        if status == 400:
            assert issue_of(response)["code"] == "too-costly"


def test_keys_of_one_name_cost_no_more_than_others(live: Live) -> None:
    body = GOOD.replace(b'"prefetch":{', b'"prefetch":{' + b'"k":null,' * 15_000, 1)
    response = live.post(SIGN, body)
    assert response.status_code == 400
    assert TWICE in response.text
    assert response.elapsed.total_seconds() < 2
