"""The log: JSON lines that say what happened, and nothing that says to whom."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import time
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from defib_coverage import logs
from fhir_servers import wild_server
from live_server import (
    JSON_TYPE,
    SERVICE_IDS,
    Json,
    book,
    bundle,
    condition,
    coverage,
    covered_chart,
    dispatch,
    lvef,
    order,
    patient,
    running,
)
from live_server import sign as signed_order
from registered import client_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fhir_servers import Exchange
    from live_server import Live
    from registered import Registered

pytest_plugins = ("live_server",)
# What must never be found: who the patient is, what they have, who treats them, what opens doors.
PATIENT = "pt-Quillfeather-4471"
SEEDS = (
    PATIENT,
    "Quillfeather",
    "Zebedee",
    "1931-02-03",
    "MRN-90210-77",
    "I25.5",
    "I50.22",
    "33249",
    "8806-2",
    "Dr-Marrowbone",
    "enc-Thistle-9",
    "secret-opener",
    "Ishmaelite cough",
)
TOKEN = "secret-opener-of-the-chart"  # noqa: S105 - opens nothing


def _seeded(resource: Json) -> Json:
    """A resource that says who it is about in every way that FHIR has."""
    named = resource | {
        "identifier": [{"system": "urn:mrn", "value": "MRN-90210-77"}],
        "text": {"status": "generated", "div": "<div>Zebedee Quillfeather</div>"},
        "note": [{"text": "Ishmaelite cough of Zebedee"}],
    }
    if resource["resourceType"] == "Patient":
        name = [{"family": "Quillfeather", "given": ["Zebedee"]}]
        return named | {"id": PATIENT, "birthDate": "1931-02-03", "name": name}
    return named | {"subject": {"reference": f"Patient/{PATIENT}"}}


def _order() -> Json:
    return _seeded(order(requester={"reference": "Practitioner/Dr-Marrowbone"}))


def _call(request: Json) -> Json:
    context = request["context"] | {"patientId": PATIENT}
    if "userId" in context:
        context |= {"userId": "Practitioner/Dr-Marrowbone", "encounterId": "enc-Thistle-9"}
    return request | {"context": context}


def _chart() -> list[Json]:
    return [_seeded(one) for one in (patient(), *covered_chart()[1:])]


def _calls() -> list[Json]:
    """Good calls of all hooks, and poor ones."""
    chart = _chart()
    appointment = {
        "resourceType": "Appointment",
        "id": "a-Zebedee",
        "status": "proposed",
        "start": "2027-01-04T09:00:00Z",
        "basedOn": [{"reference": "ServiceRequest/order-1"}],
        "participant": [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "accepted"}],
    }
    good = [
        signed_order(_order(), chart=chart),
        signed_order(_order(), chart=chart[:3]),
        signed_order(_order(), chart=chart, hook="order-select"),
        dispatch("ServiceRequest/order-1", chart=chart, more=bundle(_order())),
        book(appointment, chart=chart, more=bundle(_order())),
    ]
    unreadable = signed_order(_order(), chart=chart)
    unreadable["prefetch"]["conditions"]["entry"][0]["resource"]["code"] = "I25.5 Zebedee"
    nothing = signed_order(_order(), chart=chart)
    nothing["prefetch"] = {"Quillfeather": chart[0]}
    wrong_hook = signed_order(_order(), chart=chart) | {"hook": "Zebedee"}
    no_instance = signed_order(_order(), chart=chart) | {"hookInstance": "Quillfeather"}
    elsewhere = signed_order(_order(), chart=chart)
    elsewhere["context"]["selections"] = ["ServiceRequest/Zebedee"]
    elsewhere["hook"] = "order-select"
    return [_call(one) for one in (*good, unreadable, nothing, wrong_hook, no_instance, elsewhere)]


def _send_all(live: Live, headers: dict[str, str]) -> None:
    """Everything that a client may do right or wrong."""
    for call in _calls():
        body = json.dumps(call).encode()
        hook = call["hook"] if call["hook"] in SERVICE_IDS else "order-sign"
        for path in (f"/cds-services/{SERVICE_IDS[hook]}", "/determinations"):
            live.post(path, body, JSON_TYPE | headers)
    body = json.dumps(_call(signed_order(_order(), chart=_chart()))).encode()
    path = f"/cds-services/{SERVICE_IDS['order-sign']}"
    damaged = [
        body[:-40],
        body.replace(b"Zebedee", b"\xff\xfe"),
        body.replace(b'"Zebedee"', b"NaN"),
        body.replace(b'"hook"', b'"hook": "Zebedee", "hook"', 1),
        b"[" * 100_000 + b'"Quillfeather"',
        b'"Quillfeather"',
        b"",
    ]
    for one in damaged:
        live.post(path, one, JSON_TYPE | headers)
    live.post(path, body, {"Content-Type": "text/Quillfeather"} | headers)
    live.post(path, gzip.compress(body), JSON_TYPE | headers | {"Content-Encoding": "gzip"})
    live.post(path, body, JSON_TYPE | headers | {"Content-Encoding": "gzip"})
    live.post(f"/cds-services/{PATIENT}?name=Quillfeather", body, JSON_TYPE | headers)
    live.post(f"/Patient/{PATIENT}", body, JSON_TYPE | headers)
    live.get(f"/Patient/{PATIENT}?name=Quillfeather")
    live.get(f"/docs?name={PATIENT}")
    _raw(live, f"GET /{PATIENT} HTTP/1.1\r\nHost: x\r\nX: {'Zebedee' * 20_000}\r\n\r\n".encode())
    _raw(live, b"Zebedee Quillfeather wants a defibrillator 33249\r\n\r\n")
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: UXVpbGxmZWF0aGVyMTIzNA==\r\n"
    line = f"GET /Patient/{PATIENT} HTTP/1.1\r\nHost: x\r\n".encode()
    _raw(live, line + upgrade + key + b"\r\n")
    # One who goes away in the middle of a body.
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    _raw(live, f"{head}Content-Length: 100000\r\n\r\n".encode() + body[:200], wait=False)


def _raw(live: Live, data: bytes, *, wait: bool = True) -> None:
    host, port = live.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(data)
        if wait:
            try:
                connection.recv(1 << 16)
            except OSError:
                return


def _lines(live: Live) -> list[Json]:
    """The log, whose every line is a JSON object."""
    time.sleep(0.3)
    return [json.loads(line) for line in live.log().splitlines()]


def _assert_silent(live: Live) -> None:
    text = live.log()
    assert text
    for seed in (*SEEDS, TOKEN):
        assert seed.lower() not in text.lower()


def _gossip(exchange: Exchange) -> None:
    """A FHIR server that repeats what it was asked, in all the wrong ways."""
    kind = exchange.path.split("/")[1]
    text = f"{exchange.path} Zebedee Quillfeather I25.5 {exchange.head}".encode()
    if kind == "error":
        exchange.answer(text, "500 Quillfeather", "text/plain")
    elif kind == "redirect":
        exchange.answer(text, "302 Found", Location=f"/Patient/{PATIENT}")
    elif kind == "broken":
        exchange.send(text)
    elif kind == "odd":
        one = _seeded(condition("I25.5", "c-Zebedee")) | {"code": "I25.5"}
        link = [{"relation": "next", "url": f"http://elsewhere.example/{PATIENT}"}]
        exchange.answer(bundle(one, link=link))
    else:
        exchange.connection.close()


def test_no_path_of_an_open_service_logs_who_the_patient_is() -> None:
    with wild_server(_gossip) as fhir:
        kinds = ("error", "redirect", "broken", "odd", "gone")
        servers = [f"{fhir.root}/{kind}" for kind in kinds]
        with running(
            fhir_servers=",".join(servers),
            development="true",
            fhir_seconds="1",
            receive_seconds="1",
            max_body="200000",
        ) as live:
            _send_all(live, {})
            live.post("/determinations", b" " * 300_000)
            for server in (*servers, f"https://{PATIENT}.example/fhir"):
                call = _call(signed_order(_order(), chart=_chart()))
                for key in ("conditions", "observations"):
                    del call["prefetch"][key]
                call["fhirServer"] = server
                call["fhirAuthorization"] = {"access_token": TOKEN, "token_type": "Bearer"}
                live.send(call)
            _assert_silent(live)
            events = {line["event"] for line in _lines(live)}
            assert events >= {"server", "call", "refused"}
            failed = {c for line in _lines(live) for c in line.get("notFetched", ())}
            assert failed >= {"error-status", "redirected", "not-reachable", "foreign-link"}
            assert any(line.get("serverRefused") for line in _lines(live))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Registered]]:
    settings, clients = client_file(tmp_path_factory.mktemp("clients"), ehr="")
    with running(**settings, receive_seconds="1") as live:
        yield live, clients["ehr"]


def test_no_token_and_nothing_of_a_refused_call_is_logged(guarded: tuple[Live, Registered]) -> None:
    live, ehr = guarded
    path = f"/cds-services/{SERVICE_IDS['order-sign']}"
    tokens = [
        ehr.token(path),
        ehr.token(path, aud="https://Quillfeather.example"),
        ehr.token(path, iss="https://Quillfeather.example"),
        ehr.token(path, jti="Zebedee"),
        TOKEN,
        f"{TOKEN}.{TOKEN}.{TOKEN}",
    ]
    body = json.dumps(_call(signed_order(_order(), chart=_chart()))).encode()
    for token in tokens * 2:
        live.post(path, body, JSON_TYPE | {"Authorization": f"Bearer {token}"})
    _send_all(live, {"Authorization": f"Basic {TOKEN}"})
    _assert_silent(live)
    text = live.log()
    for token in tokens:
        assert not [part for part in token.split(".") if len(part) > 8 and part in text]
    lines = _lines(live)
    reasons = {line["reason"] for line in lines if line["event"] == "token-refused"}
    assert reasons >= {"audience-other", "issuer-unknown", "token-replayed", "token-garbled"}
    answered = [line for line in lines if line["event"] == "call"]
    assert {line["client"] for line in answered} == {"ehr"}


def test_a_calls_line_says_what_came_of_it(live: Live) -> None:
    request = signed_order(chart=[patient(), coverage(), condition("I25.5", "c"), lvef(30)])
    request["extension"] = {"davinci-crd.requestedVersion": "2.2"}
    live.send(request)
    (line,) = [one for one in _lines(live) if one.get("hookInstance") == request["hookInstance"]]
    assert line["event"] == "call"
    assert line["level"] == "info"
    assert line["service"] == "defibrillator-order-sign"
    assert line["policies"] == ["2018-02-15"]
    assert line["statuses"] == {"conditional": 1}
    assert line["gaps"]["not-found"] > 0
    assert line["cards"] > 0
    assert (line["version"], line["systemActions"]) == ("2.2", 1)
    assert set(line["milliseconds"]) == {"receive", "decode", "fetch", "judge", "answer"}
    assert "client" not in line


def test_of_a_librarys_line_only_its_source_is_kept() -> None:
    stream = StringIO()
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    handlers, level, server_level = root.handlers[:], root.level, server.level
    # A server of another test in this process may have set it.
    server.setLevel(logging.NOTSET)
    try:
        logs.configure(stream)
        logging.getLogger("urllib3.connectionpool").warning("GET /Patient/%s", PATIENT)
        try:
            int(PATIENT)
        except ValueError:
            server.exception("failed for %s", PATIENT)
        logging.getLogger("uvicorn.access").info("GET /Patient/%s", PATIENT)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        server.setLevel(server_level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["urllib3.connectionpool", "uvicorn.error"]
    assert lines[1]["error"] == "ValueError"
    assert PATIENT not in stream.getvalue()


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    closed = StringIO()
    try:
        logs.configure(closed)
        logs.write(logs.News(text="before"))
        kept = closed.getvalue()
        closed.close()
        logs.write(logs.News(text="after"))
        logging.getLogger("urllib3").warning("after")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert json.loads(kept)["text"] == "before"
