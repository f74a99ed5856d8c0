"""Too much of everything: bounded in time, refused where it must be, and the service lives on."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from edge_server import process_of
from live_server import (
    CPT,
    ICD10CM,
    SERVICE_IDS,
    TODAY,
    Json,
    appointment,
    book,
    bundle,
    collection,
    concept,
    condition,
    coverage,
    covered_chart,
    dispatch,
    issue_of,
    open_chart,
    order,
    running,
    sign,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from live_server import Live

pytest_plugins = ("live_server",)
SIGN = "/cds-services/defibrillator-order-sign"
GOOD = json.dumps(sign()).encode()
MEGABYTE = 1_000_000
BOUND = 5.0


@pytest.fixture(autouse=True)
def _good_call_after(live: Live) -> Iterator[None]:
    """Whatever was sent, the service answers a good call right after."""
    yield
    assert live.post(SIGN, GOOD).json()["cards"]


def _unread(raw: bytes) -> bytes:
    """A good call with raw text where the service does not look."""
    return GOOD.replace(b'"birthDate"', b'"unread":' + raw + b',"birthDate"', 1)


def _bounded(response: requests.Response, *statuses: int) -> None:
    assert response.status_code in statuses
    assert response.elapsed.total_seconds() < BOUND


def test_a_body_of_20_megabytes_is_413(live: Live) -> None:
    response = live.post(SIGN, _unread(b'"' + b"x" * 20 * MEGABYTE + b'"'))
    _bounded(response, 413)
    assert issue_of(response)["code"] == "too-long"


def test_a_body_sent_in_chunks_is_measured_too(live: Live) -> None:
    address = urlsplit(live.base)
    chunk = b"%x\r\n" % MEGABYTE + b"x" * MEGABYTE + b"\r\n"
    with socket.create_connection((address.hostname, address.port or 80), timeout=30) as client:
        head = "Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(f"POST {SIGN} HTTP/1.1\r\n{head}".encode())
        try:
            for _ in range(20):
                client.sendall(chunk)
            client.sendall(b"0\r\n\r\n")
        except ConnectionError:
            pass  # the server may answer and close before all was sent
        answer = client.recv(100)
    assert b" 413 " in answer


BIG = {
    "a string of 7 MB": b'"' + b"x" * 7 * MEGABYTE + b'"',
    "strings of 1 MB": b"[" + b",".join([b'"' + b"x" * MEGABYTE + b'"'] * 15) + b"]",
    "empty lists": b"[" + b"[]," * 950_000 + b"[]]",
    "white space": b"[" + b" " * 15 * MEGABYTE + b"]",
    "paired surrogates": b'"' + b"\\ud83d\\ude00" * (MEGABYTE // 2) + b'"',
    "backslashes": b'"' + b"\\\\" * (3 * MEGABYTE) + b'\\ud83d\\ude00"',
    "numbers": b"[" + b"12345678901234567890," * (MEGABYTE // 2) + b"1]",
    "long numbers": b"[" + b",".join([b"9" * 900] * 10_000) + b"]",
    "members": b"{" + b",".join(b'"k%d":1' % n for n in range(950_000)) + b"}",
    "one member, again and again": b"{" + b",".join([b'"k":1'] * 950_000) + b"}",
}
TOO_BIG = {
    "quotes in a string": b'"' + b'\\"' * (7 * MEGABYTE) + b'"',
    "a string of 9 MB": b'"' + b"x" * 9 * MEGABYTE + b'"',
    "a string of 15 MB": b'"' + b"x" * 15 * MEGABYTE + b'"',
    "empty lists": b"[" + b"[]," * MEGABYTE + b"[]]",
    "empty objects": b"[" + b"{}," * MEGABYTE + b"{}]",
    "members": b"{" + b",".join(b'"k%d":1' % n for n in range(MEGABYTE + 1)) + b"}",
}


@pytest.mark.parametrize("raw", TOO_BIG.values(), ids=TOO_BIG)
def test_more_values_or_longer_text_than_a_chart_has_is_413(live: Live, raw: bytes) -> None:
    response = live.post(SIGN, _unread(raw))
    _bounded(response, 413)
    assert issue_of(response)["code"] in {"too-costly", "too-long"}


@pytest.mark.parametrize("raw", BIG.values(), ids=BIG)
def test_a_great_deal_of_unread_text_is_passed_over_fast(live: Live, raw: bytes) -> None:
    _bounded(live.post(SIGN, _unread(raw)), 200)


BROKEN = {
    "quotes": b'"' * 15 * MEGABYTE,
    "open objects": b"{" * 15 * MEGABYTE,
    "open lists": b"[" * 15 * MEGABYTE,
    "an open string": b'"' + b"x" * 7 * MEGABYTE,
    "backslashes before a lone surrogate": b'"' + b"\\\\" * (7 * MEGABYTE) + b'\\ud83d"',
    "a far NaN": b"[" + b"[]," * 950_000 + b"NaN]",
    "a number of 15 MB": b"9" * 15 * MEGABYTE,
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_a_great_deal_of_broken_text_is_refused_fast(live: Live, raw: bytes) -> None:
    response = live.post(SIGN, _unread(raw))
    _bounded(response, 400)
    issue_of(response)


def test_ten_thousand_prefetch_keys_are_answered(live: Live) -> None:
    request = sign(chart=covered_chart())
    request["prefetch"] |= {f"key-{n}": None for n in range(10_000)}
    _bounded(live.send(request), 200)
    assert live.determination(request)["status"] == "covered"


def test_ten_thousand_resources_under_keys_of_their_own_are_answered(live: Live) -> None:
    request = sign(chart=covered_chart())
    request["prefetch"] |= {f"key-{n}": condition("E11.9", f"c-{n}") for n in range(10_000)}
    _bounded(live.send(request), 200)


def test_ten_thousand_odd_resources_are_answered(live: Live) -> None:
    request = sign(chart=[])
    odd = [condition("I21.4", f"c-{n}", onsetDateTime=n) for n in range(10_000)]
    request["prefetch"]["conditions"] = bundle(*odd)
    _bounded(live.send(request), 200)


def test_a_thousand_orders_not_ours_are_answered(live: Live) -> None:
    request = sign(*[order("93306", identity=f"o-{n}") for n in range(1000)])
    _bounded(live.send(request), 200)


TOO_MANY = {
    "context.draftOrders.entry": lambda: sign(*[order("93306")] * 1001),
    "context.appointments.entry": lambda: (
        book(appointment())
        | {"context": book(appointment())["context"] | {"appointments": collection(*[{}] * 1001)}}
    ),
    "context.selections": lambda: {
        **sign(hook="order-select"),
        "context": sign(hook="order-select")["context"] | {"selections": ["x"] * 1001},
    },
    "context.dispatchedOrders": lambda: dispatch(*["ServiceRequest/order-1"] * 1001),
}


@pytest.mark.parametrize("place", TOO_MANY)
def test_more_than_a_thousand_orders_are_refused(live: Live, place: str) -> None:
    request: Json = TOO_MANY[place]()
    response = live.send(request)
    _bounded(response, 400)
    assert issue_of(response)["expression"] == [place]


def test_thirty_thousand_prefetch_keys_are_refused(live: Live) -> None:
    request = sign()
    request["prefetch"] |= {f"key-{n}": None for n in range(30_000)}
    response = live.send(request)
    _bounded(response, 413)
    assert issue_of(response)["expression"] == ["prefetch"]


def test_an_envelope_larger_than_orders_make_it_is_refused(live: Live) -> None:
    for raw in (b'"' + b"x" * 5 * MEGABYTE + b'"', b"[" + b"1," * 300_000 + b"1]"):
        _bounded(live.post(SIGN, GOOD[:-1] + b',"extension":' + raw + b"}"), 413)


MANY_ORDERS = {
    "order-sign": lambda: sign(*[order(identity=f"o-{n}") for n in range(10_000)]),
    "order-select": lambda: sign(
        *[order(identity=f"o-{n}") for n in range(10_000)],
        hook="order-select",
    ),
    "order-dispatch": lambda: dispatch(*["ServiceRequest/order-1"] * 10_000, orders=order()),
    "with their leads": lambda: sign(
        order(),
        *[order("33225", identity=f"o-{n}") for n in range(10_000)],
    ),
    "each on a day of its own": lambda: sign(
        *[
            order(
                identity=f"o-{n}",
                occurrenceDateTime=TODAY.replace(year=2019 + n % 3000).isoformat(),
            )
            for n in range(10_000)
        ],
    ),
}


@pytest.mark.parametrize("kind", MANY_ORDERS)
def test_ten_thousand_orders_of_ours_do_not_hold_the_service_up(live: Live, kind: str) -> None:
    request: Json = MANY_ORDERS[kind]()
    _bounded(live.send(request), 200, 400, 413)


def _urn_subjects() -> Json:
    """Orders that name their patient by the URL of an entry."""
    orders = [
        order("99999", identity=f"o{n}", subject={"reference": "urn:uuid:x"}) for n in range(900)
    ]
    return sign(*orders, chart=[condition("Z00.0", f"c{n}") for n in range(10_000)])


def _reasons() -> Json:
    named = [{"reference": f"Condition/x{n}"} for n in range(40_000)]
    return sign(
        order(reasonReference=named), chart=[condition("I25.5", f"c{n}") for n in range(20_000)]
    )


def _roles() -> Json:
    one = [{"individual": {"reference": "Practitioner/x"}}]
    visits = [visit(f"v{n}") | {"contained": [], "participant": one} for n in range(4000)]
    request = sign(chart=visits)
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/x"}}
    request["prefetch"]["roles"] = bundle(*[role | {"id": f"r{n}"} for n in range(20_000)])
    return request


def _contained() -> Json:
    people = [{"resourceType": "Practitioner", "id": f"x{n}"} for n in range(20_000)]
    named = [{"individual": {"reference": f"#y{n}"}} for n in range(20_000)]
    return sign(chart=[visit() | {"contained": people, "participant": named}])


def _once_had() -> Json:
    doubtful = concept("provisional", "http://terminology.hl7.org/CodeSystem/condition-ver-status")
    chart = [condition("I25.2", f"c{n}", verificationStatus=doubtful) for n in range(30_000)]
    for one in chart[::2]:
        del one["onsetDateTime"]
    return sign(chart=chart)


def _booked_for_one() -> Json:
    heavy = order(reasonCode=[concept("I50.22", ICD10CM)] * 20_000, identity="heavy")
    basis = {"reference": "ServiceRequest/heavy"}
    return book(appointment(basedOn=[basis] * 20_000), ordered=heavy)


def _dispatched_in_many_words() -> Json:
    heavy = order(reasonCode=[concept("I50.22", ICD10CM)] * 20_000, identity="heavy")
    named = [f"https://{n}.example/ServiceRequest/heavy" for n in range(1000)]
    return dispatch(*named, ordered=heavy)


@pytest.mark.parametrize(
    "make",
    [
        _urn_subjects,
        _reasons,
        _roles,
        _contained,
        _once_had,
        _booked_for_one,
        _dispatched_in_many_words,
    ],
)
def test_many_that_point_at_many_take_no_more_than_their_sum(
    live: Live, make: Callable[[], Json]
) -> None:
    _bounded(live.send(make()), 200)


def test_huge_strings_in_fields_that_are_read_are_answered(live: Live) -> None:
    huge = "x" * MEGABYTE
    request = sign(
        order(huge, identity=huge),
        chart=[
            *covered_chart(),
            condition(huge, huge),
            condition("I25.5", "c", onsetDateTime=huge),
        ],
    )
    _bounded(live.send(request), 200, 400)


LONG = "x" * MEGABYTE
INFARCTION = condition("I25.2", LONG)
EVERY_DAY = [order(identity=f"o{n}", occurrenceDateTime=f"2026-11-{n + 1:02d}") for n in range(20)]
LEADS = [order("33225", identity=f"l{n}") for n in range(99)]
LONG_NAMES: dict[str, Callable[[], Json]] = {
    "a record": lambda: sign(*EVERY_DAY, chart=[*covered_chart(), INFARCTION]),
    "an order that others depend on": lambda: sign(
        order(identity=LONG), *LEADS, chart=[*open_chart(), coverage()]
    ),
    "a Coverage": lambda: sign(*EVERY_DAY, chart=[*covered_chart(), coverage(LONG)]),
    "a Coverage that is named": lambda: sign(
        *[one | {"insurance": [{"reference": f"Coverage/{LONG[:50_000]}"}]} for one in EVERY_DAY],
        chart=covered_chart(),
        extension={"davinci-crd.requestedVersion": "2.0"},
    ),
    "an appointment": lambda: book(
        appointment(serviceType=[concept("33249", CPT)], basedOn=[]) | {"id": LONG}
    ),
    "an odd record": lambda: sign(
        *EVERY_DAY, chart=[*covered_chart(), INFARCTION | {"onsetDateTime": 5}]
    ),
}


@pytest.mark.parametrize("make", LONG_NAMES.values(), ids=LONG_NAMES)
def test_an_id_that_nobody_has_is_never_repeated(live: Live, make: Callable[[], Json]) -> None:
    response = live.send(make())
    _bounded(response, 200)
    assert response.json()["cards"]
    assert LONG[:200] not in response.text


@pytest.mark.parametrize("key", [LONG, "<b>key</b>"])
def test_a_prefetch_key_is_never_repeated_at_length(live: Live, key: str) -> None:
    request = sign(*EVERY_DAY, chart=covered_chart())
    request["prefetch"][key] = {"resourceType": "Bundle", "entry": [{"resource": bundle()}]} | {
        "link": 5
    }
    response = live.send(request)
    _bounded(response, 200)
    assert key[:200] not in response.text


def test_good_calls_are_answered_among_hostile_ones(live: Live) -> None:
    deep = _unread(b"[" * 100_000)
    big = _unread(b'"' + b"x" * 20 * MEGABYTE + b'"')
    path = f"/cds-services/{SERVICE_IDS['order-sign']}"

    def call(number: int) -> int:
        return live.post(path, (GOOD, deep, GOOD, b"{", big)[number % 5]).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(call, range(50)))
    assert statuses == [200, 400, 200, 400, 413] * 10


# Bodies of the largest size and the most values that are accepted, by what they are decoded to.
HEAVY = {
    "concepts": (b'{"resourceType":"Encounter","type":[', b"{}", b"]}"),
    "components": (b'{"resourceType":"Observation","component":[', b"{}", b"]}"),
    "conditions": (
        b'{"resourceType":"Bundle","entry":[',
        b'{"resource":{"resourceType":"Condition","code":{"coding":[{}]}}}',
        b"]}",
    ),
    "texts": (
        b'{"resourceType":"Observation","effectiveTiming":{"event":[',
        b'"0123456789"',
        b"]}}",
    ),
    "odd conditions": (
        b'{"resourceType":"Bundle","entry":[',
        b'{"resource":{"resourceType":"Condition","id":5}}',
        b"]}",
    ),
}


def test_the_heaviest_body_takes_a_bounded_amount_of_memory() -> None:
    with running() as live:
        server = process_of(live.base)
        for begin, unit, end in HEAVY.values():
            count = min(999_000, 16 * MEGABYTE // (len(unit) + 1))
            raw = begin + b",".join([unit] * count) + end
            body = GOOD.replace(b'"conditions":', b'"heavy":' + raw + b',"conditions":', 1)
            _bounded(live.post(SIGN, body), 200, 400)
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
        highest = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        assert highest < 350 * MEGABYTE
        assert live.post(SIGN, GOOD).json()["cards"]
